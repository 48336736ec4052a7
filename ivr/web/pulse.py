"""What pages show of the whole hotline: looked at twice a second while anybody listens, once for all who do."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Generic, TypeVar

from ivr.web.streams import Event

EVERY_S: Final = 0.5

Seen = TypeVar("Seen")

log = logging.getLogger(__name__)


class Pulse(Generic[Seen]):
    """Looks while anybody listens. A look that fails is told in the log, and what was seen stays."""

    def __init__(self, look: Callable[[], Awaitable[Seen]], *, every_s: float = EVERY_S) -> None:
        self._look = look
        self._every_s = every_s
        self._listeners = 0
        self._looking: asyncio.Task[None] | None = None
        self._told = asyncio.Condition()
        self._seen: Seen | None = None

    async def listen(self) -> AsyncGenerator[Seen, None]:
        """Give what is seen, look by look."""
        self._listeners += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again())
        try:
            while True:
                async with self._told:
                    await self._told.wait()
                if self._seen is not None:
                    yield self._seen
        finally:
            self._listeners -= 1
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def changes(self, write: Callable[[Seen], str]) -> AsyncGenerator[Event, None]:
        """Give an event each time that `write` puts differently what is seen."""
        last = ""
        async with contextlib.aclosing(self.listen()) as listening:
            async for seen in listening:
                text = write(seen)
                if text != last:
                    last = text
                    yield Event("message", text)

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look_again(self) -> None:
        while True:
            try:
                self._seen = await self._look()
            except Exception:
                log.exception("What a page shows could not be looked at.")
            async with self._told:
                self._told.notify_all()
            await asyncio.sleep(self._every_s)
