"""The command `queue`: who waits for an agent now, in the order in which they are served."""

import asyncio
import json
from typing import Any, Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer import echo

from ivr.agents.queue import AgentQueue, Waiter, call_of
from ivr.clock import wall_clock
from ivr.commands.callbacks import LANGUAGES
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.library import LibraryError, default_dirs, load
from ivr.redis_line import StoreAway, connect
from ivr.seals import Seals
from ivr.settings import Settings

PATIENCE_S: Final = 2.0

Groups = dict[tuple[str, str], list[Waiter]]


def show(form: Literal["table", "json"]) -> int:
    """Print who waits, group by group; return the exit status."""
    settings = as_served(read_settings())
    flows, prompts = default_dirs()
    try:
        hotlines = load(settings.flows_dir or flows, settings.prompts_dir or prompts).hotlines.hotlines
    except LibraryError as error:
        echo(f"{error}\nNobody is shown until that is put right.", err=True)
        return 1
    groups = [(name, group) for name, hotline in hotlines.items() for group, one in hotline.agents.items() if one.queue]
    try:
        waiting = asyncio.run(_read(settings, groups))
    except StoreAway as away:
        echo(f"Who waits cannot be told: {away}", err=True)
        return 1
    now = wall_clock()
    rows = [_facts(place, one, now) for found in waiting.values() for place, one in enumerate(found, 1)]
    if form == "json":
        for row in rows:
            echo(json.dumps(row, ensure_ascii=False))
    elif not groups:
        echo("No group of agents has a queue.")
    elif not rows:
        echo("Nobody waits.")
    else:
        _print(rows)
    return 0


async def _read(settings: Settings, groups: list[tuple[str, str]]) -> Groups:
    async with connect(settings.redis_url, patience=PATIENCE_S) as redis:
        queue = AgentQueue(redis, Seals(settings.secrets), wall_clock, deadline=PATIENCE_S)
        return {group: await queue.waiting(*group) for group in groups}


def _facts(place: int, one: Waiter, now: int) -> dict[str, Any]:
    return {
        "group": f"{one.hotline}/{one.group}",
        "place": place,
        "call": call_of(one.call),
        "kind": one.kind,
        "minutes": max(0, now - one.joined_at) // 60_000,
        "state": one.state,
        "agent": one.agent,
        "language": LANGUAGES[one.lang],
        "verified": one.verified,
        "asked": one.asked,
        "number": f"…{one.caller_tail}" if one.caller_tail else "",
    }


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=SIMPLE_HEAD)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in ("place", "minutes") else "left")
    for row in rows:
        table.add_row(*({True: "yes", False: "no"}[one] if isinstance(one, bool) else str(one) for one in row.values()))
    Console(highlight=False, width=160).print(table)
