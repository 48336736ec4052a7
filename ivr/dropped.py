"""Calls that broke off before their answer: the same caller is offered to go on for ten minutes.

Only the choice in the main menu is kept, sealed, under a keyed HMAC of the calling number: never a number that was
keyed, and nothing at all for callers who withhold theirs.
"""

from redis.asyncio import Redis

from ivr.calling_numbers import is_telephone
from ivr.redis_line import PATIENCE, RedisLine
from ivr.seals import Seals

KEPT_MS = 10 * 60_000


class DroppedCalls:
    """The unfinished choices of callers by their calling numbers. Every method may raise StoreAway."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)

    async def note(self, calling: str, chosen: str) -> None:
        """Keep what the caller had chosen and was not told before the call broke off; nothing where that is nothing."""
        if not chosen or not is_telephone(calling):
            return
        name = self._seals.name("dropped", calling)
        sealed = self._seals.seal(chosen.encode(), call=name, what="dropped")
        await self._line.ask(self._redis.set(_key(name), sealed, px=KEPT_MS))

    async def recall(self, calling: str) -> str:
        """Give what this caller had chosen and forget it; nothing where there is nothing to go on with."""
        if not is_telephone(calling):
            return ""
        name = self._seals.name("dropped", calling)
        sealed = await self._line.ask(self._redis.getdel(_key(name)))
        opened = self._seals.open(sealed, call=name, what="dropped") if isinstance(sealed, bytes) else None
        return "" if opened is None else opened.decode()


def _key(name: str) -> str:
    return f"ivr:dropped:{{{name}}}"
