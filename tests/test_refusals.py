"""Failed credentials: counted over calls and workers, given back where they must be, refused alike in equal time."""

import asyncio
from collections.abc import Iterator

import pytest
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import (
    BALANCE,
    NUMBER,
    PASSWORD,
    PATIENT,
    SEALS,
    SUM,
    UNHURRIED,
    Caller,
    Document,
    calling,
    emptied,
    kept_of,
    numbers,
    token_at,
    verifications,
    words,
)

from ivr.counters import Counters, Refused, Window

STEP = 1.0
"""The fixed step on which refusals are sent to the callers whose time is taken here; a busy machine may need much."""
SLOW = 1.2
"""Seconds that an account service takes which is slower than one step."""


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2, refusal_step=0.01) as under_test:
        yield under_test


# --- counters --------------------------------------------------------------------------------------------------------


async def test_a_call_has_three_attempts_and_the_account_five(hotline: UnderTest, redis: Redis) -> None:
    """Over calls and workers; who is refused by our own count hears the same turns, and nobody is asked."""
    hotline.accounts.script({"verify": ["wrong"] * 5})
    heard: list[list[str]] = []
    for _ in range(3):
        async with calling(hotline) as caller:
            await caller.to_the_password()
            heard.append([(await caller.keys(PASSWORD)).said for _ in range(3)])
            assert (await kept_of(redis, caller.sid)).failed == 3
    assert heard[0] == heard[1] == heard[2]
    assert words("identify.not_verified") == heard[0][0]
    assert words("identify.too_many") == heard[0][2]
    assert [question for question, _, _ in hotline.accounts.asked] == ["verify"] * 5


async def test_a_fourth_attempt_in_one_call_asks_nobody(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 3})
    here = await caller.to_the_password()
    for _ in range(3):
        await caller.keys(PASSWORD)
    await emptied(redis)  # the number is kept in the token neither, so it has to be keyed again
    spent = token_at(caller.sid, here.token, turn=20, failed=3)
    assert words("identify.too_many") in (await caller.go(f"/twilio/turn/{spent}", Digits=PASSWORD)).said
    assert verifications(hotline) == 3


async def test_a_success_gives_its_own_attempt_back_and_no_other(hotline: UnderTest, redis: Redis) -> None:
    hotline.accounts.script(
        {"verify": ["wrong", "wrong", "ok", "wrong", "wrong", "ok", "wrong"], "balance": [BALANCE] * 2}
    )
    failures = 0
    for outcome in (["wrong", "wrong", "ok"], ["wrong", "wrong", "ok"], ["wrong"]):
        async with calling(hotline) as caller:
            await caller.to_the_password()
            for one in outcome:
                told = await caller.keys(PASSWORD)
                failures += one == "wrong"
                assert (SUM in told.said) == (one == "ok")
            assert (await kept_of(redis, caller.sid)).failed == outcome.count("wrong")
    assert failures == 5
    async with calling(hotline) as caller:  # the sixth asks nobody
        await caller.to_the_password()
        assert words("identify.not_verified") == (await caller.keys(PASSWORD)).said
    assert hotline.accounts.unused == {}
    assert verifications(hotline) == 7


@pytest.mark.parametrize("outage", ["outage", "bad token"])
async def test_an_outage_gives_the_attempt_back(hotline: UnderTest, caller: Caller, redis: Redis, outage: str) -> None:
    hotline.accounts.script({"verify": [outage] * 6 + ["ok"], "balance": [BALANCE]})
    await caller.rings()
    for _ in range(6):
        await caller.keys("1")
        await caller.keys(NUMBER + "#")
        hotline.accounts.on_script()  # a probe that a busy machine delays opens the breaker, which is tested elsewhere
        assert words("trouble.account") in (await caller.keys(PASSWORD)).said
        await caller.keys("*")
    assert (await kept_of(redis, caller.sid)).failed == 0
    hotline.accounts.on_script()
    await caller.keys("1")
    await caller.keys(NUMBER + "#")
    assert SUM in (await caller.keys(PASSWORD)).said


async def test_a_success_after_two_failures_still_counts_two_at_the_next_gate(
    hotline: UnderTest, caller: Caller
) -> None:
    """The record ends the verification in the very turn of the success: its gate must not count what was given back."""
    hotline.accounts.script({"verify": ["wrong", "wrong", "ok"], "balance": ["expired"]})
    await caller.to_the_password()
    await caller.keys(PASSWORD)
    await caller.keys(PASSWORD)
    told = await caller.keys(PASSWORD)
    assert words("identify.ask_number") in told.said
    assert words("identify.too_many") not in told.said


async def test_the_same_password_at_once_in_eight_calls_never_exceeds_the_account(hotline: UnderTest) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5})
    async with calling(hotline) as first:
        callers = [Caller(hotline, first.carrier) for _ in range(8)]
        await asyncio.gather(*(one.to_the_password() for one in callers))
        told = await asyncio.gather(*(one.keys(PASSWORD) for one in callers))
    assert {one.said for one in told} == {words("identify.not_verified")}
    assert verifications(hotline) == 5


