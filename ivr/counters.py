"""Count attempts over all calls and workers: sliding windows with reservations, by the clock of Redis.

The counters lie in 16 shares, each in one slot of a cluster together with an epoch key of its own: `ivr:epoch:{share7}`
vouches for every `ivr:count:…:{share7}:…`. Whichever server a slot lies on or moves to, counters and epoch are kept,
moved, and lost together, and the step that reserves a place sees both.
"""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["Counters", "Refused", "Reserved", "StoreAway", "Window"]

SHARES = 16
"""How many slots the counters are spread over. Another number would look for them elsewhere, and so forget them."""

WRITTEN = tuple(f"ivr:written:{{share{share}}}" for share in range(SHARES))
"""Keys that are written to see whether each share can be; they are gone at once, and nobody finds them."""

EPOCHS = tuple(f"ivr:epoch:{{share{share}}}" for share in range(SHARES))
"""The only keys without an end: no call causes them. A share whose epoch is missing has lost its counts."""

KEEP_AFTER_S = 60.0
LATELY_S = 1.0
"""For so long a confirmed epoch is taken for granted where a mistake costs a caller a question, never an attempt."""


class Window(NamedTuple):
    """One counter, named by a kind and a value ("account", its number): ``limit`` places in ``window_s`` seconds.

    With ``of`` it counts distinct values of that ("accounts per calling number"): one that is counted already is never
    refused. A reservation takes so many ``places``.
    """

    kind: str
    value: str
    limit: int
    window_s: float
    of: str | None = None
    places: int = 1


@dataclass(frozen=True, slots=True)
class Reserved:
    """The places are taken; ``taken`` are those of the first counter, with them.

    ``giving_back`` are the steps that free those of this ``reservation``, for whoever has a trip to make anyway.
    """

    taken: int
    reservation: str = field(default="", compare=False)
    giving_back: tuple[Command, ...] = field(default=(), compare=False)


class Wanted(NamedTuple):
    """Places that a reservation wants: a counter, the step that takes them, and the one that frees them, each."""

    reservation: str
    counters: tuple[Window, ...]
    taking: tuple[Command, ...]
    giving_back: tuple[Command, ...]


class Refused(Struct, frozen=True):
    """A counter, of this kind, has no places left; nothing was changed at any of them. ``taken`` are its places."""

    taken: int
    by: str


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
        self._taken = self._line.script("taken")
        self._free_until: dict[tuple[str, str], float] = {}

    async def reserve(self, counters: Sequence[Window], reservation: str) -> Reserved | Refused:
        """Take places at every counter; the first one that refuses, in this order, is told, and none keeps any.

        Each counter is one atomic step in a slot of its own; all are asked in one trip, so that those behind a refusal
        hold their places until the next one. The same ``reservation`` again takes no second place. Raises StoreAway
        also where the store has lost its counts.
        """
        wanted = self.wanted(counters, reservation)
        return await self.told(wanted, await self._line.ask_all(wanted.taking))

    def wanted(self, counters: Sequence[Window], reservation: str) -> Wanted:
        """Give the steps of a reservation, for whoever has a trip to make anyway and gives `told` their answers."""
        places = [(counter, place) for counter in counters for place in self._places(counter)]
        return Wanted(
            reservation,
            tuple(counter for counter, _ in places),
            tuple(self._taking(counter, place, reservation) for counter, place in places),
            tuple(_release(counter, place, reservation) for counter, place in places),
        )

    async def told(self, wanted: Wanted, answers: Sequence[Any]) -> Reserved | Refused:
        """Read what the steps of a reservation answered, as `reserve` gives and raises it."""
        if all(said == b"reserved" for said, _ in answers):
            return Reserved(answers[0][1], wanted.reservation, wanted.giving_back)
        granted = [back for back, (said, _) in zip(wanted.giving_back, answers, strict=True) if said == b"reserved"]
        if granted:
            await self.give_back(granted)
        if any(said == b"lost" for said, _ in answers):
            raise StoreAway("Redis has lost its counts: no attempt is granted until an operator confirms them.")
        return next(
            Refused(taken, counter.kind)
            for counter, (said, taken) in zip(wanted.counters, answers, strict=True)
            if said == b"refused"
        )

    def _taking(self, counter: Window, place: _Place, reservation: str) -> Command:
        window_ms, keep_ms = round(counter.window_s * 1000), round(KEEP_AFTER_S * 1000)
        args = (place.group, reservation, counter.limit, window_ms, keep_ms, counter.places)
        return self._reserve.command([place.key, place.epoch], args)

    async def give_back(self, giving_back: Sequence[Command]) -> None:
        """Free the places of a reservation; nothing happens where it has none."""
        await self._line.ask_all(giving_back)

    def giving_back(self, counters: Sequence[Window], reservation: str) -> list[Command]:
        """Give the steps that free the places of a reservation, for whoever has a trip to make anyway."""
        return [_release(counter, place, reservation) for counter in counters for place in self._places(counter)]

    async def epoch_confirmed(self) -> bool:
        """Tell whether the counts in this store are known to be whole."""
        return bool(await self._line.ask(self._redis.exists(*EPOCHS)) == SHARES)

    async def check_written(self) -> None:
        """Raise StoreAway where this store takes nothing, though it may answer: it is full, or a replica."""
        await self._line.ask_all([Command(("SET", key, b"1", "PX", 1)) for key in WRITTEN])

    async def lately_free(self, counter: Window) -> bool:
        """Tell whether within the last second the counts were known to be whole, and this counter to have a place.

        That is enough to ask for a number; what an attempt needs is told by its reservation. That it is not so is never
        remembered, so calls go on as soon as an operator confirms the counts, or a place comes free. ``counter`` is one
        of few, such as a hotline's, and counts every reservation by itself.
        """
        now, name = asyncio.get_running_loop().time(), (counter.kind, counter.value)
        if now < self._free_until.get(name, 0.0):
            return True
        if not await self.epoch_confirmed():
            return False
        args = [round(counter.window_s * 1000)]
        steps = [self._taken.command([place.key, place.epoch], args) for place in self._places(counter)]
        answers = await self._line.ask_all(steps)
        if any(said == b"lost" or taken >= counter.limit for said, taken in answers):
            return False
        self._free_until[name] = now + LATELY_S
        return True

    async def confirm_epoch(self) -> None:
        """Vouch for the counts in this store: the operator's word, or the embedded server's first start."""
        await self._line.ask_all([Command(("SET", epoch, b"1")) for epoch in EPOCHS])

    def _places(self, counter: Window) -> list[_Place]:
        names = self._seals.names(f"count {counter.kind}", counter.value)
        of = counter.of
        groups = [""] * len(names) if of is None else self._seals.names(f"count {counter.kind} of", of)
        return [_place(counter.kind, name, group) for name, group in zip(names, groups, strict=True)]


def _place(kind: str, name: str, group: str) -> _Place:
    share = zlib.crc32(name.encode()) % SHARES
    return _Place(f"ivr:count:{kind}:{{share{share}}}:{name}", EPOCHS[share], group)


def _release(counter: Window, place: _Place, reservation: str) -> Command:
    member = f"{place.group}/{reservation}"
    more = (f"{member}+{number}" for number in range(2, counter.places + 1))
    return Command(("ZREM", place.key, member, *more))
