"""How many callbacks nobody has made yet: counted in the database by the parent, and told to workers through Redis."""

import asyncio
import contextlib
from typing import Any, Final

from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.bookings import OPEN
from ivr.database.opening import open_engine, try_file
from ivr.database.tables import CALLBACKS
from ivr.redis_line import RedisLine

EVERY_S: Final = 10.0
KEPT_MS: Final = 60_000
"""A count that is older tells nothing."""
PATIENCE_S: Final = 2.0
ROUND_S: Final = 5.0


class OpenCallbacks:
    """Counts every 10 s. That the database or Redis is away is told by others."""

    def __init__(self, redis: Redis, database_url: str) -> None:
        self._redis: Any = redis
        self._line = RedisLine(redis, deadline=PATIENCE_S)
        self._database_url = database_url
        self._engine: AsyncEngine | None = None

    async def keep(self) -> None:
        """Count until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Count now; never raises."""
        with contextlib.suppress(Exception):  # every driver raises its own, and others have told it
            async with asyncio.timeout(ROUND_S):
                await self._line.ask(self._redis.set(OPEN, await self._counted(), px=KEPT_MS))

    async def stop(self) -> None:
        """Leave database and Redis."""
        with contextlib.suppress(Exception):  # what leaving a broken server raises helps nobody
            await self._redis.aclose()
            if self._engine is not None:
                await self._engine.dispose()

    async def _counted(self) -> int:
        if self._engine is None:
            self._engine = open_engine(self._database_url)
        await try_file(self._engine)
        query = select(func.count()).select_from(CALLBACKS).where(CALLBACKS.c.outcome == "")
        async with self._engine.connect() as connection:
            return int(await connection.scalar(query) or 0)
