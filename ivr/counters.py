"""Count attempts over all calls and workers: sliding windows with reservations, by the clock of Redis.

The counters lie in 16 shares, each in one slot of a cluster together with an epoch key of its own: `ivr:epoch:{share7}`
vouches for every `ivr:count:…:{share7}:…`. Whichever server a slot lies on or moves to, counters and epoch are kept,
moved, and lost together, and the step that reserves a place sees both.
"""

import asyncio
import zlib
from typing import NamedTuple

from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["Counters", "Refused", "Reserved", "StoreAway"]

SHARES = 16
"""How many slots the counters are spread over. Another number would look for them elsewhere, and so forget them."""

EPOCHS = tuple(f"ivr:epoch:{{share{share}}}" for share in range(SHARES))
"""The only keys without an end: no call causes them. A share whose epoch is missing has lost its counts."""

KEEP_AFTER_S = 60.0
LATELY_S = 1.0
"""For so long a confirmed epoch is taken for granted where a mistake costs a caller a question, never an attempt."""


class Reserved(Struct, frozen=True):
    """A place is taken; ``taken`` includes it."""

    taken: int


class Refused(Struct, frozen=True):
    """All places of the window are taken; nothing was changed."""

    taken: int


class _Place(NamedTuple):
    """A counter, the epoch of its share, and what is counted once in it however often it comes ('' nothing)."""

    key: str
    epoch: str
    group: str


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
        for done, place in enumerate(places):
            args = (place.group, reservation, limit, round(window_s * 1000), round(KEEP_AFTER_S * 1000))
            said, taken = await self._line.ask(self._reserve(keys=[place.key, place.epoch], args=args))
            if said != b"reserved":
                await self._release(places[:done], reservation)
                if said == b"lost":
                    raise StoreAway("Redis has lost its counts: no attempt is granted until an operator confirms them.")
                return Refused(taken)
        return Reserved(taken)

    async def give_back(self, kind: str, value: str, reservation: str, *, of: str | None = None) -> None:
        """Free the place of a reservation; nothing happens where it has none."""
        await self._release(self._places(kind, value, of), reservation)

    async def epoch_confirmed(self) -> bool:
        """Tell whether the counts in this store are known to be whole."""
        return bool(await self._line.ask(self._redis.exists(*EPOCHS)) == SHARES)

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
        for epoch in EPOCHS:
            await self._line.ask(self._redis.set(epoch, b"1"))

    async def _release(self, places: list[_Place], reservation: str) -> None:
        for place in places:
            await self._line.ask(self._redis.zrem(place.key, f"{place.group}/{reservation}"))

    def _places(self, kind: str, value: str, of: str | None) -> list[_Place]:
        names = self._seals.names(f"count {kind}", value)
        groups = [""] * len(names) if of is None else self._seals.names(f"count {kind} of", of)
        return [_place(kind, name, group) for name, group in zip(names, groups, strict=True)]


def _place(kind: str, name: str, group: str) -> _Place:
    share = zlib.crc32(name.encode()) % SHARES
    return _Place(f"ivr:count:{kind}:{{share{share}}}:{name}", EPOCHS[share], group)
