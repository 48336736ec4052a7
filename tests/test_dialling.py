"""Only numbers of the configuration are dialled, and not without an end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from copied_library import Copied, serving_copy
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import Caller, calling, emptied, kept_of, token_at, words

from ivr.library import LibraryError
from ivr.redis_line import connect

A_DAY = 7
AGENT = b"<Number>+12025550133</Number>"


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    copied = Copied(tmp_path_factory.mktemp("library"))
    copied.edit("flows/hotlines.yaml", ("\n  demo:\n", f"\n  demo:\n    limits: {{dials_a_day: {A_DAY}}}\n"))
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def caller(running: UnderTest, valkey_url: str) -> AsyncIterator[Caller]:
    async with connect(valkey_url) as redis:
        await emptied(redis)
    async with calling(running) as one:
        yield one


async def dials(caller: Caller, times: int) -> int:
    """Ring humans who are all busy, again and again; give how often it was rung."""
    await caller.rings()
    rung = 0
    for _ in range(times):
        here = await caller.keys("0")
        if here.dials:
            rung += 1
            assert AGENT in here.body
            await caller.go(here.next, DialCallStatus="busy")
        else:
            assert words("agent.failed") in here.said
            assert words("agent.transfer") not in here.said
    return rung


async def test_a_caller_rings_humans_five_times_at_most(caller: Caller) -> None:
    assert await dials(caller, 8) == 5
    # Self-service is there all the same.
    assert words("main.short") in (await caller.keys("*")).said


async def test_all_callers_together_ring_humans_so_often_a_day(caller: Caller) -> None:
    others = [Caller(caller.hotline, caller.carrier, calling=f"+861380000000{place}") for place in range(4)]
    assert [await dials(one, 3) for one in others] == [3, 3, 1, 0]


@pytest.mark.parametrize(
    ("from_", "rung"),
    [(["+8613800000000"] * 3, [3, 2, 0]), (["anonymous", "+266696687", ""], [3, 2, 0])],
    ids=["one number", "withheld"],
)
async def test_who_calls_again_and_again_leaves_humans_for_others(
    caller: Caller, from_: list[str], rung: list[int]
) -> None:
    """A fifth of seven, and half of seven, are less than one call may ring: that much is left to everybody."""
    assert [await dials(Caller(caller.hotline, caller.carrier, calling=one), 3) for one in from_] == rung
    assert await dials(Caller(caller.hotline, caller.carrier, calling="+8613900000000"), 3) == A_DAY - 5


async def test_a_call_that_redis_lost_for_a_moment_rings_no_more_humans(caller: Caller, redis: Redis) -> None:
    await caller.rings()
    for _ in range(5):
        here = await caller.keys("0")
        await caller.go(here.next, DialCallStatus="busy")
    assert caller.here is not None
    kept = await kept_of(redis, caller.sid)
    later = token_at(caller.sid, caller.here.token, turn=kept.turn + 3)
    assert words("agent.failed") in (await caller.go(f"/twilio/turn/{later}", Digits="0")).said
    assert (await kept_of(redis, caller.sid)).session.dials == 5


async def test_a_webhook_that_comes_again_rings_nobody_again(caller: Caller) -> None:
    for other in (caller, Caller(caller.hotline, caller.carrier, calling="+8613900000001")):
        await other.rings()
        for _ in range(3):
            dial = await other.keys("0")
            assert set(await other.again(4, at_once=True)) == {dial.body}
            await other.go(dial.next, DialCallStatus="busy")
    assert await dials(Caller(caller.hotline, caller.carrier, calling="+8613900000000"), 3) == A_DAY - 6


async def test_humans_are_rung_where_nothing_can_be_counted(caller: Caller, redis: Redis) -> None:
    await redis.flushall()
    assert await dials(caller, 3) == 3


@pytest.mark.parametrize("keyed", ["+8613912345678#", "0#", "*0", "110", "00"])
async def test_nothing_that_is_keyed_is_dialled(caller: Caller, keyed: str) -> None:
    for way in ((), ("1",), ("1", "110105198503122173#"), ("6",)):
        one = Caller(caller.hotline, caller.carrier)
        await one.rings()
        for keys in way:
            await one.keys(keys)
        here = await one.keys(keyed)
        assert not here.dials or here.body.count(b"<Number>") == here.body.count(AGENT) == 1


TEMPLATES = {
    "a fact in the place of a number": ("flows/hotlines.yaml", '"+12025550133"', '"{caller:text}"', "numbers"),
    "digits in the place of a number": ("flows/hotlines.yaml", '"+12025550133"', '"{digits}"', "numbers"),
    "half a number": ("flows/hotlines.yaml", '"+12025550133"', '"+1202{number}"', "numbers"),
    "a SIP address with a fact": ("flows/hotlines.yaml", '"+12025550133"', '"sip:{x}@h"', "numbers"),
    "a domestic number": ("flows/hotlines.yaml", '"+12025550133"', '"110"', "numbers"),
    "a fact in the place of a group": ("flows/agent.yaml", "group: general", 'group: "{keyed}"', "group"),
    "a number in a flow": ("flows/agent.yaml", "group: general", 'group: general, number: "+1"', "number"),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_number_that_is_no_number_is_refused_at_load(tmp_path: Path, template: str) -> None:
    file, old, new, field = TEMPLATES[template]
    if ", number:" in new:
        new = new.replace(", ", "\n    ")
    copied = Copied(tmp_path).edit(file, (old, new))
    with pytest.raises(LibraryError) as refused:
        copied.load()
    assert any(field in problem.message and problem.file.endswith(file) for problem in refused.value.problems)
