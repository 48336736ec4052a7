"""Looks at callers' cards: each leaves an audit entry of its own, and that of the taking is the first look's."""

import contextlib
from typing import Final, Literal

from redis.asyncio import Redis

from ivr.agents.queue import call_of
from ivr.audit.trail import AuditAwayError, AuditTrail
from ivr.redis_line import RedisLine, StoreAway

By = Literal["page", "stream", "taking"]
"""What shows a card: a page anew, or because its stream told of a case, or the answer to the taking."""

CARD: Final = "card"
"""Field of the entry of an agent who opened a caller's card; its outcome names the agent."""

FIRST_LOOK_MS: Final = 10_000
"""So soon after the taking comes the look that its entry is about."""
SAME_LOOK_MS: Final = 2000
"""So long a page that shows a card already may ask for it once more, because its stream tells of it as well."""


class Looks:
    """Enters looks before any card is shown."""

    def __init__(self, trail: AuditTrail, redis: Redis, *, deadline: float) -> None:
        self._trail = trail
        self._redis = redis
        self._line = RedisLine(redis, deadline=deadline)

    async def taken(self, call: str, agent: str) -> bool:
        """Enter that an agent takes a caller, whose card is shown next; tell whether that is written."""
        try:
            await self._enter(call, agent)
        except AuditAwayError:
            return False
        await self._comes(call, agent, "any", FIRST_LOOK_MS)
        return True

    async def look(self, call: str, agent: str, by: By) -> None:
        """Enter a look, unless it is entered already. Raises AuditAwayError: then there is no card."""
        entered = None
        with contextlib.suppress(StoreAway):  # then there is an entry more, and never one too few
            entered = await self._line.ask(self._redis.getdel(_key(agent)))
        if entered not in (_name(call, "any"), _name(call, by)):
            await self._enter(call, agent)
        # A page with scripts is told of the case by its stream and by the answer to the taking, in either order.
        if by == "taking" and entered != _name(call, "taking"):
            await self._comes(call, agent, "stream", SAME_LOOK_MS)
        elif by == "stream" and entered == _name(call, "any"):
            await self._comes(call, agent, "taking", SAME_LOOK_MS)

    async def _comes(self, call: str, agent: str, by: Literal["any", "stream", "taking"], within_ms: int) -> None:
        with contextlib.suppress(StoreAway):
            await self._line.ask(self._redis.set(_key(agent), _name(call, by), px=within_ms))

    async def _enter(self, call: str, agent: str) -> None:
        await self._trail.enter(call_of(call), "", CARD, f"agent {agent}")


def _name(call: str, by: str) -> bytes:
    return f"{by} {call_of(call)}".encode()


def _key(agent: str) -> str:
    return f"ivr:desk:look:{{{agent}}}"
