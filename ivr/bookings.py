"""Callbacks as they are booked: one for each number, in Redis until the hotline's database has them.

Nobody who calls waits for the database. What is booked waits in a hash of Redis, sealed, and the parent process hands
it over; the key of the number stays until the callback is done, so that nobody books it a second time.
"""

from collections.abc import Sequence
from secrets import randbelow
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals
from ivr.waiting_room import WaitingRoom

__all__ = ["Booking", "Bookings", "StoreAway"]

KEPT_MS: Final = 7 * 24 * 3600_000
"""A callback that nobody has made after a week is forgotten: its number may be booked again."""

WAITING: Final = "ivr:{callbacks}:waiting"
OPEN: Final = "ivr:{callbacks}:open"
"""How many are open in the database, as the parent counted lately."""

_WHAT: Final = "callback"


class Booking(Struct, frozen=True):
    """A callback as its caller wanted it. `at` is ms since 1970, `code` is what the agent has to say first.

    What comes after it is what the agent sees of the call in which it was booked, as on the card of who waits.
    """

    call: str
    hotline: str
    number: str
    code: str
    lang: str
    asked: str
    verified: bool
    slow: bool
    at: int
    path: tuple[str, ...] = ()
    answered: bool = False
    repeats: int = 0
    silences: int = 0
    age_band: str = ""
    keyed_tail: str = ""


class Bookings:
    """The open callbacks. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._book = self._line.script("book")
        self.room = WaitingRoom(redis, self._line, WAITING, self._opened)

    async def book(self, booking: Booking) -> Booking | None:
        """Book a callback and give it; None where another call has booked one to this number.

        The same call gets what it booked already, code and all, however often it asks.
        """
        name, *older = self.names(booking.number)
        if older and await self._any_kept(older):  # booked under a secret that is on its way out
            return None
        sealed = sealed_booking(self._seals, name, booking)
        said, kept = await self._line.ask(
            self._book(keys=[_key(name), WAITING], args=[booking.call, name, sealed, KEPT_MS])
        )
        return self._opened(name, kept) if said == b"booked" else None

    async def is_booked(self, number: str) -> bool:
        """Tell whether a callback to this number is open."""
        return await self._any_kept(self.names(number))

    def names(self, number: str) -> tuple[str, ...]:
        """Give what stands for a number, under every secret, the newest first."""
        return self._seals.names(_WHAT, number)

    async def _any_kept(self, names: Sequence[str]) -> bool:
        return bool(await self._line.ask(self._redis.exists(*map(_key, names))))

    # --- for the parent process, which hands over, and for whoever has called back ---

    async def waiting(self) -> dict[str, Booking]:
        """Give what waits for the database, by what stands for its number."""
        return await self.room.waiting()

    async def closed(self, name: str) -> None:
        """Let a number be booked again, because its callback is done."""
        await self._line.ask(self._redis.delete(_key(name)))

    def _opened(self, name: str, sealed: bytes) -> Booking | None:
        return opened_booking(self._seals, name, sealed)


def sealed_booking(seals: Seals, name: str, booking: Booking) -> bytes:
    """Seal a booking for Redis and for the database; `name` stands for its number."""
    return seals.seal_struct(booking, call=name, what=_WHAT)


def opened_booking(seals: Seals, name: str, sealed: bytes) -> Booking | None:
    """Open a sealed booking; None for anything else."""
    return seals.open_struct(sealed, Booking, call=name, what=_WHAT)


def new_code() -> str:
    """Make a code of four digits that nobody can guess."""
    return f"{randbelow(10_000):04d}"


def _key(name: str) -> str:
    return f"ivr:{{callbacks}}:{name}"
