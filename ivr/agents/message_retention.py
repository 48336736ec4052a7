"""Messages go after their retention: first the recording at the carrier, then what is known of the caller."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.message_list import MessageList
from ivr.database.opening import open_engine, why
from ivr.seals import Seals

EVERY_S: Final = 3600.0
ROUND_S: Final = 600.0
DAY_MS: Final = 24 * 3600_000

log = logging.getLogger("ivr.serve")


class Deletes(Protocol):
    """Where recordings lie."""

    async def delete(self, recording: str, /) -> None:
        """Delete a recording; raises where that is not confirmed."""


class MessageRetention:
    """Deletes once an hour what is older than `days`. `now` gives ms since 1970, `recordings` gives where they lie.

    What cannot be deleted is told, and tried again an hour later: until then the message stays listed as it is.
    """

    def __init__(
        self,
        database_url: str,
        seals: Seals,
        recordings: Callable[[], Awaitable[Deletes]],
        *,
        days: int,
        now: Callable[[], int],
    ) -> None:
        self._database_url = database_url
        self._seals = seals
        self._recordings = recordings
        self._days = days
        self._now = now
        self._engine: AsyncEngine | None = None

    async def keep(self) -> None:
        """Delete until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> int:
        """Delete what is too old now, and give how many messages that were; never raises."""
        gone = 0
        try:
            async with asyncio.timeout(ROUND_S):
                if self._engine is None:
                    self._engine = open_engine(self._database_url)
                kept = MessageList(self._engine, self._seals)
                failed: Exception | None = None
                for one in await kept.older_than(self._now() - self._days * DAY_MS):
                    try:
                        await (await self._recordings()).delete(one.recording)
                    except Exception as error:  # one that the carrier does not delete must not keep the others
                        failed = error
                        continue
                    await kept.deleted([one.id])
                    gone += 1
                if failed is not None:
                    raise failed
        except Exception as error:  # every driver raises its own
            log.warning("Messages that are too old could not all be deleted, in an hour again: %s.", why(error))
        return gone

    async def stop(self) -> None:
        """Leave the database."""
        with contextlib.suppress(Exception):  # what leaving a broken database raises helps nobody
            if self._engine is not None:
                await self._engine.dispose()
