"""Spoken messages: read from the carrier's webhook, noted once, handed over, seen to by one agent, gone in time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from served import served_here
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from ivr.agents.handing_over import HandingOver
from ivr.agents.message_list import MessageList
from ivr.agents.message_retention import DAY_MS, MessageRetention
from ivr.call import Event, Garbled, Keyed, Record, Recorded, Turn, Utterance
from ivr.carrier.recordings import recording_routes, tone
from ivr.channels.twilio.form import Form, read_event
from ivr.channels.twilio.recordings import RecordingAwayError, Recordings
from ivr.channels.twilio.twiml import write
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.first_use import FirstUse
from ivr.messages import KEPT_MS, WAITING, Message, Messages, dropped_message
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.serve import sqlite_url

SEALS = Seals([b"m" * 32])
SID = "RE" + "5" * 32
MESSAGE = Message(
    SID, 12, "CA" + "7" * 32, "demo", "+8613912345678", "zh", "balance", verified=True, at=1_795_000_000_000
)
LATER = Message("RE" + "6" * 32, 30, "CA" + "8" * 32, "demo", "", "yue", "", verified=False, at=MESSAGE.at + 1)


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"RecordingSid": SID, "RecordingDuration": "12", "Digits": "#"}, Recorded(SID, 12, ended=True)),
        ({"RecordingSid": SID, "RecordingDuration": "120", "Digits": ""}, Recorded(SID, 120)),
        ({"RecordingSid": SID, "RecordingDuration": "12", "Digits": "hangup"}, Recorded(SID, 12)),
        ({"RecordingSid": SID, "RecordingDuration": "12", "Digits": "*"}, Keyed("*")),
        ({"RecordingSid": SID, "RecordingDuration": ""}, Garbled()),
        ({"RecordingSid": SID, "RecordingDuration": "-1"}, Garbled()),
        ({"RecordingSid": SID + "/../Calls", "RecordingDuration": "12"}, Garbled()),
        ({"RecordingSid": "", "RecordingDuration": "12", "RecordingUrl": "http://127.0.0.1/"}, Garbled()),
    ],
)
def test_what_the_carrier_tells_of_a_recording_has_an_exact_form(fields: dict[str, str], event: Event) -> None:
    assert read_event(Form(fields, clean=True)) == event


def test_a_recording_goes_on_also_where_nothing_was_said() -> None:
    written = write(
        Turn((Utterance("message.announce", "zh", "请说话。"),), Record(120)), "https://h/twilio/turn/t"
    ).decode()
    assert '<Record action="https://h/twilio/turn/t#rc=2&amp;rp=all&amp;rt=4800" method="POST"' in written
    assert 'finishOnKey="#*" maxLength="120" playBeep="true"' in written
    assert written.endswith("</Redirect></Response>")


async def test_a_message_waits_sealed_and_once_for_the_database(redis: Redis) -> None:
    await redis.delete(WAITING)
    messages = Messages(redis, SEALS, deadline=5)
    for _ in range(2):
        await messages.note(MESSAGE)
    assert await messages.waiting() == {SID: MESSAGE}
    kept: dict[Any, Any] = await redis.hgetall(WAITING)
    assert b"13912345678" not in b"".join(kept.values())
    assert 0 < await redis.pttl(WAITING) <= KEPT_MS
    # What was sealed with a secret that is gone can never be read: it waits for nobody.
    assert await Messages(redis, Seals([b"n" * 32]), deadline=5).waiting() == {}
    assert await messages.waiting() == {}


async def test_messages_are_handed_over_and_listed_oldest_first(
    redis: Redis, valkey_url: str, engine: AsyncEngine
) -> None:
    await redis.delete(WAITING)
    messages = Messages(redis, SEALS, deadline=5)
    for one in (LATER, MESSAGE):
        await messages.note(one)
    keeper = HandingOver(connect(valkey_url), engine.url.render_as_string(hide_password=False), SEALS)
    await keeper.round()
    await keeper.stop()
    assert await messages.waiting() == {}
    assert [one.message for one in await MessageList(engine, SEALS).open()] == [MESSAGE, LATER]


async def test_of_two_agents_one_has_seen_to_a_message(engine: AsyncEngine) -> None:
    kept = MessageList(engine, SEALS)
    for _ in range(2):
        await kept.take_over({SID: MESSAGE})
    (one,) = await kept.open()
    assert [await kept.done(one.id, agent, MESSAGE.at + 5) for agent in ("ann", "bob")] == [True, False]
    assert await kept.open() == []
    found = await kept.find(one.id)
    assert found is not None
    assert (found.done_by, found.message) == ("ann", MESSAGE)


async def test_after_its_retention_nothing_is_left_of_a_message(engine: AsyncEngine) -> None:
    kept = MessageList(engine, SEALS)
    await kept.take_over({one.recording: one for one in (MESSAGE, LATER)})
    old = await kept.older_than(LATER.at)
    assert [one.recording for one in old] == [SID]
    await kept.deleted([one.id for one in old])
    assert await kept.find(old[0].id) is None
    assert not await kept.done(old[0].id, "ann", LATER.at)
    assert [one.message for one in await kept.open()] == [LATER]


# --- the recordings ---


async def test_what_was_dropped_is_listed_for_nobody_and_deleted_at_once(engine: AsyncEngine) -> None:
    kept = MessageList(engine, SEALS)
    await kept.take_over({SID: dropped_message(MESSAGE.call, SID, MESSAGE.at)})
    assert await kept.open() == []
    (old,) = await kept.older_than(MESSAGE.at - 30 * DAY_MS)
    assert old.recording == SID
    assert await kept.find(old.id) is None


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[tuple[str, dict[str, float]]]:
    """Give the URL of the carrier's API, and the recordings that lie there."""
    kept = {SID: 3.0, LATER.recording: 5.0}
    app = Starlette(routes=recording_routes(kept, account_sid="AC" + "1" * 32, auth_token="the token"))
    async with served_here(app) as url:
        yield url, kept


