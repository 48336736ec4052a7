"""Callbacks that the hotline dials: the agent first, who hears the code, then the member; the outcome notes itself."""

from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from hotline_under_test import OUTBOUND_NUMBER
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT, SEALS, Caller, everything
from test_bookings import BOOKING
from test_legs import HERE, Phone, over

from ivr.agents.callback_list import CallbackList
from ivr.agents.handing_over import HandingOver
from ivr.agents.legs import Leg, Legs, new_id
from ivr.agents.outcomes import Outcomes
from ivr.agents.queue import AgentQueue, Waiter, place_of_callback
from ivr.agents.ring_limits import CALLS_A_NUMBER
from ivr.bookings import Booking, Bookings
from ivr.carrier.verbs import Callee, Dial, Verb
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.redis_line import connect
from ivr.serve import sqlite_url

MEMBER = "+8613800138000"
PLACE = place_of_callback(BOOKING.call, "named")
WHISPER = "回电，未验证，查询过余额，普通话。请先说出四位暗号，四七二幺。接通对方，请按一。"


class Back:
    """An agent who is rung to call somebody back."""

    def __init__(self, caller: Caller, redis: Redis) -> None:
        self.caller = caller
        self.legs = Legs(redis, SEALS, deadline=PATIENT)
        self.outcomes = Outcomes(redis, deadline=PATIENT)

    async def rings(self, booking: Booking = BOOKING, attempt: int = 0) -> Phone:
        leg = Leg(new_id(), PLACE, *HERE, "7", callback=1, attempt=attempt)
        assert (await self.legs.begin(leg, alone=True, kept=msgspec.msgpack.encode(booking))).begun
        return Phone(self.caller.carrier, self.legs, leg)

    async def noted(self) -> list[tuple[int, int, str]]:
        return [(one.callback, one.attempt, one.outcome) for one in (await self.outcomes.waiting()).values()]


@pytest_asyncio.fixture
async def back(queueing_caller: Caller, redis: Redis) -> Back:
    return Back(queueing_caller, redis)


def dialled(verbs: tuple[Verb, ...]) -> tuple[Dial, Callee]:
    (dial,) = verbs
    assert isinstance(dial, Dial)
    (callee,) = dial.targets
    assert isinstance(callee, Callee)
    return dial, callee


async def test_the_agent_hears_the_code_presses_one_and_the_member_is_dialled(back: Back) -> None:
    phone = await back.rings()
    assert await phone.answers() == WHISPER
    dial, callee = dialled(await phone.presses("1"))
    assert (callee.address, dial.caller_id) == (MEMBER, OUTBOUND_NUMBER)
    assert dial.action is not None
    assert over(await phone.post(dial.action, DialCallStatus="completed", DialCallDuration="95", DialBridged="true"))
    assert await back.noted() == [(1, 0, "reached")]
    assert over(await phone.post(phone.at("answered")))


async def test_neither_number_nor_code_lies_open_in_redis_or_in_a_url(back: Back, redis: Redis) -> None:
    phone = await back.rings()
    await phone.answers()
    await phone.presses("1")
    kept = b"".join(key + (value or b"") for key, value in (await everything(redis)).items())
    for secret in (BOOKING.number, MEMBER, BOOKING.code):
        assert secret.encode() not in kept
        assert secret not in phone.url + phone.at("dialled")


async def test_until_the_agent_presses_one_nobody_is_dialled(back: Back) -> None:
    phone = await back.rings()
    assert await phone.answers() == WHISPER
    for _ in range(2):
        assert phone.heard(await phone.presses("")) == WHISPER
    assert over(await phone.presses(""))
    assert over(await phone.presses("1"))
    assert await back.noted() == []
    assert (await back.legs.begin(replace(phone.leg, id=new_id()), alone=True)).begun


@pytest.mark.parametrize(
    ("number", "dials"),
    [
        ("01062345678", "+861062345678"),
        ("075581234567", "+8675581234567"),
        ("110", None),
        ("+12025550133", None),
        ("0012025550133", None),
        ("19", None),
        ("1380013800０", None),
    ],
)
async def test_only_a_number_of_the_mainlands_form_is_dialled(back: Back, number: str, dials: str | None) -> None:
    phone = await back.rings(replace(BOOKING, number=number))
    await phone.answers()
    verbs = await phone.presses("1")
    assert over(verbs) if dials is None else dialled(verbs)[1].address == dials


@pytest.mark.parametrize(
    ("status", "seconds", "noted"),
    [
        ("completed", "15", ["reached"]),
        ("completed", "14", ["no_answer"]),  # a mailbox, to which nobody says much
        ("busy", "0", ["no_answer"]),
        ("no-answer", "0", ["no_answer"]),
        ("failed", "0", []),  # what the carrier cannot dial was no attempt
        ("canceled", "0", []),  # nor what the agent took back
        ("strange", "99", []),
    ],
)
async def test_the_outcome_notes_itself_once_by_whatever_word_comes_first(
    back: Back, status: str, seconds: str, noted: list[str]
) -> None:
    phone = await back.rings(attempt=2)
    await phone.answers()
    dial, callee = dialled(await phone.presses("1"))
    assert dial.action is not None
    assert callee.status_callback is not None
    member = {"CallSid": "CA" + "7" * 32, "ParentCallSid": phone.sid, "CallDuration": seconds}
    for _ in range(2):
        assert await phone.ended(status, stage="member", **member) == 204
    # The agent's own leg may be over before, and what the dial tells comes last or never.
    assert await phone.ended("completed") == 204
    assert await phone.ended(status, stage="member", **member) == 204
    assert over(await phone.post(dial.action, DialCallStatus="completed", DialCallDuration="99"))
    assert await back.noted() == [(1, 2, outcome) for outcome in noted]


