"""The messages that agents listen to, in the hotline's database: oldest first, gone after their retention."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.tables import MESSAGES
from ivr.messages import Message, opened_message, sealed_message
from ivr.seals import Seals

_DROPPED_AT: Final = 0


class Kept(NamedTuple):
    """A message as it is kept. Instants are ms since 1970; `message` is None where the secret that sealed it is gone.

    `done_by` names the agent who saw to it, empty while nobody has.
    """

    id: int
    recording: str
    at: int
    done_by: str
    message: Message | None


class MessageList:
    """The messages in the hotline's database. Every method raises what the database's driver raises."""

    def __init__(self, engine: AsyncEngine, seals: Seals) -> None:
        self._engine = engine
        self._seals = seals

    async def take_over(self, messages: Mapping[str, Message]) -> None:
        """Write down what callers left; what is there already stays as it is, whoever wrote it.

        What was dropped is too old at once, and there is nothing to do about it.
        """
        for recording, message in messages.items():
            row: dict[str, Any] = {"recording": recording, "at": message.at, "done_by": "", "deleted": False}
            if message.dropped:
                row |= {"at": _DROPPED_AT, "done_at": message.at}
            try:
                async with self._engine.begin() as connection:
                    sealed = sealed_message(self._seals, message)
                    await connection.execute(insert(MESSAGES).values(row | {"sealed": sealed}))
            except IntegrityError:
                continue  # handed over before, here or by another machine

    async def open(self) -> list[Kept]:
        """Give the messages that nobody has seen to, the oldest first."""
        return await self._found(and_(MESSAGES.c.done_at.is_(None), MESSAGES.c.deleted.is_(False)))

    async def find(self, id_: int) -> Kept | None:
        """Give a message that can be listened to; None where there is none, or none any more."""
        heard = and_(MESSAGES.c.id == id_, MESSAGES.c.deleted.is_(False), MESSAGES.c.at > _DROPPED_AT)
        return next(iter(await self._found(heard)), None)

    async def done(self, id_: int, agent: str, now: int) -> bool:
        """Note who saw to a message; of two agents the first is noted, and only that one gets True."""
        still = and_(MESSAGES.c.id == id_, MESSAGES.c.done_at.is_(None), MESSAGES.c.deleted.is_(False))
        async with self._engine.begin() as connection:
            changed = await connection.execute(update(MESSAGES).where(still).values(done_by=agent, done_at=now))
        return bool(changed.rowcount)

    async def older_than(self, instant: int) -> list[Kept]:
        """Give the messages from before an instant whose recordings are still with the carrier."""
        return await self._found(and_(MESSAGES.c.at < instant, MESSAGES.c.deleted.is_(False)))

    async def deleted(self, ids: Sequence[int]) -> None:
        """Note that recordings are gone; with them goes what is known of the callers."""
        change = update(MESSAGES).where(MESSAGES.c.id.in_(ids)).values(deleted=True, sealed=b"")
        async with self._engine.begin() as connection:
            await connection.execute(change)

    async def _found(self, which: ColumnElement[bool]) -> list[Kept]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(MESSAGES).where(which).order_by(MESSAGES.c.at, MESSAGES.c.id))
            return [self._read(row) for row in rows]

    def _read(self, row: Row[Any]) -> Kept:
        message = opened_message(self._seals, row.recording, row.sealed)
        return Kept(row.id, row.recording, row.at, row.done_by, message)
