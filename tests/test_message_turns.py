"""Messages whose caller hangs up after speaking: none is lost, in whatever order the carrier tells of it."""

from collections.abc import AsyncIterator
from secrets import token_hex

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import SEALS, Caller, calling

from ivr.call_records.stream import RecordStream
from ivr.messages import Messages
from ivr.walk import china_time

HOUR_MS = 3600_000


@pytest_asyncio.fixture
async def speaking(queueing: UnderTest) -> AsyncIterator[Caller]:
    """Give a caller whose message is being recorded, at three in the night."""
    queueing.clock.ahead_ms = (27 - china_time(queueing.clock()).hour) * HOUR_MS
    async with calling(queueing) as caller:
        caller.dialled = "12334"
        await caller.rings()
        await caller.keys("0")
        assert b"<Record" in (await caller.keys("2")).body
        yield caller
    queueing.clock.ahead_ms = 0


@pytest.mark.parametrize("first", ["recording", "end", "recording twice"])
async def test_who_hangs_up_after_a_message_has_left_it(speaking: Caller, redis: Redis, first: str) -> None:
    assert speaking.here is not None
    recording, url = f"RE{token_hex(16)}", speaking.here.next
    told = {"RecordingSid": recording, "RecordingDuration": "9", "Digits": "hangup"}
    if first == "end":
        await speaking.carrier.post("/twilio/status", speaking.form(CallStatus="completed"))
    for _ in range(2 if first == "recording twice" else 1):
        answer = await speaking.post(url, CallStatus="completed", **told)
        assert (answer.hangs_up, answer.said) == (True, "")
    (message,) = (await Messages(redis, SEALS, deadline=5).waiting()).values()
    assert (message.recording, message.seconds, message.call) == (recording, 9, speaking.sid)
    assert (message.hotline, message.number, message.lang) == ("office_hours", speaking.calling, "zh")
    if first == "end":
        parts = (await RecordStream(redis, SEALS, deadline=5).waiting()).values()
        assert "left_word" in {part.outcome for part in parts if part is not None and part.call == speaking.sid}


@pytest.mark.parametrize(
    "told",
    [
        {"RecordingDuration": "0", "Digits": "hangup", "CallStatus": "completed"},
        {"RecordingDuration": "9", "Digits": "*", "CallStatus": "completed"},
        {"RecordingDuration": "9", "Digits": "*"},
    ],
)
async def test_nothing_and_what_was_dropped_is_no_message_and_is_deleted(
    speaking: Caller, redis: Redis, told: dict[str, str]
) -> None:
    assert speaking.here is not None
    recording, url = f"RE{token_hex(16)}", speaking.here.next
    for _ in range(2):
        await speaking.post(url, RecordingSid=recording, **told)
    (message,) = (await Messages(redis, SEALS, deadline=5).waiting()).values()
    assert (message.recording, message.dropped, message.number) == (recording, True, "")
