"""The records of the calls that were made: each call has one, and nothing has one that was no call."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from soak.callers import Heard
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.app import load_library
from ivr.call_records.archive import Archive
from ivr.call_records.record import CallRecord
from ivr.call_records.recorder import Recorder
from ivr.call_records.sweep import Sweep
from ivr.database.opening import open_engine
from ivr.hotline import KEEP_S
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.serve import sqlite_url
from ivr.settings import Settings
from ivr.store import CallStore
from ivr.versions.live import LiveVersions

WITHIN_S: Final = 60.0
"""Records that are on their way are written within this."""
_EVER: Final = 1 << 53


@dataclass
class Recorded:
    """How records and calls add up. `missing` are the calls without a record of which the hotline answered something,
    `strange` the records without a call, `unlike` the records that tell something else than was heard: in sentences."""

    records: int
    broken_off: int
    incomplete: int
    missing: list[str]
    strange: list[str]
    unlike: list[str]


async def recorded(settings: Settings, heard: list[Heard], *, lossy: bool) -> Recorded:
    """Wait until nothing is on its way any more, and hold the records against the calls.

    Calls whose end was not told would be recorded a quarter of an hour later: here they are at once. Where the store
    itself was broken (`lossy`) records may be incomplete, and are not asked what became of their calls.
    """
    await _all_on_their_way(settings)
    engine = open_engine(settings.database_url or sqlite_url(settings.data_dir / "calls.sqlite3"))
    try:
        made = {call.sid for call in heard if call.answered}
        until = time.monotonic() + WITHIN_S
        found = await _read(engine)
        while made - found.keys() and time.monotonic() < until:
            await asyncio.sleep(1)
            found = await _read(engine)
    finally:
        await engine.dispose()
    return Recorded(
        records=len(found),
        broken_off=sum(one.ending == "unknown" for one in found.values()),
        incomplete=sum(not one.whole and one.ending != "unknown" for one in found.values()),
        missing=[
            f"{call.sid} ({call.kind}) was {call.outcome}."
            for call in heard
            if call.sid in made and call.sid not in found
        ],
        strange=sorted(found.keys() - {call.sid for call in heard}),
        unlike=[] if lossy else _unlike(heard, found),
    )


def _unlike(heard: list[Heard], found: dict[str, CallRecord]) -> list[str]:
    """Say where a record tells something else than the caller heard."""
    sentences = []
    for call in heard:
        record = found.get(call.sid)
        if record is None:
            continue
        if call.outcome == "told" and (record.outcome != "self_service" or not record.verified):
            sentences.append(f"The caller of {call.sid} was told a sum, but the record says {record.outcome}.")
    return sentences


async def _all_on_their_way(settings: Settings) -> None:
    """Do what the service does in time: look for what workers left that were killed, and for what broke off."""
    seals = Seals(settings.secrets)
    async with connect(settings.redis_url, patience=5.0) as redis:
        store = CallStore(redis, seals, deadline=5.0)
        versions = LiveVersions(load_library(settings))
        recorder = Recorder(redis, seals, versions, lambda: round(time.time() * 1000), deadline=5.0)
        sweep = Sweep(redis, store, recorder, kept_ms=round(KEEP_S * 1000), broken_off_ms=0)
        await sweep.sweep()


async def _read(engine: AsyncEngine) -> dict[str, CallRecord]:
    return {one.record.call: one.record async for some in Archive(engine).between(0, _EVER) for one in some}
