"""Spoken messages: read from the carrier's webhook, noted once, handed over, seen to by one agent, gone in time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.handing_over import HandingOver
from ivr.agents.message_list import MessageList
from ivr.call import Event, Garbled, Keyed, Record, Recorded, Turn, Utterance
from ivr.channels.twilio.form import Form, read_event
from ivr.channels.twilio.twiml import write
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.messages import KEPT_MS, WAITING, Message, Messages
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
    messages = Messages(redis, SEALS)
    for _ in range(2):
        await messages.note(MESSAGE)
    assert await messages.waiting() == {SID: MESSAGE}
    kept: dict[Any, Any] = await redis.hgetall(WAITING)
    assert b"13912345678" not in b"".join(kept.values())
    assert 0 < await redis.pttl(WAITING) <= KEPT_MS
    # What was sealed with a secret that is gone can never be read: it waits for nobody.
    assert await Messages(redis, Seals([b"n" * 32])).waiting() == {}
    assert await messages.waiting() == {}


async def test_messages_are_handed_over_and_listed_oldest_first(
    redis: Redis, valkey_url: str, engine: AsyncEngine
) -> None:
    await redis.delete(WAITING)
    messages = Messages(redis, SEALS)
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
