"""The commands `audit verify`, `audit show`, `audit prune` and `database upgrade`."""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
from typer import echo

from ivr.audit.chain import ChainKey, chain_keys
from ivr.audit.heads import Head, read_heads
from ivr.audit.keeping import prune
from ivr.audit.verifying import Days, Report, entries, instant, verify
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.upgrading import upgrade, with_tables
from ivr.datafolder import DataFolder
from ivr.serve import sqlite_url
from ivr.settings import Settings, SettingsError

SHOWN = ("at", "call", "member", "field", "outcome")


def verify_trail(
    folders: Sequence[Path] | None, first: date | None, last: date | None, machines: Sequence[str] | None
) -> int:
    """Print the faults of the chains; return the exit status."""
    settings = read_settings()
    keys, heads, away = _keys(settings), None, ""
    try:
        heads = asyncio.run(_heads(database_of(settings)))
    except SettingsError as error:
        away = str(error)
    report = verify(
        _folders(settings, folders), keys, heads, now=wall_clock(), days=Days(first, last), machines=machines or ()
    )
    if away:
        report.faults.append(f"{away} So it cannot be told whether ends were cut off.")
    return _tell(report)


def show(folders: Sequence[Path] | None, first: date | None, last: date | None, call: str | None, form: str) -> int:
    """Print the entries; return the exit status."""
    settings = read_settings()
    days = Days(first, last)
    shown = 0
    for one in entries(_folders(settings, folders), _keys(settings)):
        if (call is not None and one.call != call) or not days.hold(one.at):
            continue
        shown += 1
        if form == "json":
            echo(msgspec.json.encode({name: getattr(one, name) for name in SHOWN}).decode())
        else:
            echo(f"{instant(one.at)}  {one.call or '-':34}  {one.member or '-':22}  {one.field}: {one.outcome}")
    if not shown:
        echo(f"There is no such entry in {', '.join(map(str, _folders(settings, folders)))}.", err=True)
    return 0


def prune_folder() -> int:
    """Delete the chains that are too old; return the exit status."""
    settings = read_settings()
    pruned = asyncio.run(_prune(settings))
    for path in pruned:
        echo(f"{path} is deleted.")
    echo(f"{len(pruned)} audit files were older than {settings.audit_days} days.")
    return 0


def upgrade_database() -> int:
    """Upgrade the database; return the exit status."""
    settings = read_settings()
    if not settings.database_url:
        DataFolder(settings.data_dir).open()
    before = asyncio.run(upgrade(database_of(settings)))
    echo(f"The hotline's tables are up to date{'' if before else ', and were made'}.")
    return 0


def database_of(settings: Settings) -> str:
    """Give the URL of the database: that of the setting, else the file in the data folder."""
    return settings.database_url or sqlite_url(settings.data_dir / "calls.sqlite3")


async def _heads(url: str) -> dict[str, Head]:
    async with with_tables(url) as engine:
        return await read_heads(engine)


async def _prune(settings: Settings) -> list[Path]:
    async with with_tables(database_of(settings)) as engine:
        return await prune(settings.audit_folder, engine, days=settings.audit_days, now=wall_clock())


def _keys(settings: Settings) -> tuple[ChainKey, ...]:
    return chain_keys(as_served(settings).secrets)


def _folders(settings: Settings, folders: Sequence[Path] | None) -> Sequence[Path]:
    for folder in folders or ():
        if not folder.is_dir():
            raise SettingsError(f"{folder} is no folder: expected a folder of audit files.")
    return folders or [settings.audit_folder]


def _tell(report: Report) -> int:
    for sentence in report.notes:
        echo(sentence)
    for sentence in report.faults:
        echo(sentence, err=True)
    what = f"{report.entries} entries in {report.chains} files"
    if report.faults:
        faults = "1 fault" if len(report.faults) == 1 else f"{len(report.faults)} faults"
        echo(f"The audit trail does not hold: {faults}; {what} were read.", err=True)
        return 1
    echo(f"The audit trail holds: {what}.")
    return 0
