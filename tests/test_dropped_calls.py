"""Calls that broke off, over HTTP: what is kept of them, for how long, of whom, and what is never kept."""

from collections.abc import Iterator
from typing import Any

import pytest
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, PATIENT, SEALS, emptied, everything, words

from ivr.calling_numbers import WITHHELD
from ivr.carrier.line import Call, Heard
from ivr.dropped import DroppedCalls

CALLING = "+8613912345678"
TEN_MINUTES_MS = 600_000

ANSWERED: dict[str, list[Any]] = {"verify": ["ok"], "balance": [BALANCE]}
PROVED = [NUMBER + "#", PASSWORD]


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


async def greeted(hotline: UnderTest, keys: list[str], *, from_: str = CALLING, agent: str = "answered") -> list[Heard]:
    """Call, key, hang up; give what was heard at once."""
    async with hotline.carrier(agent=agent) as carrier:
        call = await carrier.dial(from_=from_)
        heard = list(call.heard)
        await plays(call, keys)
        await call.hang_up()
    return heard


async def plays(call: Call, keys: list[str]) -> None:
    for one in keys:
        await (call.silence() if one == "-" else call.press(one))


def offers(heard: list[Heard]) -> bool:
    """Tell whether what is heard at once is the offer to go on, and not the main menu."""
    said = "".join(one.text for one in heard)
    assert said in (words("main.dropped") + words("main.rest"), words("main.long") + words("main.rest"))
    return said.startswith(words("main.dropped"))


async def kept(redis: Redis) -> list[bytes]:
    return [key async for key in redis.scan_iter("ivr:dropped:*")]


async def test_a_call_that_broke_off_is_offered_to_the_same_number_once(redis: Redis, hotline: UnderTest) -> None:
    await emptied(redis)
    assert not offers(await greeted(hotline, ["2"]))
    assert not offers(await greeted(hotline, [], from_="+8613912345679"))
    assert offers(await greeted(hotline, []))
    assert await kept(redis) == []
    assert not offers(await greeted(hotline, []))


async def test_it_is_kept_for_ten_minutes_sealed_and_under_a_keyed_name(redis: Redis, hotline: UnderTest) -> None:
    await emptied(redis)
    await greeted(hotline, ["2", NUMBER + "#"])
    [key] = await kept(redis)
    assert TEN_MINUTES_MS - 10_000 < await redis.pttl(key) <= TEN_MINUTES_MS
    sealed = await redis.get(key)
    assert isinstance(sealed, bytes)
    assert len(sealed) < 100
    name = SEALS.name("dropped", CALLING)
    assert key == f"ivr:dropped:{{{name}}}".encode()
    assert SEALS.open(sealed, call=name, what="dropped") == b"years"
    there = b"".join(name + (value or b"") for name, value in (await everything(redis)).items())
    for secret in (b"years", NUMBER.encode(), NUMBER[-4:].encode(), CALLING[1:].encode()):
        assert secret not in there, secret


async def test_after_ten_minutes_it_is_forgotten(redis: Redis, hotline: UnderTest) -> None:
    await emptied(redis)
    await greeted(hotline, ["2"])
    [key] = await kept(redis)
    await redis.pexpire(key, max(1, await redis.pttl(key) - TEN_MINUTES_MS))
    assert not offers(await greeted(hotline, []))


@pytest.mark.parametrize(
    "calling", [*sorted(WITHHELD), "anonymous", "Anonymous", "Restricted", "unknown", "", "client:desk", "+1", "12333"]
)
async def test_nothing_is_kept_of_callers_who_withhold_their_number(
    redis: Redis, hotline: UnderTest, calling: str
) -> None:
    await emptied(redis)
    async with hotline.carrier() as carrier:
        for _ in range(2):
            call = carrier.call()
            call.from_ = calling
            await call.ring("/twilio/voice")
            assert not offers(call.heard)
            await call.press("2")
            await call.hang_up()
            assert await kept(redis) == []


async def test_withheld_numbers_are_refused_where_they_are_kept_and_recalled(empty_redis: Redis) -> None:
    dropped = DroppedCalls(empty_redis, SEALS, deadline=PATIENT)
    for calling in (*WITHHELD, "", "anonymous", CALLING + "\n", "+" + "1" * 16):
        await dropped.note(calling, "years")
        assert await dropped.recall(calling) == ""
    assert await everything(empty_redis) == {}
    await dropped.note(CALLING, "years")
    assert await dropped.recall(CALLING) == "years"
    assert await everything(empty_redis) == {}


async def test_what_was_put_in_its_place_is_not_believed(redis: Redis) -> None:
    dropped = DroppedCalls(redis, SEALS, deadline=PATIENT)
    await dropped.note(CALLING, "years")
    [key] = await kept(redis)
    sealed = await redis.get(key)
    assert isinstance(sealed, bytes)
    other = f"ivr:dropped:{{{SEALS.name('dropped', '+8613912345679')}}}"
    await redis.set(other, sealed)
    await redis.set(key, b"years")
    assert await dropped.recall("+8613912345679") == ""
    assert await dropped.recall(CALLING) == ""


