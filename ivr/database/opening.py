"""Open a database by its URL, and tell in a sentence why that cannot be done."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ivr.settings import SettingsError

OPENS_S = 5.0


def open_engine(database_url: str) -> AsyncEngine:
    """Open the database at an SQLAlchemy URL; ``sqlite:///file`` gets its asynchronous driver by itself."""
    url = make_url(database_url)
    if url.drivername == "sqlite":
        url = url.set(drivername="sqlite+aiosqlite")
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, hide_parameters=True, pool_pre_ping=True)
    # One connection: SQLite has one writer anyway, and no transaction here waits for anything but the disk.
    engine = create_async_engine(url, hide_parameters=True, pool_size=1, max_overflow=0, pool_timeout=5)

    @event.listens_for(engine.sync_engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("busy_timeout=3000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine for one task at the start. Raises `SettingsError` with the reason where the task fails."""
    try:
        engine = open_engine(database_url)
    except ImportError as error:
        driver = error.name or "of its URL"
        raise SettingsError(f"IVR_DATABASE_URL is wrong: its driver {driver} is not installed.") from None
    try:
        async with asyncio.timeout(OPENS_S):
            await try_file(engine)
            yield engine
    except SettingsError:
        raise
    except Exception as error:  # every driver raises its own
        raise SettingsError(f"The database at IVR_DATABASE_URL cannot be opened: {why(error)}.") from None
    finally:
        await engine.dispose()


async def try_file(engine: AsyncEngine) -> None:
    """Open the file of a SQLite database once, without its asynchronous driver; raises what that raises.

    That driver, where it cannot open a file, leaves a thread that calls into an event loop which may be closed by then.
    """
    name = engine.url.database or ""
    if engine.dialect.name == "sqlite" and not name.startswith("file:"):
        await asyncio.to_thread(lambda: sqlite3.connect(name).close())


def why(error: Exception) -> str:
    """Say why a database did not do what it was asked, in the words of its driver: one line, without parameters."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0].rstrip(".") or "it does not answer"
