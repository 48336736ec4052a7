"""The hotline's own database: its migrations make its tables, once, whoever begins, and beside those of others."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hotline_under_test import SECRET_KEY
from ivr_command import ivr, ivr_here
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


def noted_as(folder: Path, revision: str) -> str:
    """Make a database whose tables are noted as those of another release; give its URL."""
    url = sqlite_url(folder / "calls.sqlite3")
    asyncio.run(upgrade(url))
    with closing(sqlite3.connect(folder / "calls.sqlite3")) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'")
    return url


COMMANDS: list[list[str]] = [
    ["database", "upgrade"], ["audit", "prune"], ["agents", "list"], ["callbacks", "list"], ["surveys"], ["report"],
    ["records", "prune"], ["records", "show", "--call", "CA1"], ["serve", "--port", "0"],
]  # fmt: skip


def test_an_older_release_on_a_newer_database_says_so_and_what_to_do(tmp_path: Path) -> None:
    url = noted_as(tmp_path, "0999")
    told = (
        f"The database at IVR_DATABASE_URL has the tables of a newer release (0999; this one knows those up to "
        f"{REVISION}): start that release again, or give this one a backup from before it.\n"
    )
    for command in COMMANDS:
        run = ivr if command[0] == "serve" else ivr_here
        done = run(command, tmp_path, database_url=url, secret_key=SECRET_KEY)
        assert (command, done.returncode, done.stderr) == (command, 2, told)


def test_a_newer_release_on_an_older_database_says_how_its_tables_are_brought_up_to_date(tmp_path: Path) -> None:
    url = noted_as(tmp_path, "0001")
    nothing = sqlite_url(tmp_path / "empty.sqlite3")
    for database_url, what in ((url, "has the tables of an older release"), (nothing, "does not have the hotline's")):
        done = ivr_here(["report"], tmp_path, database_url=database_url, secret_key=SECRET_KEY)
        assert done.returncode == 2
        assert what in done.stderr
        assert "run `ivr database upgrade`" in done.stderr
