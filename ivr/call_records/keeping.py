"""What the parent of the workers does for the records of calls: into the database, and out of it when they are old."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.call_records.archive import DAY_MS, Archive
from ivr.call_records.stream import AT_ONCE, RecordStream
from ivr.database.opening import open_engine, try_file, why
from ivr.redis_line import StoreAway
from ivr.seals import Seals

EVERY_S: Final = 1.0
PRUNE_EVERY_S: Final = 24 * 3600.0
ROUND_S: Final = 20.0
"""A round on a database that does not answer ends by then; the next one catches up."""
LAST_ROUND_S: Final = 5.0
PATIENCE_S: Final = 2.0

log = logging.getLogger("ivr.serve")


class RecordKeeping:
    """Writes down what waits in Redis, every second. Until that is done Redis keeps it, up to `MOST_WAITING`."""

    def __init__(
        self, redis: Redis, database_url: str, seals: Seals, *, days: int, now: Callable[[], int] | None = None
    ) -> None:
        self._redis = redis
        self._stream = RecordStream(redis, seals, deadline=PATIENCE_S)
        self._database_url = database_url
        self._engine: AsyncEngine | None = None
        self._days = days
        self._now = now or (lambda: time.time_ns() // 1_000_000)
        self._prune_at = 0.0
        self._away = False

    async def keep(self) -> None:
        """Write every second and prune once a day, until cancelled."""
        while True:
            await self.round(ROUND_S)
            await asyncio.sleep(EVERY_S)

    async def stop(self) -> None:
        """Write for the last time, and leave database and Redis."""
        await self.round(LAST_ROUND_S)
        with contextlib.suppress(Exception):  # what leaving a broken server raises helps nobody
            await self._redis.aclose()
            if self._engine is not None:
                await self._engine.dispose()

    async def round(self, seconds: float) -> None:
        """Write all that waits now, and delete what is too old where that is due. Never raises."""
        try:
            async with asyncio.timeout(seconds):
                await self._write()
                await self._prune()
        except StoreAway:
            return  # the workers tell that Redis is away
        except Exception as error:  # every driver raises its own
            if not self._away:
                log.warning("The database takes no records of calls, Redis keeps them: %s.", why(error))
            self._away = True
        else:
            if self._away:
                log.warning("The database takes records of calls again.")
            self._away = False

    async def _write(self) -> None:
        while waiting := await self._stream.waiting():
            records = [record for record in waiting.values() if record is not None]
            await (await self._archive()).take_over(records)
            await self._stream.written(waiting)
            if len(records) < len(waiting):
                log.error("%d records of calls cannot be read, and are lost.", len(waiting) - len(records))
            if len(waiting) < AT_ONCE:
                return

    async def _prune(self) -> None:
        clock = asyncio.get_running_loop().time
        if clock() < self._prune_at:
            return
        pruned = await (await self._archive()).prune(self._now() - self._days * DAY_MS)
        self._prune_at = clock() + PRUNE_EVERY_S
        if any(pruned):
            told = "Deleted of calls older than %d days: records %d, notes %d, surveys %d."
            log.info(told, self._days, *pruned)

    async def _archive(self) -> Archive:
        if self._engine is None:
            self._engine = open_engine(self._database_url)
        await try_file(self._engine)
        return Archive(self._engine)