async def test_a_recording_is_fetched_and_deleted_with_the_accounts_credentials(
    carrier: tuple[str, dict[str, float]],
) -> None:
    url, kept = carrier
    recordings = Recordings(url, account_sid="AC" + "1" * 32, auth_token="the token")
    assert await recordings.fetch(SID) == tone(3)
    for _ in range(2):  # what is gone already is no error
        await recordings.delete(SID)
    assert await recordings.fetch(SID) is None
    assert list(kept) == [LATER.recording]


@pytest.mark.parametrize(
    ("token", "recording", "why"),
    [
        ("another", SID, "the carrier answers 401"),
        ("the token", SID + "/../../Calls", "that is no name of a recording"),
        ("the token", "", "that is no name of a recording"),
    ],
)
async def test_what_is_not_given_is_told(
    carrier: tuple[str, dict[str, float]], token: str, recording: str, why: str
) -> None:
    recordings = Recordings(carrier[0], account_sid="AC" + "1" * 32, auth_token=token)
    for ask in (recordings.fetch, recordings.delete):
        with pytest.raises(RecordingAwayError, match=why):
            await ask(recording)


async def test_a_carrier_that_is_away_is_told() -> None:
    recordings = Recordings("http://127.0.0.1:9", account_sid="AC" + "1" * 32, auth_token="the token")
    with pytest.raises(RecordingAwayError, match="does not answer"):
        await recordings.fetch(SID)


async def test_recordings_go_with_their_messages_and_stay_listed_until_the_carrier_confirms(
    engine: AsyncEngine, carrier: tuple[str, dict[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    url, recordings = carrier
    kept = MessageList(engine, SEALS)
    await kept.take_over({one.recording: one for one in (MESSAGE, LATER)})
    database = engine.url.render_as_string(hide_password=False)

    async def gone(api_url: str, now: int) -> int:
        at = Recordings(api_url, account_sid="AC" + "1" * 32, auth_token="the token")
        retention = MessageRetention(database, SEALS, FirstUse(lambda: at).get, days=30, now=lambda: now)
        try:
            return await retention.round()
        finally:
            await retention.stop()

    old = MESSAGE.at + 30 * DAY_MS
    assert await gone(url, old) == 0
    assert await gone("http://127.0.0.1:9", old + 1) == 0
    assert "could not all be deleted" in caplog.text
    assert len(await kept.open()) == 2
    assert await gone(url, old + 1) == 1
    assert [one.message for one in await kept.open()] == [LATER]
    assert list(recordings) == [LATER.recording]


async def test_a_recording_that_the_carrier_does_not_delete_keeps_no_other(engine: AsyncEngine) -> None:
    kept, asked = MessageList(engine, SEALS), []
    await kept.take_over({one.recording: one for one in (MESSAGE, LATER)})

    class Carrier:
        async def delete(self, recording: str, /) -> None:
            asked.append(recording)
            if recording == SID:
                raise RecordingAwayError("the carrier answers 500")

    database = engine.url.render_as_string(hide_password=False)
    late = LATER.at + 31 * DAY_MS
    retention = MessageRetention(database, SEALS, FirstUse(Carrier).get, days=30, now=lambda: late)
    assert await retention.round() == 1
    await retention.stop()
    assert asked == [SID, LATER.recording]
    assert [one.message for one in await kept.open()] == [MESSAGE]