@pytest.mark.parametrize("service", ["ok", "wrong", "locked", "must_change", "nobody asked"])
@pytest.mark.parametrize("weak", ["111111", "123456", "123123", "850312", "122173", "888888"])
async def test_a_weak_password_opens_nothing_whatever_the_service_says(
    hotline: UnderTest, caller: Caller, redis: Redis, weak: str, service: str
) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5 if service == "nobody asked" else [service]})
    if service == "nobody asked":
        async with calling(hotline) as others:
            for _ in range(2):
                other = Caller(hotline, others.carrier)
                await other.to_the_password()
                for _ in range(3):
                    await other.keys("975318")
    await caller.to_the_password()
    assert (await caller.keys(weak)).said == words("identify.too_simple")
    kept = await kept_of(redis, caller.sid)
    assert (kept.failed, kept.session.member) == (1, None)
    assert not [question for question, _, _ in hotline.accounts.asked if question != "verify"]


# --- equal words, equal time -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stepping(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    folder = tmp_path_factory.mktemp("data")
    with serving(valkey_url, folder, refusal_step=STEP, deadlines=UNHURRIED) as under_test:
        yield under_test


NOBODY = "nobody is asked"
REFUSALS: dict[str, tuple[str, str, str]] = {
    # name: what the service says, what is keyed, what is heard
    "a wrong password": ("wrong", PASSWORD, "identify.not_verified"),
    "a locked account": ("locked", PASSWORD, "identify.not_verified"),
    "our own count": (NOBODY, PASSWORD, "identify.not_verified"),
    "a weak password that is right": ("ok", "123456", "identify.too_simple"),
    "a weak password that is wrong": ("wrong", "123456", "identify.too_simple"),
    "a weak password of a locked account": ("locked", "123456", "identify.too_simple"),
    "a weak password and our own count": (NOBODY, "123456", "identify.too_simple"),
    "an initial password": ("must_change", PASSWORD, "identify.too_simple"),
}


@pytest.mark.parametrize(("delay", "steps"), [(0.0, 1), (SLOW, 2)])
async def test_every_refusal_is_sent_on_the_same_step(
    stepping: UnderTest, redis: Redis, delay: float, steps: int
) -> None:
    """Whoever is asked about is refused at the same time as all others, and then those about whom nobody is asked."""
    stepping.accounts.script({"verify": [service for service, *_ in REFUSALS.values() if service != NOBODY]})
    stepping.accounts.delay = delay
    sent: dict[str, int] = {}
    async with calling(stepping, workers=1) as line:
        callers = {}
        for place, (name, number) in enumerate(zip(REFUSALS, numbers(), strict=False)):
            callers[name] = Caller(stepping, line.carrier, calling=f"+861380000{place:04d}")
            await callers[name].to_the_password(number)
            if REFUSALS[name][0] == NOBODY:
                await _use_up(redis, number)
        for asked in (True, False):
            refused: dict[str, asyncio.Task[Document]] = {}
            for name in (one for one in REFUSALS if (REFUSALS[one][0] != NOBODY) is asked):
                refused[name] = asyncio.create_task(callers[name].keys(REFUSALS[name][1]))
                async with asyncio.timeout(PATIENT):  # each is asked about before the next: so it gets its own answer
                    while asked and verifications(stepping) < len(refused):  # noqa: ASYNC110 - in another thread
                        await asyncio.sleep(0.005)
            for name, refusal in refused.items():
                told = await refusal
                assert told.said == words(REFUSALS[name][2]), name
                assert told.seconds >= STEP * steps - 0.005, name
                sent[name] = int(told.seconds / STEP)
    assert set(sent.values()) == {steps}, sent
    assert sent.keys() == REFUSALS.keys()
    assert verifications(stepping) == sum(service != NOBODY for service, *_ in REFUSALS.values())


async def _use_up(redis: Redis, number: str) -> None:
    """Take all attempts of the account, as other calls would."""
    account = Window("account", f"id_card:{number}", limit=5, window_s=24 * 3600)
    counters = Counters(redis, SEALS, deadline=PATIENT)
    taken = [await counters.reserve([account], f"other-{attempt}") for attempt in range(6)]
    assert taken[-1] == Refused(5, "account")


async def test_a_call_without_attempts_is_refused_on_the_same_step(stepping: UnderTest, redis: Redis) -> None:
    stepping.accounts.script({})
    async with calling(stepping, workers=1) as caller:
        await caller.to_the_password()
        await redis.hset(f"ivr:{{{caller.sid}}}", "f", "3")
        told = await caller.keys(PASSWORD)
    assert told.said == words("identify.too_many")
    assert told.seconds >= STEP - 0.005
    assert verifications(stepping) == 0


async def test_answers_to_the_verified_wait_for_no_step(stepping: UnderTest, redis: Redis) -> None:
    stepping.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with calling(stepping, workers=1) as caller:
        told = await caller.verified()
    assert SUM in told.said
    assert told.seconds < STEP
