"""Incident of 2012: keys that no menu asks for, keyed by researchers, crashed the servers of phone banks.

Keys reach the hotline as text from outside, signed or not. Whatever they are, the worker lives, the answer is TwiML
that the carrier takes, nobody is verified by accident, and the very same call goes on with proper keys.
"""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from fuzzing import TIMES
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, SUM, Caller, calling, emptied

ODD = [
    "*" * 64,
    "#" * 64,
    "0" * 64,
    "9" * 65,
    "1" * 4096,
    "*#" * 8_000,
    "10#*" * 16,
    NUMBER * 3,
    f"*{NUMBER}*",
    "１２３",
    "١٢",
    "²",
    "A",
    "1A2B",
    "w" * 20,
    "-1",
    "1e309",
    "NaN",
    "%s%s%n",
    "{0.__class__}",
    "../../etc/passwd",
    "1' OR '1'='1",
    "</Say><Dial>110</Dial>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>",
    "\x00",
    "1\x00",
    "\r\nX-Twilio: 1",
    "\ufeff1",
    "\u202e1",
    "\U0001f4de",
]
FINISHED = ("", "#", "*", "5", "##", "\x00")


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), outbound_number="") as one:
        yield one


@pytest_asyncio.fixture
async def caller(hotline: UnderTest, redis: Redis) -> AsyncIterator[Caller]:
    await emptied(redis)
    hotline.accounts.script({})
    async with calling(hotline) as one:
        yield one


async def goes_on(caller: Caller) -> None:
    """Let another call through the same worker hear its balance."""
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    assert SUM in (await Caller(caller.hotline, caller.carrier).verified()).said


@pytest.mark.parametrize("place", ["main menu", "number", "password"])
async def test_keys_that_no_prompt_asks_for_never_end_a_worker(caller: Caller, place: str) -> None:
    for number, keys in enumerate(ODD):
        one = Caller(caller.hotline, caller.carrier)
        await one.rings()
        for before in {"main menu": (), "number": ("1",), "password": ("1", NUMBER + "#")}[place]:
            await one.keys(before)
        assert one.here is not None
        told = await one.go(one.here.next, Digits=keys, FinishedOnKey=FINISHED[number % len(FINISHED)])
        assert SUM not in told.said
    assert caller.hotline.accounts.asked == []
    await goes_on(caller)


async def test_random_sequences_of_keys_come_to_an_end_that_the_carrier_takes(caller: Caller) -> None:
    dice = random.Random(2012)
    for _ in range(12 * TIMES):
        one = Caller(caller.hotline, caller.carrier)
        await one.rings()
        for _ in range(70):
            assert one.here is not None
            if one.here.hangs_up or one.here.dials:
                break
            keys = "".join(dice.choices("0123456789*#" + "*#", k=dice.choice((1, 1, 2, 6, 18, 19, 64, 200))))
            await one.go(one.here.next, Digits=keys.rstrip("#"), FinishedOnKey=dice.choice(FINISHED[:3]))
        assert one.here is not None
        assert one.here.hangs_up or one.here.dials, "A call ends within 60 key turns, whatever is keyed."
    assert not [asked for question, _, asked in caller.hotline.accounts.asked if question != "verify"]
    await goes_on(caller)


async def test_a_call_that_was_fuzzed_goes_on_with_proper_keys(caller: Caller) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    await caller.rings()
    assert caller.here is not None
    await caller.go(caller.here.next, Digits="*#" * 64, FinishedOnKey="")
    await caller.keys("1")
    await caller.go(caller.here.next, Digits="\x00" * 64, FinishedOnKey="#")
    await caller.keys(NUMBER + "#")
    await caller.go(caller.here.next, Digits="<" * 64, FinishedOnKey="#")
    assert SUM in (await caller.keys(PASSWORD)).said
