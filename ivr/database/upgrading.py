"""Bring the hotline's database to the newest tables, on however many machines that is begun at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.opening import opened
from ivr.database.tables import REVISION, VERSION_TABLE
from ivr.settings import SettingsError

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_LOCK: Final = 12333
"""The number of the lock, among those that PostgreSQL gives to applications, under which one upgrades at a time."""


async def upgrade(database_url: str) -> str:
    """Upgrade the database where it needs it, and give the revision that it had before, empty for none.

    Raises `SettingsError` where it cannot be opened or changed, or has the tables of a newer release.
    """
    async with opened(database_url) as engine:
        return await upgrade_engine(engine)


@asynccontextmanager
async def with_tables(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine for one task on the hotline's tables, as `opened` does.

    Raises `SettingsError` where the database does not have the tables of this release.
    """
    async with opened(database_url) as engine:
        found = await _revision(engine)
        _refuse_newer(found)
        if found != REVISION:
            what = "has the tables of an older release" if found else "does not have the hotline's tables yet"
            raise SettingsError(
                f"The database at IVR_DATABASE_URL {what}: start this release with `ivr serve`, "
                "or run `ivr database upgrade`."
            )
        yield engine


async def upgrade_engine(engine: AsyncEngine) -> str:
    """Do as `upgrade`; raises also whatever the driver raises."""
    found = await _revision(engine)
    _refuse_newer(found)
    if found == REVISION:
        return found
    async with engine.begin() as connection:
        match engine.dialect.name:
            case "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            case "sqlite":
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            case _:
                pass
        await connection.run_sync(_upgrade)
    return found


async def _revision(engine: AsyncEngine) -> str:
    """Read which migration the database has. That needs no alembic, whose import takes as long as all the rest."""
    try:
        async with engine.connect() as connection:
            found = await connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - our name
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ""  # there is no such table yet; whatever else it is shows when the tables are made
    return str(found or "")


def _refuse_newer(found: str) -> None:
    if found > REVISION:
        raise SettingsError(
            f"The database at IVR_DATABASE_URL has the tables of a newer release ({found}; this one knows those up to "
            f"{REVISION}): start that release again, or give this one a backup from before it."
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
