"""What several tests share: a real Valkey server, emptied before each test that uses it."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import chinese_calendar
import chromium
import pytest
import pytest_asyncio
from hotline_under_test import UnderTest, serving
from hypothesis import HealthCheck, settings
from ivr_command import Serving
from redis import Redis as Server
from redis.asyncio import Redis
from redis_nodes import Servers, in_a_cluster, with_sentinels
from tampering import BALANCE, PATIENT, SHORT, UNHURRIED, Caller, calling, emptied

import ivr
from ivr.embedded import EmbeddedValkey
from ivr.library import Library
from ivr.problems import Problem
from ivr.redis_line import connect
from ivr.versions import editing
from ivr.yamlfile import YamlFile, read

CHECKOUT = Path(__file__).resolve().parent.parent


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say where the tested package lies if it is not this checkout, and which tests are not run on this machine.

    The quiet mode of pytest has no header, so the sentence stands above the first dot.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    tested = Path(ivr.__file__).resolve().parent
    meant = tested == CHECKOUT / "ivr" or "CI" in os.environ or "TEST_INSTALLED" in os.environ
    if reporter is not None and not meant:
        reporter.write_line(
            f"These tests run the installed copy in {tested}, not this checkout: "
            "`pip install -e '.[test]'` makes them follow your changes.",
            yellow=True,
        )
    if reporter is not None and chromium.missing():
        reporter.write_line(chromium.missing(), yellow=True)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of pages where there is no browser; where every change is checked that is an error."""
    if collection_path != CHECKOUT / "tests" / "pages" or not chromium.missing():
        return None
    if chromium.has_to_be_there():
        raise pytest.UsageError(chromium.missing())
    return True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while tests are collected, and leave them and all that was imported alone after.

    What comes together then lives to the end: walking through it again and again takes a third of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


LONGEST_FIRST = (
    *("test_serve", "test_quality", "test_calls", "test_account_check", "test_soak", "test_console", "test_phone"),
    *("test_attacks", "test_readme", "test_benchmark", "test_redis_failover", "test_together", "test_logs"),
    *("test_flow_map", "test_operations_page", "test_calls_without_redis", "test_timing", "test_crashes", "test_look"),
    *("test_canaries", "test_dropped_calls", "test_flow_versions"),
)
"""Files that take long: begun first, so that processes that take a file at a time end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; what pytest-xdist thinks of their order, `.ci/run` tells it to forget."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # an example that a busy machine took long over is no fault


READ_ONCE = pytest.MonkeyPatch()


def pytest_configure() -> None:
    """Let the tests of one process parse the same bytes once, and lint the same library once: both are pure."""
    READ_ONCE.setattr("ivr.library.read", _read_once(read))
    READ_ONCE.setattr("ivr.versions.editing.linted", _linted_once(editing.linted))


def pytest_unconfigure() -> None:
    READ_ONCE.undo()


def _read_once(read: Callable[[str, bytes], tuple[YamlFile | None, list[Problem]]]) -> Callable[..., object]:
    known = cache(read)

    def again(name: str, data: bytes) -> tuple[YamlFile | None, list[Problem]]:
        file, problems = known(name, data)
        return file, list(problems)

    return again


def _linted_once(linted: Callable[..., Library]) -> Callable[..., Library]:
    known: dict[object, Library] = {}

    def again(sources: Mapping[str, bytes], shown: Mapping[str, str] | None = None) -> Library:
        key = frozenset(sources.items()), frozenset((shown or {}).items())
        if key not in known:
            known[key] = linted(sources, shown)
        return known[key]

    return again


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for a socket (that of tmp_path often does not)."""
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def begin(short_folder: Path) -> Iterator[Callable[..., Serving]]:
    """Give a function that begins to serve; whatever still runs at the end is stopped."""
    begun: list[Serving] = []

    def one(*arguments: str, **settings: str) -> Serving:
        begun.append(Serving(short_folder, *arguments, **settings))
        return begun[-1]

    yield one
    for service in begun:
        service.close()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """Run one server for all tests of this process, and give its URL; tests that break theirs use `own_valkey`."""
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    server = EmbeddedValkey(folder)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def valkey_url(valkey: str) -> str:
    """Give the URL of that server, with nothing in it as a file of tests begins.

    A service that starts on what the file before has left would go by its orders, and give them back to a Redis that
    a test has emptied, a second later.
    """
    with Server.from_url(valkey) as client:
        client.flushall()
    return valkey


@pytest_asyncio.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    """Give a client of the shared server, with nothing in it but counters that are vouched for."""
    async with connect(valkey_url, patience=PATIENT) as client:
        await emptied(client)
        yield client


@pytest_asyncio.fixture
async def empty_redis(redis: Redis) -> Redis:
    """Give the same client, with nothing at all in its server."""
    await redis.flushall()
    return redis


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Serve calls by two workers for whose callers numbers are rung."""
    folder = tmp_path_factory.mktemp("data")
    with serving(valkey_url, folder, workers=2, deadlines=UNHURRIED, outbound_number="") as under_test:
        yield under_test


@pytest.fixture(scope="module")
def hurried(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Serve the same by two workers whose callers soon hear the filler; only for tests that are about it."""
    folder = tmp_path_factory.mktemp("data")
    with serving(valkey_url, folder, workers=2, deadlines=SHORT, outbound_number="") as under_test:
        yield under_test


@pytest.fixture(scope="module")
def running_queues(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Serve calls by two workers whose callers wait for agents."""
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2, deadlines=UNHURRIED) as under_test:
        yield under_test


@pytest.fixture
def hotline(running: UnderTest, redis: Redis) -> UnderTest:
    """Give the service with nothing in its Redis, and an account service that verifies once and tells a balance."""
    return at_first(running)


@pytest.fixture
def queueing(running_queues: UnderTest, redis: Redis) -> UnderTest:
    """Give the same of a service whose callers wait for agents."""
    return at_first(running_queues)


def at_first(running: UnderTest) -> UnderTest:
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    running.clock.ahead_ms = 0
    return running


@pytest_asyncio.fixture
async def queueing_caller(queueing: UnderTest) -> AsyncIterator[Caller]:
    """Give a caller of a service whose callers wait for agents."""
    async with calling(queueing) as one:
        yield one


@pytest_asyncio.fixture
async def caller(hotline: UnderTest) -> AsyncIterator[Caller]:
    """Give a caller of that service."""
    async with calling(hotline) as one:
        yield one


@pytest_asyncio.fixture
async def own_valkey(short_folder: Path) -> AsyncIterator[EmbeddedValkey]:
    """Run a server that this test alone may stop, stall and break."""
    server = EmbeddedValkey(short_folder)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def sentinel_servers() -> Iterator[Servers]:
    """Run a master, a replica and three Sentinels; whoever breaks one of them mends it."""
    with with_sentinels() as servers:
        yield servers


@pytest.fixture(scope="session")
def cluster_servers() -> Iterator[Servers]:
    """Run a cluster of three masters, one of them with a replica; whoever breaks a node mends it."""
    with in_a_cluster() as servers:
        yield servers


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no worker remember, not even for a second, that the counts were whole: tests take them away at once."""
    monkeypatch.setattr("ivr.counters.LATELY_S", 0.001)


@pytest.fixture(scope="module")
def announced_until_2026() -> Iterator[None]:
    """Let the library of holidays know no year after 2026, whichever one its newest release knows."""
    known = chinese_calendar.is_workday

    def is_workday(day: date) -> bool:
        if day.year > 2026:
            raise NotImplementedError
        return bool(known(day))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chinese_calendar, "is_workday", is_workday)
        yield
