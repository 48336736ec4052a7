"""Read where calls are, as all workers tell it."""

from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from ivr.live import tallies
from ivr.live.calls import CALLS, WHAT, LiveCall
from ivr.live.tallies import Tally
from ivr.redis_line import RedisLine
from ivr.seals import Seals


class Board:
    """What workers tell of their calls. Every method raises StoreAway where Redis does not answer.

    `now` gives ms since 1970.
    """

    def __init__(self, redis: Redis, seals: Seals, now: Callable[[], int], *, deadline: float) -> None:
        self._redis: Any = redis
        self._seals = seals
        self._now = now
        self._line = RedisLine(redis, deadline=deadline)

    async def calls(self) -> list[LiveCall]:
        """Give the calls that are under way, the newest first; those of which nothing is heard any more are dropped."""
        kept: dict[bytes, bytes] = await self._line.ask(self._redis.hgetall(CALLS))
        now, found, gone = self._now(), [], []
        for field, sealed in kept.items():
            call = self._opened(field, sealed)
            if call is not None and call.until > now:
                found.append(call)
            else:
                gone.append(field)
        if gone:
            await self._line.ask(self._redis.hdel(CALLS, *gone))
        return sorted(found, key=lambda call: (-call.started, call.name))

    def _opened(self, field: bytes, sealed: bytes) -> LiveCall | None:
        return self._seals.open_struct(sealed, LiveCall, call=field.decode("ascii", "replace"), what=WHAT)

    async def minutes(self, count: int) -> list[Tally]:
        """Give what was counted in the last minutes, the present one last."""
        return await tallies.read(self._line, count, self._now())
