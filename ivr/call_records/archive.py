"""The records of calls in the hotline's database: written as often as anybody likes, read by time, deleted in time."""

import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, Select, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.call_records.path import Passage
from ivr.call_records.record import CallRecord, merged
from ivr.database.tables import CALL_RECORDS, NOTES, SURVEYS

DAY_MS: Final = 24 * 3600_000
AT_ONCE: Final = 500

_ONE_AT_A_TIME: Final = 3
_PASSAGES: Final = msgspec.msgpack.Decoder(tuple[Passage, ...])

# What follows from the others is there for those who ask the database in SQL.
_TOLD: Final = [
    CALL_RECORDS.c[name]
    for name in (
        *("call", "at", "caller", "hotline", "version", "started", "ended", "ending"),
        *("path", "spoke", "agent", "agent_group"),
    )
]


class Archived(NamedTuple):
    """A record, and what its caller thought of the human, empty where nothing was said."""

    record: CallRecord
    survey: str


class Pruned(NamedTuple):
    """How much was deleted: records of calls, agents' notes of them, and answers to the survey."""

    records: int
    notes: int
    surveys: int


class Archive:
    """The records in a database. Every method raises what the database's driver raises. Instants are ms since 1970."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def take_over(self, parts: Iterable[CallRecord]) -> None:
        """Write records or parts of them; with what is there of the same calls they become one, however often."""
        by_call: dict[str, list[CallRecord]] = {}
        for part in parts:
            by_call.setdefault(part.call, []).append(part)
        try:
            async with self.engine.begin() as connection:
                await _write(connection, by_call)
        except IntegrityError:  # another machine writes one of them in this very moment
            for call, of_one in by_call.items():
                await self._write_one(call, of_one)

    async def _write_one(self, call: str, parts: list[CallRecord]) -> None:
        for left in reversed(range(_ONE_AT_A_TIME)):
            try:
                async with self.engine.begin() as connection:
                    await _write(connection, {call: parts})
            except IntegrityError:
                if not left:
                    raise
            else:
                return

    async def one(self, call: str) -> Archived | None:
        """Give the record of a call."""
        async with self.engine.connect() as connection:
            row = (await connection.execute(_with_surveys().where(CALL_RECORDS.c.call == call))).first()
        return None if row is None else _read(row)

    async def between(self, first: int, last: int) -> AsyncIterator[list[Archived]]:
        """Give the records of the calls that started in a time (``last`` excluded), in order, some at once."""
        columns = CALL_RECORDS.c
        query = _with_surveys().where(columns.at >= first, columns.at < last)
        query = query.order_by(columns.at, columns.call).limit(AT_ONCE)
        more = query
        while True:
            async with self.engine.connect() as connection:
                rows = (await connection.execute(more)).all()
            if rows:
                yield [_read(row) for row in rows]
            if len(rows) < AT_ONCE:
                return
            at, call = rows[-1].at, rows[-1].call
            more = query.where(or_(columns.at > at, and_(columns.at == at, columns.call > call)))

    async def prune(self, before: int) -> Pruned:
        """Delete what is known of calls from before an instant; give how much there was.

        An unhappy answer stays for as long as somebody still has to look into it.
        """
        answers = SURVEYS.c
        to_do = (answers.score == "dissatisfied") & answers.handled_at.is_(None)
        async with self.engine.begin() as connection:
            records = await connection.execute(delete(CALL_RECORDS).where(CALL_RECORDS.c.at < before))
            notes = await connection.execute(delete(NOTES).where(NOTES.c.at < before))
            surveys = await connection.execute(delete(SURVEYS).where((answers.at < before) & ~to_do))
        return Pruned(records.rowcount, notes.rowcount, surveys.rowcount)


async def _write(connection: AsyncConnection, by_call: dict[str, list[CallRecord]]) -> None:
    there = select(*_TOLD).where(CALL_RECORDS.c.call.in_(by_call)).with_for_update()
    known = {row.call: _record(row) for row in await connection.execute(there)}
    new = [_row(merged(parts)) for call, parts in by_call.items() if call not in known]
    if new:
        await connection.execute(insert(CALL_RECORDS), new)
    for call, record in known.items():
        whole = merged([record, *by_call[call]])
        if whole != record:
            await connection.execute(update(CALL_RECORDS).where(CALL_RECORDS.c.call == call).values(_row(whole)))


def _with_surveys() -> Select[Any]:
    return select(*_TOLD, SURVEYS.c.score).join_from(
        CALL_RECORDS, SURVEYS, CALL_RECORDS.c.call == SURVEYS.c.call, isouter=True
    )


def _read(row: Row[Any]) -> Archived:
    return Archived(_record(row), row.score or "")


def _record(row: Row[Any]) -> CallRecord:
    return CallRecord(
        call=row.call,
        caller=row.caller,
        hotline=row.hotline,
        version=row.version,
        started=row.started,
        ended=row.ended,
        ending=row.ending,
        passages=_PASSAGES.decode(zlib.decompress(row.path)),
        spoke=row.spoke,
        agent=row.agent,
        group=row.agent_group,
    )


def _row(record: CallRecord) -> dict[str, Any]:
    return {
        "call": record.call,
        "at": record.began,
        "hotline": record.hotline,
        "version": record.version,
        "started": record.started,
        "ended": record.ended,
        "ending": record.ending,
        "caller": record.caller,
        "languages": ",".join(record.languages),
        "outcome": record.outcome,
        "answered_after": record.answered_after,
        "verified": record.verified,
        "spoke": record.spoke,
        "agent": record.agent,
        "agent_group": record.group,
        "age": record.age,
        "slow": record.slow,
        "silences": record.slips("silence"),
        "wrong_keys": record.slips("wrong"),
        "whole": record.whole,
        "path": zlib.compress(msgspec.msgpack.encode(record.passages), level=1),
    }