async def test_the_end_of_another_agents_call_notes_nothing(back: Back) -> None:
    phone = await back.rings()
    await phone.answers()
    dialled(await phone.presses("1"))
    assert await phone.ended("completed", stage="member", ParentCallSid="CA" + "8" * 32, CallDuration="60") == 204
    assert await back.noted() == []


async def test_one_number_is_called_back_so_often_a_day(back: Back) -> None:
    for place in range(CALLS_A_NUMBER + 1):
        phone = await back.rings()
        await phone.answers()
        verbs = await phone.presses("1")
        assert over(verbs) == (place == CALLS_A_NUMBER)
        await phone.ended("completed")


async def test_a_place_in_the_queue_is_the_callbacks_while_it_is_made_and_gone_after_it(
    back: Back, redis: Redis
) -> None:
    queue = AgentQueue(redis, SEALS, back.caller.hotline.clock, deadline=PATIENT)
    await queue.to_callback(Waiter(BOOKING.call, *HERE, back.caller.hotline.clock()), "named")
    assert await queue.take(*HERE, "7") is not None
    phone = await back.rings()
    await phone.answers()
    await phone.ended("no-answer")
    assert [one.state for one in await queue.waiting(*HERE)] == ["waiting"]
    assert await queue.take(*HERE, "7") is not None
    phone = await back.rings()
    await phone.answers()
    dialled(await phone.presses("1"))
    assert [one.call for one in await queue.speaking(*HERE)] == [PLACE]
    assert await phone.ended("completed") == 204
    assert await queue.card(*HERE, PLACE) is None


@pytest.mark.parametrize(
    ("status", "how"), [("failed", "unreached"), ("busy", "over"), ("completed", "over"), ("canceled", "over")]
)
async def test_the_desk_is_told_of_a_member_whose_phone_cannot_be_rung(back: Back, status: str, how: str) -> None:
    phone = await back.rings()
    await phone.answers()
    dial, _ = dialled(await phone.presses("1"))
    assert dial.action is not None
    assert await back.legs.how(PLACE, "7") == "goes_on"
    assert over(await phone.post(dial.action, DialCallStatus=status, DialCallDuration="60"))
    assert (await back.legs.how(PLACE, "7"), await back.legs.how(PLACE, "8")) == (how, "")


@pytest.mark.parametrize(("key", "how"), [("", "not_taken"), ("1", "over")])
async def test_the_desk_is_told_whether_the_agent_took_the_call(back: Back, key: str, how: str) -> None:
    phone = await back.rings()
    await phone.answers()
    await phone.presses(key)
    assert await phone.ended("completed") == 204
    assert await back.legs.how(PLACE, "7") == how


async def test_a_place_whose_number_may_not_be_called_today_is_not_rung_for_again_and_again(
    back: Back, redis: Redis
) -> None:
    queue = AgentQueue(redis, SEALS, back.caller.hotline.clock, deadline=PATIENT)
    for _ in range(CALLS_A_NUMBER):
        phone = await back.rings()
        await phone.answers()
        dialled(await phone.presses("1"))
        await phone.ended("completed")
    await queue.to_callback(Waiter(BOOKING.call, *HERE, back.caller.hotline.clock()), "named")
    await queue.take(*HERE, "7")
    phone = await back.rings()
    await phone.answers()
    assert over(await phone.presses("1"))
    assert await queue.waiting(*HERE) == []
    assert await back.legs.how(PLACE, "7") == "limit"


async def test_while_the_agent_hears_of_a_callback_nobody_else_takes_it(back: Back, redis: Redis) -> None:
    clock = back.caller.hotline.clock
    queue = AgentQueue(redis, SEALS, clock, deadline=PATIENT)
    await queue.to_callback(Waiter(BOOKING.call, *HERE, clock()), "named")
    await queue.take(*HERE, "7")
    phone = await back.rings()
    clock.ahead_ms += 40_000
    await phone.answers()
    clock.ahead_ms += 10_000
    assert await queue.take(*HERE, "8") is None


async def test_what_became_of_it_is_in_the_list_three_times_then_the_number_may_be_booked_again(
    back: Back, redis: Redis, tmp_path: Path, valkey_url: str
) -> None:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    bookings = Bookings(redis, SEALS, deadline=PATIENT)
    await bookings.book(BOOKING)
    engine = open_engine(url)
    handing_over = HandingOver(connect(valkey_url), url, SEALS)
    callbacks = CallbackList(engine, SEALS)
    try:
        for attempt in range(3):
            await handing_over.round()
            (open_,) = await callbacks.open()
            assert (open_.id, open_.attempts) == (1, attempt)
            phone = await back.rings(attempt=attempt)
            await phone.answers()
            dial, _ = dialled(await phone.presses("1"))
            assert dial.action is not None
            assert await bookings.is_booked(BOOKING.number)
            assert over(await phone.post(dial.action, DialCallStatus="no-answer"))
            for _ in range(2):
                await handing_over.round()
        assert await callbacks.open() == []
        assert not await bookings.is_booked(BOOKING.number)
        assert await back.outcomes.waiting() == {}
    finally:
        await handing_over.stop()
        await engine.dispose()
