"""What agents note of their talks, and which unhappy answers somebody has to look into, in the hotline's database."""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.tables import LONGEST_PATH, NOTES, SURVEYS
from ivr.seals import Seals

MOST_OPEN: Final = 100

_WHAT: Final = "note"


class Note(NamedTuple):
    """A note. `at` is ms since 1970, `path` the services that the caller chose, `outcome` one word for how it ended."""

    call: str
    hotline: str
    group: str
    agent: str
    kind: str
    path: tuple[str, ...]
    outcome: str
    at: int
    text: str


class Unhappy(NamedTuple):
    """A caller who was not satisfied, the services chosen, and what the agents noted who spoke with that caller."""

    call: str
    hotline: str
    lang: str
    asked: str
    at: int
    path: tuple[str, ...]
    notes: tuple[Note, ...]


class NoteList:
    """Every method raises what the database's driver raises."""

    def __init__(self, engine: AsyncEngine, seals: Seals) -> None:
        self._engine = engine
        self._seals = seals

    async def write(self, note: Note) -> None:
        """Keep a note; its text is sealed, since agents write down what is personal."""
        row = note._asdict() | {"path": " ".join(note.path)[:LONGEST_PATH]}
        sealed = self._seals.seal(row.pop("text").encode(), call=note.call, what=_WHAT)
        async with self._engine.begin() as connection:
            await connection.execute(insert(NOTES).values(**row, sealed=sealed))

    async def of(self, calls: Collection[str]) -> list[Note]:
        """Give the notes of calls, the oldest first."""
        query = select(NOTES).where(NOTES.c.call.in_(calls)).order_by(NOTES.c.at, NOTES.c.id)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Note(
                call=row.call,
                hotline=row.hotline,
                group=row.group,
                agent=row.agent,
                kind=row.kind,
                path=tuple(row.path.split()),
                outcome=row.outcome,
                at=row.at,
                text=(self._seals.open(row.sealed, call=row.call, what=_WHAT) or b"").decode("utf-8", "replace"),
            )
            for row in rows
        ]

    async def unhappy(self, hotlines: Collection[str] | None) -> list[Unhappy]:
        """Give the unhappy answers at these hotlines, or at all, that nobody has looked into, the oldest first."""
        columns = SURVEYS.c
        still = (columns.score == "dissatisfied") & columns.handled_at.is_(None) & _at(hotlines)
        async with self._engine.connect() as connection:
            query = select(SURVEYS).where(still).order_by(columns.at).limit(MOST_OPEN)
            rows = (await connection.execute(query)).all()
        notes = await self.of([row.call for row in rows]) if rows else []
        return [
            Unhappy(
                call=row.call,
                hotline=row.hotline,
                lang=row.lang,
                asked=row.asked,
                at=row.at,
                path=tuple(row.path.split()),
                notes=tuple(one for one in notes if one.call == row.call),
            )
            for row in rows
        ]

    async def looked_into(self, call: str, hotlines: Collection[str] | None, agent: str, now: int) -> bool:
        """Note who looked into an unhappy answer; of two agents one is heard, the other gets False."""
        columns = SURVEYS.c
        still = (columns.call == call) & columns.handled_at.is_(None) & _at(hotlines)
        async with self._engine.begin() as connection:
            changed = await connection.execute(update(SURVEYS).where(still).values(handled_at=now, handled_by=agent))
        return bool(changed.rowcount)


def _at(hotlines: Collection[str] | None) -> ColumnElement[bool]:
    return true() if hotlines is None else SURVEYS.c.hotline.in_(hotlines)
