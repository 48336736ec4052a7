"""The hotline's own database: its migrations make its tables, once, whoever begins, and beside those of others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from ivr.accounts.reference.database import Base, create_tables
from ivr.database.opening import open_engine, opened
from ivr.database.tables import METADATA, REVISION, VERSION_TABLE
from ivr.database.upgrading import MIGRATIONS, upgrade
from ivr.serve import sqlite_url
from ivr.settings import SettingsError


def test_the_newest_migration_is_the_one_that_is_named() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [REVISION]


async def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    assert await upgrade(url) == ""
    assert await upgrade(url) == REVISION

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with opened(url) as engine, engine.connect() as connection:
        found = await connection.run_sync(differences)
    assert [one for one in found if one[1].name != VERSION_TABLE] == []


async def test_several_upgrade_at_once_and_the_tables_are_made_once(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    assert "" in await asyncio.gather(*(upgrade(url) for _ in range(4)))
    async with opened(url) as engine, engine.connect() as connection:
        assert (await connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))).all() == [(REVISION,)]


async def test_the_tables_of_others_stay_as_they_are(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    engine = open_engine(url)
    await create_tables(engine)
    await upgrade(url)
    async with engine.connect() as connection:
        names = set(await connection.run_sync(lambda inner: inspect(inner).get_table_names()))
    assert names == {*Base.metadata.tables, *METADATA.tables, VERSION_TABLE}
    await engine.dispose()


async def test_a_database_that_is_none_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "calls.sqlite3"
    file.write_text("this is a letter, no database" * 100)
    with pytest.raises(SettingsError, match="cannot be opened: file is not a database"):
        await upgrade(sqlite_url(file))
