"""What tests of pages share: one browser, and one event loop for it and all that they await."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from browsers import browsing
from hotline_under_test import AT_HOME, UnderTest, serving
from playwright.async_api import Browser
from tampering import emptied

from ivr.redis_line import connect

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
    """Serve the hotline, as two workers, on an empty Redis whose counters are vouched for."""
    asyncio.run(_vouched_for(valkey_url))
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2, public_url=AT_HOME) as served:
        yield served


async def _vouched_for(valkey_url: str) -> None:
    async with connect(valkey_url) as redis:
        await emptied(redis)
