"""The command `flows`: which versions of flows and prompts there are, and the calls that are still on them."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer import echo

from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.redis_line import StoreAway, connect
from ivr.seals import Seals
from ivr.serve import check_redis_url
from ivr.settings import Settings, SettingsError
from ivr.urls import without_password
from ivr.versions.census import Census, Version, census
from ivr.walk import CHINA


def _json(found: Census) -> None:
    for one in found.versions:
        came = None if one.came is None else datetime.fromtimestamp(one.came / 1000, UTC).isoformat(timespec="seconds")
        echo(json.dumps({**one._asdict(), "came": came, "current": one.workers > 0}))


def _table(found: Census) -> None:
    if not found.versions:
        echo("No version of flows and prompts lies in this Redis: no service has run on it in the last hours.")
        return
    table = Table(box=SIMPLE_HEAD)
    table.add_column("version", no_wrap=True)
    table.add_column("came", no_wrap=True)
    table.add_column("new calls", no_wrap=True)
    table.add_column("calls on it", justify="right", no_wrap=True)
    for one in found.versions:
        table.add_row(one.version, _came(one), _new_calls(one), str(one.calls))
    Console(highlight=False, width=120).print(table)


FORMATS: Final[Mapping[str, Callable[[Census], None]]] = {"table": _table, "json": _json}
"""How the versions are printed: for people, or one JSON object a line."""


def list_flows(form: str) -> int:
    """Print the versions of the store at IVR_REDIS_URL, else of the embedded one; return the exit status."""
    if form not in FORMATS:
        raise SettingsError(f"--format {form}: expected {', '.join(FORMATS)}.")
    settings = as_served(read_settings())
    check_redis_url(settings)
    try:
        found = asyncio.run(_census(settings))
    except StoreAway as error:
        echo(f"The store at {without_password(settings.redis_url)} could not be read: {error}", err=True)
        return 1
    FORMATS[form](found)
    if found.unread:
        echo(f"{found.unread} calls could not be opened: of another secret or another release.", err=True)
    if not found.whole:
        echo("Not all calls were counted: it took too long.", err=True)
    return 0 if found.whole else 1


async def _census(settings: Settings) -> Census:
    redis = connect(settings.redis_url, patience=2.0)
    try:
        return await census(redis, Seals(settings.secrets))
    finally:
        await redis.aclose()


def _came(one: Version) -> str:
    if one.came is None:
        return "not there any more"
    return datetime.fromtimestamp(one.came / 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _new_calls(one: Version) -> str:
    return f"on {one.workers} {'worker' if one.workers == 1 else 'workers'}" if one.workers else ""
