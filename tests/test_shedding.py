"""A flood of new calls gets a short answer, and everybody else the hotline."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest
from copied_library import Copied, serving_copy
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import BALANCE, LIBRARY, SUM, Caller, calling, emptied, everything, words

from ivr.channels.twilio.routes import page_writer
from ivr.flow import Limits
from ivr.library import Library
from ivr.metrics import Metrics
from ivr.pages import Call
from ivr.shedding import BURST_S, MOST_KNOWN, Shedding

FLOOD = "+8613900000000"


# --- the buckets, by a clock of their own ----------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def with_limits(**limits: int) -> Callable[[], Library]:
    hotlines = {
        name: hotline.model_copy(update={"limits": Limits(**limits)})
        for name, hotline in LIBRARY.hotlines.hotlines.items()
    }
    library = replace(LIBRARY, hotlines=LIBRARY.hotlines.model_copy(update={"hotlines": hotlines}))
    return lambda: library


def shedding(time: Time, **limits: int) -> Shedding:
    return Shedding(with_limits(**limits), page_writer("http://hotline.test"), Metrics(), time)


def new_call(calling: str = FLOOD, dialled: str = "12333") -> Call:
    return Call("CA" + token_hex(16), dialled, calling)


def taken(one: Shedding, times: int, calling: str = FLOOD, dialled: str = "12333") -> int:
    return sum(one.sheds(new_call(calling, dialled)) is None for _ in range(times))


def test_a_caller_has_a_burst_and_then_a_rate() -> None:
    time = Time()
    one = shedding(time, new_calls_per_caller_a_second=2)
    assert taken(one, 100) == 2 * BURST_S
    time.seconds += 1
    assert taken(one, 100) == 2
    time.seconds += 3600
    assert taken(one, 100) == 2 * BURST_S
    time.seconds -= 3600  # a clock that ran back gives nothing, and takes nothing for ever
    assert taken(one, 100) == 0


def test_one_number_takes_nothing_from_others() -> None:
    one = shedding(Time(), new_calls_per_caller_a_second=1, new_calls_a_second=10)
    assert taken(one, 1000) == BURST_S
    assert [taken(one, 1, f"+861380000{number:04}") for number in range(30)] == [1] * 30


def test_all_together_have_a_limit_for_each_hotline() -> None:
    one = shedding(Time(), new_calls_a_second=5)
    callers = [f"+861380000{number:04}" for number in range(100)]
    assert sum(taken(one, 1, caller) for caller in callers) == 5 * BURST_S
    assert sum(taken(one, 1, caller, "12393") for caller in callers) == 5 * BURST_S


@pytest.mark.parametrize("withheld", ["", "anonymous", "+266696687", "Restricted"])
def test_withheld_numbers_share_no_bucket(withheld: str) -> None:
    one = shedding(Time(), new_calls_per_caller_a_second=1, new_calls_a_second=100)
    assert taken(one, 50, withheld) == 50
    assert not one.floods(new_call(withheld))


def test_a_webhook_that_comes_again_is_decided_on_once() -> None:
    one = shedding(Time(), new_calls_per_caller_a_second=1)
    first, *others = [new_call() for _ in range(20)]
    answers = [one.sheds(call) for call in (first, *others)]
    assert [one.sheds(call) for call in (first, *others)] == answers
    assert (answers[0], one.shed(first)) == (None, False)
    assert (answers[-1] is not None, one.shed(others[-1])) == (True, True)


def test_what_is_remembered_is_bounded() -> None:
    one = shedding(Time())
    for number in range(MOST_KNOWN + 500):
        one.sheds(new_call(f"+86138{number:08}"))
    assert len(one._callers) == len(one._decided) == MOST_KNOWN


def test_the_answer_is_short_and_in_the_hotlines_language() -> None:
    one = shedding(Time(), new_calls_per_caller_a_second=1)
    taken(one, 10)
    answer = one.sheds(new_call())
    assert answer is not None
    assert words("call.shed") in answer.decode()
    assert answer.count(b"<Say") == 1
    assert answer.endswith(b"<Hangup/></Response>")


# --- a real flood ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hotline(valkey_url: str, tmp_path: Path) -> Iterator[UnderTest]:
    copied = Copied(tmp_path)
    copied.edit("flows/hotlines.yaml", ("\n  demo:\n", "\n  demo:\n    limits: {new_calls_per_caller_a_second: 1}\n"))
    with serving_copy(copied, valkey_url, tmp_path / "data") as under_test:
        yield under_test


async def test_a_flood_from_one_number_is_no_matter_for_others(hotline: UnderTest, redis: Redis) -> None:
    await emptied(redis)
    callers = [f"+861380000000{number}" for number in range(4)]
    hotline.accounts.script({"verify": ["ok"] * len(callers), "balance": [BALANCE] * len(callers)})
    async with calling(hotline, workers=1) as one:
        flood = [Caller(hotline, one.carrier) for _ in range(150)]

        async def floods() -> list[Caller]:
            return [caller for caller in flood if (await caller.post("/twilio/voice", From=FLOOD)).hangs_up]

        async def asks(calling: str) -> str:
            caller = Caller(hotline, one.carrier, calling=calling)
            await caller.verified()
            return (await caller.follows()).said

        flooding = asyncio.create_task(floods())
        told = await asyncio.gather(*(asks(calling) for calling in callers))
        shed = await flooding
        assert all(SUM in said for said in told)
        assert len(shed) > 20
        # Nothing of a shed call is kept, whatever else comes of it.
        before = await everything(redis)
        for caller in shed[-20:]:
            await caller.post("/twilio/voice", From=FLOOD)
            form = caller.form(CallStatus="completed", From=FLOOD)
            assert (await one.carrier.post("/twilio/status", form)).status == 204
        assert await everything(redis) == before