WEAK: dict[str, list[Any]] = {"verify": ["ok"], "sms-codes": ["sent"], "verify-code": ["ok"]}
RENEWING = ["123456", "1", "502937", "111111"]
"""A weak password, a code instead of it, and a new password that is as weak."""

ENDS: dict[str, tuple[dict[str, list[Any]], list[str], str, bool]] = {
    "nothing chosen": ({}, [], "answered", False),
    "at the number": ({}, ["1"], "answered", True),
    "at the password": ({}, ["1", NUMBER + "#"], "answered", True),
    "after a wrong password": ({"verify": ["wrong"]}, ["1", *PROVED], "answered", True),
    "while nothing can be looked up": ({"verify": ["ok"], "balance": ["outage"]}, ["1", *PROVED], "answered", True),
    "after a new password that is too weak": (WEAK, ["1", NUMBER + "#", *RENEWING], "answered", True),
    "after the answer": (ANSWERED, ["1", *PROVED], "answered", False),
    "after goodbye": (ANSWERED, ["1", *PROVED, "9", "#", "#", "-"], "answered", False),
    "during goodbye": (ANSWERED, ["1", *PROVED, "9", "#", "#"], "answered", False),
    "at another choice after the answer": (ANSWERED, ["1", *PROVED, "*", "3"], "answered", True),
    "at another number after the answer": (ANSWERED, ["1", *PROVED, "3"], "answered", True),
    "given up by the caller": ({}, ["1", "*"], "answered", False),
    "with a human": ({}, ["0"], "answered", False),
    "at humans who are busy": ({}, ["1", "0#"], "busy", False),
    "led to busy humans by silence": ({}, ["1", "-", "-", "-"], "busy", False),
    "after an answer on policy": ({}, ["5", "5"], "answered", False),
    "in the menu of policy": ({}, ["5"], "answered", False),
    "in the menu of the password": ({}, ["6"], "answered", False),
    "at a new password": ({}, ["6", "1"], "answered", False),
    "in the menu of details": ({}, ["3"], "answered", True),
    "at the number, before status": ({}, ["4", "1"], "answered", True),
}


@pytest.mark.parametrize(("service", "keys", "agent", "is_kept"), ENDS.values(), ids=ENDS)
async def test_only_a_choice_without_its_answer_is_kept(
    redis: Redis, hotline: UnderTest, service: dict[str, list[Any]], keys: list[str], agent: str, is_kept: bool
) -> None:
    await emptied(redis)
    hotline.accounts.script(service)
    await greeted(hotline, keys, agent=agent)
    assert hotline.accounts.unused == {}
    assert len(await kept(redis)) == is_kept
    assert offers(await greeted(hotline, [])) == is_kept


@pytest.mark.parametrize("key", ["1", "2", "3", "4"])
async def test_who_is_cut_off_again_is_offered_it_again(redis: Redis, hotline: UnderTest, key: str) -> None:
    await emptied(redis)
    await greeted(hotline, [key])
    assert offers(await greeted(hotline, ["#"]))
    assert offers(await greeted(hotline, []))
    assert not offers(await greeted(hotline, []))


async def test_before_the_verification_all_choices_that_are_gone_on_with_sound_the_same(
    redis: Redis, hotline: UnderTest
) -> None:
    """Whoever calls now from the same telephone may be another person, and may press any key."""
    heard: dict[str, list[str]] = {}
    for chosen in ("1", "2", "3", "4"):
        await emptied(redis)
        hotline.accounts.script({"verify": ["wrong", "ok"]})
        await greeted(hotline, [chosen])
        async with hotline.carrier() as carrier:
            call = await carrier.dial(from_=CALLING)
            said = list(call.heard)
            for keys in ("#", "-", "9", "123#", NUMBER + "#", "111", "-", PASSWORD):
                said += await (call.silence() if keys == "-" else call.press(keys))
            heard[chosen] = [one.text for one in said]
            await call.hang_up()
    assert len({tuple(texts) for texts in heard.values()}) == 1
    assert heard["1"][-1] == words("identify.not_verified")


async def test_nobody_is_verified_by_going_on(redis: Redis, hotline: UnderTest) -> None:
    await emptied(redis)
    hotline.accounts.script({"verify": ["ok"], "balance": ["outage"]})
    await greeted(hotline, ["1", *PROVED])
    async with hotline.carrier() as carrier:
        call = await carrier.dial(from_=CALLING)
        assert offers(call.heard)
        asked = "".join(one.text for one in await call.press("#"))
        assert asked == words("identify.ask_number")


async def test_a_status_that_comes_late_or_twice_keeps_nothing_anew(redis: Redis, hotline: UnderTest) -> None:
    await emptied(redis)
    async with hotline.carrier() as carrier:
        call = await carrier.dial(from_=CALLING)
        await call.press("2")
        await call.hang_up()
        assert len(await kept(redis)) == 1
        await carrier.replay(call.receipts[-1], 3, at_once=True)
        assert len(await kept(redis)) == 1
        assert offers((await carrier.dial(from_=CALLING)).heard)
        await carrier.replay(call.receipts[-1], 2)
        assert await kept(redis) == []
