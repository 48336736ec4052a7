"""The commands `records show` and `records prune`."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from typer import echo

from ivr.call_records.archive import DAY_MS, Archive, Archived, Pruned
from ivr.call_records.path import Passage
from ivr.call_records.record import CallRecord
from ivr.call_records.ways import NOWHERE
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.upgrading import with_tables
from ivr.settings import Settings
from ivr.walk import china_time


def show(call: str, form: str) -> int:
    """Print the record of a call; return the exit status, 1 where there is none."""
    found = asyncio.run(_one(as_served(read_settings()), call))
    if found is None:
        echo(f"There is no record of the call {call}. One is written a few seconds after the call is over.", err=True)
        return 1
    if form == "json":
        echo(json.dumps(_facts(found) | {"path": msgspec.to_builtins(found.record.passages)}, ensure_ascii=False))
    else:
        for line in _lines(found):
            echo(line)
    return 0


async def _one(settings: Settings, call: str) -> Archived | None:
    async with with_tables(settings.database_url) as engine:
        return await Archive(engine).one(call)


def prune() -> int:
    """Delete what is known of calls older than IVR_RECORD_DAYS; return the exit status."""
    settings = as_served(read_settings())
    pruned = asyncio.run(_pruned(settings, wall_clock() - settings.record_days * DAY_MS))
    what = f"records {pruned.records}, notes {pruned.notes}, surveys {pruned.surveys}"
    echo(f"Deleted of calls older than {settings.record_days} days: {what}.")
    return 0


async def _pruned(settings: Settings, before: int) -> Pruned:
    async with with_tables(settings.database_url) as engine:
        return await Archive(engine).prune(before)


def _facts(found: Archived) -> dict[str, Any]:
    record = found.record
    return {
        "call": record.call,
        "caller": record.caller,
        "hotline": record.hotline,
        "languages": list(record.languages),
        "started": _instant(record.started),
        "ended": _instant(record.ended),
        "hung_up_by": record.ending,
        "outcome": record.outcome,
        "answered_after_s": None if record.answered_after is None else record.answered_after / 1000,
        "verified": record.verified,
        "age": record.age,
        "slow": record.slow,
        "silences": record.slips("silence"),
        "wrong_keys": record.slips("wrong"),
        "agents": record.group,
        "agent": record.agent,
        "survey": found.survey,
        "version": record.version,
        "complete": record.whole,
    }


def _instant(ms: int) -> str:
    return f"{china_time(ms):%Y-%m-%d %H:%M:%S}" if ms else ""


def _lines(found: Archived) -> Iterator[str]:
    for name, value in _facts(found).items():
        yield f"{name.replace('_', ' '):18} {_said(value)}"
    yield ""
    for passage in found.record.passages:
        yield _line(passage)
    if not found.record.whole:
        yield _what_is_missing(found.record)


def _said(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case _:
            return str(value) if value not in ("", None) else "-"


def _line(passage: Passage) -> str:
    """Tell one turn: the second of the call, what was slipped or walked, and where the call then listened."""
    ways = [f"{edge.flow}.{edge.node or '*'} {edge.via}" for edge in passage.edges]
    slip = [f"({passage.slip})"] if passage.slip else []
    here = "over" if passage.here == NOWHERE else f"{passage.here.flow}.{passage.here.node}"
    without = " (without Redis)" if passage.public else ""
    return f"{passage.at / 1000:8.1f} s  {' · '.join([*slip, *ways]) or '-'} → {here}{without}"


def _what_is_missing(record: CallRecord) -> str:
    if record.ending == "unknown":
        return "The end of the call was never told."
    return "Some turns of the call are missing: Redis had lost them, or was away and the worker was killed."
