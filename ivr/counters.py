"""Count attempts over all calls and workers: sliding windows with reservations, by the clock of Redis."""

import asyncio

from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["Counters", "Refused", "Reserved", "StoreAway"]

EPOCH = "ivr:epoch"
"""The one key without an end: no call causes it. A store that lacks it has lost its counts."""

KEEP_AFTER_S = 60.0
LATELY_S = 1.0
"""For so long a confirmed epoch is taken for granted where a mistake costs a caller a question, never an attempt."""


class Reserved(Struct, frozen=True):
    """A place is taken; ``taken`` includes it."""

    taken: int


class Refused(Struct, frozen=True):
    """All places of the window are taken; nothing was changed."""

    taken: int


class Counters:
    """Counters in Redis, named by keyed HMACs. Every method raises StoreAway where the store does not confirm.

    While a secret is being changed each reservation is made under both names: workers that know only one of the two
    count together with those that know both, and nothing that was counted before is forgotten. Keep both secrets for
    at least the longest window.
    """

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._reserve = self._line.script("reserve")
        self._whole_until = 0.0

    async def reserve(
        self, kind: str, value: str, *, limit: int, window_s: float, reservation: str, of: str | None = None
    ) -> Reserved | Refused:
        """Take one of ``limit`` places within the last ``window_s`` seconds, in one atomic step.

        ``kind`` and ``value`` name the counter ("account", its number). The same ``reservation`` again takes no second
        place. With ``of`` the counter counts distinct values of it ("accounts per calling number"): one that is
        counted already is never refused. Raises StoreAway also where the store has lost its counts.
        """
        places = self._places(kind, value, of)
        for done, (key, group) in enumerate(places):
            args = (group, reservation, limit, round(window_s * 1000), round(KEEP_AFTER_S * 1000))
            granted, taken = await self._line.ask(self._reserve(keys=[key], args=args))
            if not granted:
                await self._release(places[:done], reservation)
                return Refused(taken)
        # Asked afterwards: had the counts been lost before the step, the epoch would be missing now.
        if not await self.epoch_confirmed():
            await self._release(places, reservation)
            raise StoreAway("Redis has lost its counts: no attempt is granted until an operator confirms them.")
        return Reserved(taken)

    async def give_back(self, kind: str, value: str, reservation: str, *, of: str | None = None) -> None:
        """Free the place of a reservation; nothing happens where it has none."""
        await self._release(self._places(kind, value, of), reservation)

    async def epoch_confirmed(self) -> bool:
        """Tell whether the counts in this store are known to be whole."""
        return bool(await self._line.ask(self._redis.exists(EPOCH)))

    async def lately_confirmed(self) -> bool:
        """Tell whether the counts were known to be whole within the last second.

        That is enough to ask for a number; what an attempt needs is told by its reservation. That they are not whole
        is never remembered, so calls go on as soon as an operator confirms them.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._whole_until and await self.epoch_confirmed():
            self._whole_until = now + LATELY_S
        return now < self._whole_until

    async def confirm_epoch(self) -> None:
        """Vouch for the counts in this store: the operator's word, or the embedded server's first start."""
        await self._line.ask(self._redis.set(EPOCH, b"1", nx=True))

    async def _release(self, places: list[tuple[str, str]], reservation: str) -> None:
        for key, group in places:
            await self._line.ask(self._redis.zrem(key, f"{group}/{reservation}"))

    def _places(self, kind: str, value: str, of: str | None) -> list[tuple[str, str]]:
        names = self._seals.names(f"count {kind}", value)
        groups = [""] * len(names) if of is None else self._seals.names(f"count {kind} of", of)
        return [(f"ivr:count:{kind}:{{{name}}}", group) for name, group in zip(names, groups, strict=True)]
