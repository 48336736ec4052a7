"""What waits in Redis goes into the hotline's database: the parent of the workers hands over what callers left."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.callback_list import CallbackList
from ivr.agents.message_list import MessageList
from ivr.agents.outcomes import Ended, Outcomes
from ivr.agents.survey_list import SurveyList
from ivr.bookings import Bookings
from ivr.database.opening import open_engine, why
from ivr.messages import Messages
from ivr.redis_line import StoreAway
from ivr.seals import Seals
from ivr.surveys import Surveys
from ivr.waiting_room import WaitingRoom

EVERY_S: Final = 1.0
ROUND_S: Final = 20.0
PATIENCE_S: Final = 2.0

log = logging.getLogger("ivr.serve")


class _Way(NamedTuple):
    """From where something is taken, and how the database takes it: what it has already stays as it is."""

    source: WaitingRoom[Any]
    take_over: Callable[[AsyncEngine, Mapping[str, Any]], Awaitable[None]]


class HandingOver:
    """Hands over every second. What cannot be done now is told once, and tried again: until then Redis keeps it."""

    def __init__(self, redis: Redis, database_url: str, seals: Seals) -> None:
        self._redis = redis
        self._database_url = database_url
        self._engine: AsyncEngine | None = None
        self._away = False
        self._seals = seals
        self._bookings = Bookings(redis, seals, deadline=PATIENCE_S)
        self._ways = (
            _Way(
                self._bookings.room,
                lambda engine, found: CallbackList(engine, seals).take_over(found),
            ),
            _Way(
                Messages(redis, seals, deadline=PATIENCE_S).room,
                lambda engine, found: MessageList(engine, seals).take_over(found),
            ),
            # After the bookings: an outcome is about one that the database has.
            _Way(Outcomes(redis, deadline=PATIENCE_S).room, self._note),
            _Way(Surveys(redis, deadline=PATIENCE_S).room, lambda engine, found: SurveyList(engine).take_over(found)),
        )

    async def keep(self) -> None:
        """Hand over until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Hand over what waits now; never raises."""
        try:
            async with asyncio.timeout(ROUND_S):
                for way in self._ways:
                    await self._hand_over(way)
        except StoreAway:
            return  # the workers tell that Redis is away
        except Exception as error:  # every driver raises its own
            if not self._away:
                log.warning("The database takes no callbacks, messages and surveys, Redis keeps them: %s.", why(error))
            self._away = True
        else:
            if self._away:
                log.warning("The database takes callbacks, messages and surveys again.")
            self._away = False

    async def stop(self) -> None:
        """Hand over for the last time, and leave database and Redis."""
        await self.round()
        with contextlib.suppress(Exception):  # what leaving a broken server raises helps nobody
            await self._redis.aclose()
            if self._engine is not None:
                await self._engine.dispose()

    async def _hand_over(self, way: _Way) -> None:
        waiting = await way.source.waiting()
        if not waiting:
            return
        if self._engine is None:
            self._engine = open_engine(self._database_url)
        await way.take_over(self._engine, waiting)
        for name in waiting:
            await way.source.handed_over(name)

    async def _note(self, engine: AsyncEngine, found: Mapping[str, Ended]) -> None:
        """Note how callbacks ended that were dialled; the number of one that is done may be booked again."""
        callbacks = CallbackList(engine, self._seals)
        for ended in found.values():
            noted = await callbacks.note(ended.callback, ended.outcome, ended.at, attempt=ended.attempt)
            if noted is not None and noted.outcome:
                await self._bookings.closed(noted.name)
