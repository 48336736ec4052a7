"""The command `surveys`: what callers thought of the humans they spoke with."""

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from typer import echo

from ivr.agents.survey_list import SurveyList
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.upgrading import with_tables
from ivr.going_on import SERVICES
from ivr.settings import Settings, SettingsError
from ivr.surveys import SCORES, Survey
from ivr.walk import CHINA, china_day, china_time


def show(first: date | None, last: date | None) -> int:
    """Print how often each answer was given from one day to another in China; return the exit status.

    Without days it is the last week.
    """
    until = last or china_day(wall_clock())
    since = first or until - timedelta(days=6)
    if since > until:
        raise SettingsError(f"--from {since}: expected a day that is not after --to {until}.")
    counted, unhappy = asyncio.run(_read(as_served(read_settings()), _instant(since), _instant(until + timedelta(1))))
    if not counted:
        echo(f"Nobody answered the survey from {since} to {until}.")
        return 0
    _print(counted)
    for one in unhappy:
        about = f" after choosing {one.asked}" if one.asked in SERVICES else ""
        echo(f"Not satisfied: {one.call}, {china_time(one.at):%Y-%m-%d %H:%M}, {one.hotline}{about}.")
    return 0


async def _read(settings: Settings, first: int, last: int) -> tuple[Counter[tuple[str, str]], list[Survey]]:
    async def read(engine: AsyncEngine) -> tuple[Counter[tuple[str, str]], list[Survey]]:
        answers = SurveyList(engine)
        return await answers.counted(first, last), await answers.unhappy(first, last)

    async with with_tables(settings.database_url) as engine:
        return await read(engine)


def _instant(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp() * 1000)


def _print(counted: Counter[tuple[str, str]]) -> None:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("hotline")
    for score in SCORES:
        table.add_column(score.replace("_", " "), justify="right")
    for hotline in sorted({hotline for hotline, _ in counted}):
        table.add_row(hotline, *(str(counted[hotline, score]) for score in SCORES))
    Console(highlight=False, width=100).print(table)
