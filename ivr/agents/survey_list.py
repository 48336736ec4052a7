"""The answers to the survey in the hotline's database: how many of each, and the calls that left somebody unhappy."""

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.tables import LONGEST_PATH, SURVEYS
from ivr.surveys import Survey


class SurveyList:
    """Every method raises what the database's driver raises. Instants are ms since 1970."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take_over(self, surveys: Mapping[str, Survey]) -> None:
        """Write answers down; one that is there already stays as it is."""
        for survey in surveys.values():
            row = asdict(survey) | {"path": " ".join(survey.path)[:LONGEST_PATH]}
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(insert(SURVEYS).values(row))
            except IntegrityError:
                continue  # handed over before, here or by another machine

    async def counted(self, first: int, last: int) -> Counter[tuple[str, str]]:
        """Count the answers of a time (``last`` excluded) by hotline and score."""
        columns = SURVEYS.c
        query = select(columns.hotline, columns.score).where(columns.at >= first, columns.at < last)
        async with self._engine.connect() as connection:
            return Counter((row.hotline, row.score) for row in await connection.execute(query))

    async def unhappy(self, first: int, last: int) -> list[Survey]:
        """Give the answers of a time of who was not satisfied, the oldest first."""
        columns = SURVEYS.c
        query = select(SURVEYS).where(columns.at >= first, columns.at < last, columns.score == "dissatisfied")
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(columns.at))
            return [
                Survey(row.call, row.hotline, row.lang, row.asked, row.score, row.at, tuple(row.path.split()))
                for row in rows
            ]
