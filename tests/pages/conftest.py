"""What tests of pages share: one browser, and one event loop for it and all that they await."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from browsers import browsing
from desk import give_accounts
from hotline_under_test import AT_HOME, UnderTest, serving
from playwright.async_api import Browser
from tampering import emptied

from ivr.redis_line import connect
from ivr.serve import sqlite_url

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder on one event loop: a browser belongs to the one on which it was started."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run one browser for all; each visitor has a context with cookies of their own."""
    async with browsing() as one:
        yield one


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Serve the hotline, as two workers, on an empty Redis whose counters are vouched for; ``chen`` is a supervisor."""
    folder = tmp_path_factory.mktemp("data")
    database_url = sqlite_url(folder / "calls.sqlite3")
    asyncio.run(_prepared(valkey_url, database_url))
    with serving(valkey_url, folder, workers=2, database_url=database_url, public_url=AT_HOME) as served:
        yield served


async def _prepared(valkey_url: str, database_url: str) -> None:
    await give_accounts(database_url, "chen", role="supervisor")
    async with connect(valkey_url) as redis:
        await emptied(redis)
