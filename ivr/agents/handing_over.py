"""What the parent of the workers does for callbacks: what was booked goes from Redis into the hotline's database."""

import asyncio
import contextlib
import logging
from typing import Final

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.callback_list import CallbackList
from ivr.bookings import Bookings
from ivr.database.opening import open_engine, why
from ivr.redis_line import StoreAway
from ivr.seals import Seals

EVERY_S: Final = 1.0
ROUND_S: Final = 20.0
PATIENCE_S: Final = 2.0

log = logging.getLogger("ivr.serve")


class HandingOver:
    """Hands over every second. What cannot be done now is told once, and tried again: until then Redis keeps it."""

    def __init__(self, redis: Redis, database_url: str, seals: Seals) -> None:
        self._redis = redis
        self._bookings = Bookings(redis, seals, deadline=PATIENCE_S)
        self._database_url = database_url
        self._seals = seals
        self._engine: AsyncEngine | None = None
        self._away = False

    async def keep(self) -> None:
        """Hand over until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Hand over what waits now; never raises."""
        try:
            async with asyncio.timeout(ROUND_S):
                waiting = await self._bookings.waiting()
                if waiting:
                    if self._engine is None:
                        self._engine = open_engine(self._database_url)
                    await CallbackList(self._engine, self._seals).take_over(waiting)
                for name in waiting:
                    await self._bookings.handed_over(name)
        except StoreAway:
            return  # the workers tell that Redis is away
        except Exception as error:  # every driver raises its own
            if not self._away:
                log.warning("Callbacks cannot be written into the database, Redis keeps them: %s.", why(error))
            self._away = True
        else:
            if self._away:
                log.warning("Callbacks are written into the database again.")
            self._away = False

    async def stop(self) -> None:
        """Hand over for the last time, and leave database and Redis."""
        await self.round()
        with contextlib.suppress(Exception):  # what leaving a broken server raises helps nobody
            await self._redis.aclose()
            if self._engine is not None:
                await self._engine.dispose()
