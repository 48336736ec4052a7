"""A worker's line to the hotline's database: opened when it is first needed, and nobody waits for it without an end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.opening import open_engine, try_file, why

Answer = TypeVar("Answer")

PATIENCE_S: Final = 3.0
"""Seconds that one task may take in all."""


class DatabaseAwayError(Exception):
    """The database did not confirm a task in time: it may or may not have happened. The message is one sentence."""


class DatabaseLine:
    """Runs tasks on the database at a URL, each within a deadline; whatever goes wrong becomes `DatabaseAwayError`."""

    def __init__(self, database_url: str, *, patience: float = PATIENCE_S) -> None:
        self._url = database_url
        self._patience = patience
        self._engine: AsyncEngine | None = None

    async def ask(self, task: Callable[[AsyncEngine], Awaitable[Answer]]) -> Answer:
        """Run a task and give its answer."""
        try:
            async with asyncio.timeout(self._patience):
                if self._engine is None:
                    engine = open_engine(self._url)
                    await try_file(engine)
                    self._engine = engine
                return await task(self._engine)
        except TimeoutError:
            raise DatabaseAwayError(f"The database did not answer within {self._patience:g} s.") from None
        except Exception as error:  # every driver raises its own
            raise DatabaseAwayError(f"The database did not do what it was asked: {why(error)}.") from error

    async def stop(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None
