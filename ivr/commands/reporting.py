"""The command `report`: what the calls of some days came to."""

import asyncio
import csv
import json
import sys
from datetime import date, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer import echo

from ivr.app import load_library
from ivr.call_records.figures import Figures, Tally
from ivr.call_records.report import Report, Section, report, shown
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.upgrading import with_tables
from ivr.library import LibraryError
from ivr.settings import Settings, SettingsError
from ivr.walk import CHINA, china_day

EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)
"""Beyond these days nobody looks for calls, and the calendar has no day before or after its own ends."""

WIDTH = 120
"""Columns of the tables where nobody looks at a terminal."""


def show(first: date | None, last: date | None, form: str) -> int:
    """Print the report on the calls from one day to another in China; return the exit status.

    Without days it is the last week.
    """
    until = last or china_day(wall_clock())
    for option, day in (("--from", first), ("--to", last)):
        if day is not None and not EARLIEST <= day <= LATEST:
            raise SettingsError(f"{option} {day}: expected a day from {EARLIEST} to {LATEST}.")
    since = first or until - timedelta(days=6)
    if since > until:
        raise SettingsError(f"--from {since}: expected a day that is not after --to {until}.")
    settings = as_served(read_settings())
    try:
        library = load_library(settings)
    except LibraryError as error:
        raise SettingsError(f"The flows cannot be read, `ivr check` tells why: {error.problems[0]}") from None
    tally = asyncio.run(_tally(settings, instant(since), instant(until + timedelta(days=1))))
    told = report(tally, library, since, until)
    if form == "json":
        echo(json.dumps(told.as_dict(), ensure_ascii=False, indent=1))
    elif form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(told.as_lines())
    elif not tally.every.calls:
        echo(f"There was no call from {since} to {until}.")
    else:
        _print(told)
    return 0


async def _tally(settings: Settings, first: int, last: int) -> Tally:
    async with with_tables(settings.database_url) as engine:
        return await Figures(engine).tally(first, last)


def instant(day: date) -> int:
    """Give the beginning of a day in China in ms since 1970."""
    return round(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp() * 1000)


def _print(told: Report) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(f"From {told.first} to {told.last}, days of China")
    if told.unwhole:
        console.print(f"{told.unwhole} records miss a part of their call, or its end was never told.")
    for section in told.sections:
        if section.rows:
            console.print(_table(section))
        if len(section.rows) > section.most:
            console.print(f"and {len(section.rows) - section.most} more; --format csv or json gives all of them.")


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", box=SIMPLE_HEAD)
    for column in section.columns:
        text = column.kind == "text"
        table.add_column(column.heading, justify="left" if text else "right", overflow="fold")
    for row in section.rows[: section.most]:
        table.add_row(*(shown(value, column.kind) for value, column in zip(row, section.columns, strict=True)))
    return table
