"""Callbacks in the hotline's database: handed over once, worked off in order, three attempts, forgotten when done."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from tampering import PATIENT
from test_bookings import BOOKING, OF_ANOTHER_CALL

from ivr.__main__ import run
from ivr.agents.callback_list import AGAIN_MS, ATTEMPTS, CallbackList
from ivr.agents.handing_over import HandingOver
from ivr.bookings import Bookings
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.serve import sqlite_url

SEALS = Seals([b"n" * 32])
NOW = BOOKING.at + 60_000


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> str:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    return url


@pytest_asyncio.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database)
    yield engine
    await engine.dispose()


async def test_who_came_first_is_called_first_and_nothing_is_handed_over_twice(engine: AsyncEngine) -> None:
    callbacks = CallbackList(engine, SEALS)
    later = replace(OF_ANOTHER_CALL, at=BOOKING.at + 1)
    for _ in range(2):
        await callbacks.take_over({"b": later, "a": BOOKING})
    assert [(one.name, one.booking) for one in await callbacks.open()] == [("a", BOOKING), ("b", later)]


async def test_what_is_booked_again_in_the_same_call_is_another_callback(engine: AsyncEngine) -> None:
    callbacks = CallbackList(engine, SEALS)
    await callbacks.take_over({"a": BOOKING})
    await callbacks.note(1, "reached", NOW)
    await callbacks.take_over({"a": replace(BOOKING, at=NOW)})
    assert [one.booked_at for one in await callbacks.open()] == [NOW]


async def test_a_number_that_is_booked_once_more_is_called_once_with_the_code_that_was_told_last(
    engine: AsyncEngine,
) -> None:
    callbacks = CallbackList(engine, SEALS)
    again = replace(BOOKING, call=OF_ANOTHER_CALL.call, code="9182", at=NOW)
    await callbacks.take_over({"a": BOOKING, "b": OF_ANOTHER_CALL})
    for _ in range(2):
        await callbacks.take_over({"a": again})
    assert [(one.name, one.booking) for one in await callbacks.open()] == [("b", OF_ANOTHER_CALL), ("a", again)]
    await callbacks.note(3, "reached", NOW)
    await callbacks.take_over({"a": again})
    assert [one.name for one in await callbacks.open()] == ["b"]


async def test_three_attempts_half_an_hour_apart_then_nothing_is_left_of_the_number(engine: AsyncEngine) -> None:
    callbacks = CallbackList(engine, SEALS)
    await callbacks.take_over({"a": BOOKING})
    for attempt in range(1, ATTEMPTS + 1):
        (one,) = await callbacks.open()
        assert one.attempts == attempt - 1
        noted = await callbacks.note(one.id, "no_answer", NOW)
        assert noted is not None
        if attempt < ATTEMPTS:
            assert (noted.due_at, noted.outcome, noted.booking) == (NOW + AGAIN_MS, "", BOOKING)
    assert await callbacks.open() == []
    assert noted is not None
    assert (noted.outcome, noted.booking) == ("no_answer", None)


async def test_what_is_done_is_noted_no_more(engine: AsyncEngine) -> None:
    callbacks = CallbackList(engine, SEALS)
    await callbacks.take_over({"a": BOOKING})
    (one,) = await callbacks.open()
    noted = [await callbacks.note(one.id, "reached", NOW) for _ in range(2)]  # two agents with the same list
    assert [again and again.outcome for again in noted] == ["reached", None]
    assert await callbacks.note(99, "reached", NOW) is None


async def test_what_callers_booked_reaches_the_list_also_after_the_database_was_away(
    redis: Redis, valkey_url: str, tmp_path: Path, database: str
) -> None:
    bookings = Bookings(redis, SEALS, deadline=PATIENT)
    await bookings.book(BOOKING)
    away = HandingOver(connect(valkey_url), sqlite_url(tmp_path / "no" / "such.sqlite3"), SEALS)
    await away.round()
    await away.stop()
    assert list((await bookings.waiting()).values()) == [BOOKING]
    here = HandingOver(connect(valkey_url), database, SEALS)
    await here.round()
    assert await bookings.waiting() == {}
    await here.stop()
    engine = open_engine(database)
    assert [one.booking for one in await CallbackList(engine, SEALS).open()] == [BOOKING]
    await engine.dispose()


def emptied(valkey_url: str) -> None:
    async def empty() -> None:
        async with connect(valkey_url) as redis:
            await redis.flushall()

    asyncio.run(empty())


def booked(valkey_url: str, database: str, call: str) -> None:
    """Book a callback and hand it over, as the service does."""

    async def book() -> None:
        async with connect(valkey_url) as redis:
            assert await Bookings(redis, SEALS, deadline=PATIENT).book(replace(BOOKING, call=call)) is not None
        handing_over = HandingOver(connect(valkey_url), database, SEALS)
        await handing_over.stop()

    asyncio.run(book())


SECRET = "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, valkey_url: str, tmp_path: Path) -> str:
    database = sqlite_url(tmp_path / "calls.sqlite3")
    asyncio.run(upgrade(database))
    for name, value in {
        "IVR_REDIS_URL": valkey_url,
        "IVR_SECRET_KEY": SECRET,
        "IVR_DATABASE_URL": database,
        "IVR_DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    return database


def test_agents_work_the_list_off_by_hand(valkey_url: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    emptied(valkey_url)
    assert run(["callbacks", "list"]) == 0
    assert capsys.readouterr().out == "Nobody waits for a callback.\n"
    booked(valkey_url, command, BOOKING.call)
    assert run(["callbacks", "list", "--format", "json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["id"], line["number"], line["code"], line["language"]) == (1, "13800138000", "4721", "Mandarin")
    assert run(["callbacks", "list"]) == 0
    assert "13800138000" in capsys.readouterr().out
    assert run(["callbacks", "note", "1", "no_answer"]) == 0
    assert capsys.readouterr().out == "Callback 1: attempt 1 of 3 is noted; the next is due in half an hour.\n"
    assert run(["callbacks", "note", "1", "reached"]) == 0
    assert capsys.readouterr().out == "Callback 1 is done.\n"
    assert run(["callbacks", "note", "1", "reached"]) == 1
    assert capsys.readouterr().err == "There is no open callback 1.\n"
    assert run(["callbacks", "note", "9" * 20, "reached"]) == 2
    assert "2147483647" in capsys.readouterr().err
    assert run(["callbacks", "note", "1", "happy"]) == 2
    assert "expected reached, no_answer, wrong_number" in capsys.readouterr().err
    booked(valkey_url, command, OF_ANOTHER_CALL.call)  # the number may be booked again
