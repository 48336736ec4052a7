"""What several tests share: a real Valkey server, emptied before each test that uses it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from ivr.embedded import EmbeddedValkey
from ivr.redis_line import connect


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for a socket (that of tmp_path often does not)."""
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Run one server for all tests of this process; tests that break their server use `own_valkey`."""
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    server = EmbeddedValkey(folder)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """Give a client of the shared server, with nothing in it."""
    async with connect(valkey_url) as client:
        await client.flushall()
        yield client


@pytest_asyncio.fixture
async def own_valkey(short_folder: Path) -> AsyncIterator[EmbeddedValkey]:
    """Run a server that this test alone may stop, stall and break."""
    server = EmbeddedValkey(short_folder)
    await server.start()
    yield server
    await server.stop()
