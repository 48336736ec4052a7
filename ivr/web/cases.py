"""The case that an agent is at: whom they took, and how far it has come, until a note is written."""

from typing import Any, Final, Literal

from msgspec import Struct
from redis.asyncio import Redis

from ivr.agents.queue import Waiter
from ivr.redis_line import RedisLine
from ivr.seals import Seals

Phase = Literal["ringing", "speaking", "over", "missed", "calling_back", "unreached", "limit"]
"""``missed``: the agent's phone was not answered, and the caller waits again. ``over``: both have hung up, or the
caller did before they spoke. ``calling_back``: a callback, whose two phones ring one after the other. ``unreached``:
a callback that is over, since the carrier could not ring the member; ``limit``: since so often nobody is rung."""

KEPT_MS: Final = 12 * 3600_000
_WHAT: Final = "case"


class Case(Struct, frozen=True):
    """A case. `taken_at` and `since` are ms since 1970; `callback` is the number of a callback in the list, 0 for none;
    `to` is the group to which the caller was handed over."""

    waiter: Waiter
    taken_at: int
    since: int
    phase: Phase
    callback: int = 0
    to: str = ""


class Cases:
    """The cases, one for each agent. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)

    async def of(self, agent: str) -> Case | None:
        """Give the case that an agent is at."""
        sealed = await self._line.ask(self._redis.get(_key(agent)))
        return self._seals.open_struct(sealed, Case, call=agent, what=_WHAT)

    async def begin(self, agent: str, case: Case) -> None:
        """Put a case before an agent."""
        await self._put(agent, case)

    async def change(self, agent: str, case: Case) -> None:
        """Note how far a case has come; one that was closed meanwhile stays closed."""
        await self._put(agent, case, xx=True)

    async def close(self, agent: str) -> None:
        """Put the case away."""
        await self._line.ask(self._redis.delete(_key(agent)))

    async def _put(self, agent: str, case: Case, **only: Any) -> None:
        sealed = self._seals.seal_struct(case, call=agent, what=_WHAT)
        await self._line.ask(self._redis.set(_key(agent), sealed, px=KEPT_MS, **only))


def _key(agent: str) -> str:
    return f"ivr:desk:case:{{{agent}}}"
