"""The callbacks that agents work off, in the hotline's database: oldest first, three attempts, half an hour apart."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.bookings import Booking, opened_booking, sealed_booking
from ivr.database.tables import CALLBACKS
from ivr.seals import Seals

Outcome = Literal["reached", "no_answer", "wrong_number"]

ATTEMPTS: Final = 3
AGAIN_MS: Final = 30 * 60_000
"""How long after a callback that nobody answered the next attempt is due."""

REPLACED: Final = "replaced"
"""The outcome of a callback whose number was booked once more."""


class Callback(NamedTuple):
    """A callback to be made. Instants are ms since 1970; `booking` is None where the secret that sealed it is gone."""

    id: int
    name: str
    booked_at: int
    due_at: int
    attempts: int
    outcome: str
    booking: Booking | None


class CallbackList:
    """The callbacks in the hotline's database. Every method raises what the database's driver raises."""

    def __init__(self, engine: AsyncEngine, seals: Seals) -> None:
        self._engine = engine
        self._seals = seals

    async def take_over(self, bookings: Mapping[str, Booking]) -> None:
        """Write down what callers booked; what is there already stays as it is, whoever wrote it.

        Of one number the last booking is open alone: after a week, or where Redis has lost that it was booked, a caller
        may have been told another code, and whoever says the first one would be taken for a stranger.
        """
        columns = CALLBACKS.c
        for name, booking in bookings.items():
            sealed = sealed_booking(self._seals, name, booking)
            row = {
                "name": name,
                "call": booking.call,
                "booked_at": booking.at,
                "due_at": booking.at,
                "attempts": 0,
                "outcome": "",
                "sealed": sealed,
            }
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(insert(CALLBACKS).values(row))
                    another = (columns.call != booking.call) | (columns.booked_at != booking.at)
                    before = (columns.name == name) & (columns.outcome == "") & another
                    await connection.execute(update(CALLBACKS).where(before).values(outcome=REPLACED, sealed=b""))
            except IntegrityError:
                continue  # handed over before, here or by another machine

    async def open(self) -> list[Callback]:
        """Give the callbacks that are not done, first come, first served."""
        query = select(CALLBACKS).where(CALLBACKS.c.outcome == "").order_by(CALLBACKS.c.booked_at, CALLBACKS.c.id)
        async with self._engine.connect() as connection:
            return [self._read(row) for row in await connection.execute(query)]

    async def numbered(self, id_: int) -> Callback | None:
        """Give one callback by its number in the list; None where it is not open."""
        return await self._one(CALLBACKS.c.id == id_)

    async def named(self, name: str) -> Callback | None:
        """Give one callback by what stands for its telephone number; None where none is open."""
        return await self._one(CALLBACKS.c.name == name)

    async def _one(self, which: ColumnElement[bool]) -> Callback | None:
        query = select(CALLBACKS).where(which & (CALLBACKS.c.outcome == ""))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else self._read(row)

    async def note(self, id_: int, outcome: Outcome, now: int, *, attempt: int | None = None) -> Callback | None:
        """Note how an attempt ended, and give the callback as it is then; None where no such one is open.

        ``no_answer`` leaves it open until the third attempt. Where it is done, number and code are wiped. Of two agents
        who note the same attempt, one is heard. With `attempt` it is noted only where so many went before.
        """
        columns = CALLBACKS.c
        async with self._engine.begin() as connection:
            is_open = (columns.id == id_) & (columns.outcome == "")
            row = (await connection.execute(select(CALLBACKS).where(is_open))).first()
            if row is None or attempt not in (None, row.attempts):
                return None
            attempts = row.attempts + 1
            done = outcome != "no_answer" or attempts >= ATTEMPTS
            change = {"outcome": outcome, "sealed": b""} if done else {"due_at": now + AGAIN_MS}
            still = is_open & (columns.attempts == row.attempts)
            changed = await connection.execute(update(CALLBACKS).where(still).values(attempts=attempts, **change))
            if not changed.rowcount:
                return None
            return self._read((await connection.execute(select(CALLBACKS).where(columns.id == id_))).one())

    def _read(self, row: Row[Any]) -> Callback:
        return Callback(
            id=row.id,
            name=row.name,
            booked_at=row.booked_at,
            due_at=row.due_at,
            attempts=row.attempts,
            outcome=row.outcome,
            booking=opened_booking(self._seals, row.name, row.sealed),
        )
