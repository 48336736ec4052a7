"""What the parent of the workers does for the audit trail: heads into the database, old chains out of the folder."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.audit.chainfile import Ends, chain_files, ends_of, is_in_use
from ivr.audit.heads import Head, head_of, write_heads
from ivr.clock import wall_clock
from ivr.database.opening import open_engine, try_file, why

HEADS_EVERY_S: Final = 60.0
PRUNE_EVERY_S: Final = 24 * 3600.0
ROUND_S: Final = 20.0
"""A round on a database that does not answer ends by then; the next one catches up."""
LAST_ROUND_S: Final = 5.0

DAY_MS: Final = 24 * 3600_000

log = logging.getLogger("ivr.serve")


class AuditKeeping:
    """Looks after one folder of chains. What cannot be done now is told once, and tried again in the next round."""

    def __init__(self, folder: Path, database_url: str, *, days: int, now: Callable[[], int] | None = None) -> None:
        self._folder = folder
        self._database_url = database_url
        self._days = days
        self._now = now or wall_clock
        self._engine: AsyncEngine | None = None
        self._done: set[str] = set()
        self._prune_at = 0.0
        self._away = False

    async def keep(self) -> None:
        """Write the heads every minute and prune once a day, until cancelled."""
        while True:
            await self.round(ROUND_S, prunes=True)
            await asyncio.sleep(HEADS_EVERY_S)

    async def stop(self) -> None:
        """Write the last heads, and leave the database."""
        await self.round(LAST_ROUND_S, prunes=False)
        if self._engine is not None:
            with contextlib.suppress(Exception):  # what leaving a broken database raises helps nobody
                await self._engine.dispose()

    async def round(self, seconds: float, *, prunes: bool) -> None:
        """Write the heads that have moved on; where it is due, delete what is too old. Ends after so many seconds."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                engine = self._opened()
                await try_file(engine)
                await self._write_heads(engine)
                if prunes and loop.time() >= self._prune_at:
                    pruned = await prune(self._folder, engine, days=self._days, now=self._now())
                    self._prune_at = loop.time() + PRUNE_EVERY_S
                    if pruned:
                        log.info("%d chains of audit entries older than %d days are deleted.", len(pruned), self._days)
        except Exception as error:  # every driver raises its own
            if not self._away:
                log.warning("The heads of the audit trail cannot be written, they will be caught up: %s.", why(error))
            self._away = True
        else:
            if self._away:
                log.warning("The heads of the audit trail are written again.")
            self._away = False

    async def _write_heads(self, engine: AsyncEngine) -> None:
        found = await asyncio.to_thread(lambda: list(_ends_in(self._folder, self._done)))
        heads = [head_of(one.ends) for one in found]
        for head in await write_heads(engine, heads):
            log.error(
                "The audit chain %s of %s has lost entries: it ends with %d. `ivr audit verify` tells more.",
                head.chain, head.worker, head.seq,
            )  # fmt: skip
        self._done |= {one.path.name for one in found if one.ends.last.end}

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            self._engine = open_engine(self._database_url)
        return self._engine


class Found(NamedTuple):
    """A chain's file and its ends."""

    path: Path
    ends: Ends


async def prune(folder: Path, engine: AsyncEngine, *, days: int, now: int) -> list[Path]:
    """Delete the chains whose last entry is older than so many days, and note in the database that they were."""
    found = await asyncio.to_thread(lambda: [one for one in _ends_in(folder, set()) if not is_in_use(one.path)])
    old = [one for one in found if one.ends.last.at < now - days * DAY_MS]
    noted: list[Head] = [head_of(one.ends)._replace(pruned_at=now) for one in old]
    behind = {head.chain for head in await write_heads(engine, noted)}
    # One whose tail was cut stays: it is evidence.
    pruned = [one.path for one in old if one.ends.opening.chain not in behind]
    for path in pruned:
        await asyncio.to_thread(path.unlink)
    return pruned


def _ends_in(folder: Path, done: set[str]) -> Iterator[Found]:
    for path in chain_files(folder):
        if path.name not in done:
            with contextlib.suppress(OSError):
                if ends := ends_of(path, sync=True):
                    yield Found(path, ends)
