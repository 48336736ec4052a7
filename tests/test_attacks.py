"""Attacks on the verification from outside, by signed webhooks: guessing, spraying, and ways round what is owed."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from copied_library import Copied, serving_copy
from fuzzing import TIMES
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, SUM, Caller, calling, emptied, kept_of, numbers, verifications, words

from ivr.calling_numbers import WITHHELD
from ivr.hotline import Deadlines

OTHER_NUMBER = next(number for number in numbers() if not number.endswith("X"))
WEAK = "123456"
BREAKER = 8
"""Failed credentials after which the small hotline sends its callers to agents."""


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(
        valkey_url, tmp_path_factory.mktemp("data"), workers=2, refusal_step=0.01, outbound_number=""
    ) as under_test:
        yield under_test


@pytest.fixture
def hotline(running: UnderTest, redis: Redis) -> UnderTest:
    running.accounts.script({})
    return running


async def tries(
    hotline: UnderTest, accounts: Iterable[str], password: str = PASSWORD, *, from_: str = "+8613800000000"
) -> list[str]:
    """Try a password at each account, each in a call of its own; give what was heard."""
    heard = []
    async with calling(hotline) as first:
        for account in accounts:
            caller = Caller(hotline, first.carrier, calling=from_)
            await caller.to_the_password(account)
            heard.append((await caller.keys(password)).said)
    return heard


async def taken(redis: Redis, kind: str) -> int:
    """Count the places that are taken at all counters of a kind."""
    return sum([await redis.zcard(key) async for key in redis.scan_iter(f"ivr:count:{kind}:*")])


NOT_VERIFIED, TOO_SIMPLE, NO_VERIFICATION = map(words, ("identify.not_verified", "identify.too_simple", "public.mode"))


# --- many accounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calling", ["13800000000", "008613800000000", "01062345678", "075526783456"])
async def test_a_number_told_as_within_the_mainland_has_its_counter_too(hotline: UnderTest, calling: str) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5})
    await tries(hotline, islice(numbers(), 6), from_=calling)
    assert verifications(hotline) == 5


async def test_a_calling_number_fails_at_five_accounts_and_spends_no_attempt_of_a_sixth(
    hotline: UnderTest, redis: Redis
) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5 + ["ok"], "balance": [BALANCE]})
    accounts = list(islice(numbers(), 7))
    assert await tries(hotline, accounts) == [NOT_VERIFIED] * 7
    assert verifications(hotline) == 5
    assert (await taken(redis, "account"), await taken(redis, "number"), await taken(redis, "hotline")) == (5, 5, 5)
    (told,) = await tries(hotline, accounts[6:], from_="+8613800000001")
    assert SUM in told, "the owner of the seventh is not locked out by another's attempt"


async def test_an_account_that_failed_already_is_no_further_one(hotline: UnderTest) -> None:
    accounts = list(islice(numbers(), 5))
    hotline.accounts.script({"verify": ["wrong"] * 6})
    await tries(hotline, [*accounts, accounts[0]])
    assert verifications(hotline) == 6


@pytest.mark.parametrize("withheld", [*sorted(WITHHELD)[:2], "anonymous", "", "client:desk"])
async def test_callers_who_withhold_their_number_share_no_counter(hotline: UnderTest, withheld: str) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 7})
    await tries(hotline, islice(numbers(), 7), from_=withheld)
    assert verifications(hotline) == 7


async def test_many_numbers_with_one_weak_password_open_nothing(hotline: UnderTest, redis: Redis) -> None:
    """The incident of default PINs sprayed over many numbers: whoever has one hears what all the others hear."""
    hotline.accounts.script({"verify": ["wrong", "must_change", "ok", "locked", "ok"]})
    assert set(await tries(hotline, islice(numbers(), 40 * TIMES), WEAK)) == {TOO_SIMPLE}
    assert verifications(hotline) == 5
    assert {question for question, _, _ in hotline.accounts.asked} == {"verify"}
    assert (await taken(redis, "account"), await taken(redis, "hotline")) == (5, 10)


async def test_two_hundred_calls_at_once_let_five_requests_through(hotline: UnderTest, redis: Redis) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5})
    async with calling(hotline) as first:
        callers = [Caller(hotline, first.carrier, calling=f"+86138{number:08}") for number in range(200)]
        # They come to the password some at a time, since a busy machine is no fault; they guess all at once.
        for start in range(0, len(callers), 20):
            await asyncio.gather(*(one.to_the_password() for one in callers[start : start + 20]))
        told = await asyncio.gather(*(one.keys(f"{502900 + place}") for place, one in enumerate(callers)))
    assert {one.said for one in told} == {NOT_VERIFIED}
    assert verifications(hotline) == 5
    assert (await taken(redis, "account"), await taken(redis, "number"), await taken(redis, "hotline")) == (5, 5, 5)


async def test_whoever_loses_a_turn_to_another_takes_no_place(hotline: UnderTest, redis: Redis) -> None:
    hotline.accounts.script({"verify": ["wrong"]})
    async with calling(hotline) as caller:
        here = await caller.to_the_password()
        told = await asyncio.gather(*(caller.post(here.next, Digits="975318") for _ in range(6)))
    assert {one.said for one in told} == {NOT_VERIFIED}
    assert verifications(hotline) == 1
    assert (await taken(redis, "account"), await taken(redis, "number"), await taken(redis, "hotline")) == (1, 1, 1)


# --- the whole hotline -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    limits = f"limits: {{failed_per_hotline: {BREAKER}, failed_per_hotline_minutes: 30}}"
    copied = Copied(tmp_path_factory.mktemp("copied")).edit(
        "flows/hotlines.yaml", ("\n  demo:\n", f"\n  demo:\n    {limits}\n")
    )
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


@pytest.mark.parametrize(("password", "lets_through"), [(PASSWORD, BREAKER), (WEAK, BREAKER // 2)])
async def test_where_too_many_fail_at_a_hotline_its_callers_are_sent_to_agents(
    small: UnderTest, redis: Redis, password: str, lets_through: int
) -> None:
    """Whoever is at the password already is refused as for a wrong one; nobody else is asked for a number in vain."""
    small.accounts.script({"verify": ["wrong"] * lets_through})
    async with calling(small) as late:
        await late.to_the_password(OTHER_NUMBER)
        for place, account in enumerate(islice(numbers(), lets_through)):
            await tries(small, [account], password, from_=f"+86139{place:08}")
        assert (await late.keys(PASSWORD)).said == NOT_VERIFIED
        await asyncio.sleep(1.01)  # for so long a worker takes it that nothing has changed
        caller = Caller(small, late.carrier)
        await caller.rings()
        assert (await caller.keys("1")).said == NO_VERIFICATION
        assert (await caller.keys("0")).dials
    assert verifications(small) == lets_through
    assert await taken(redis, "account") == lets_through, "the attempt of the one who was late is not counted"


async def test_a_hotline_whose_failures_are_older_verifies_again(small: UnderTest, redis: Redis) -> None:
    small.accounts.script({"verify": ["wrong"] * BREAKER + ["ok"], "balance": [BALANCE]})
    for place, account in enumerate(islice(numbers(), BREAKER)):
        await tries(small, [account], from_=f"+86139{place:08}")
    (key,) = [key async for key in redis.scan_iter("ivr:count:hotline:*")]
    oldest: Any = await redis.zrange(key, 0, 0, withscores=True)
    await redis.zadd(key, {member: since - 30 * 60_000 for member, since in oldest})
    (told,) = await tries(small, [NUMBER])
    assert SUM in told


# --- what is given back ----------------------------------------------------------------------------------------------


async def test_a_success_is_counted_nowhere(hotline: UnderTest, redis: Redis) -> None:
    hotline.accounts.script({"verify": ["ok"] * 7, "balance": [BALANCE] * 7})
    told = await tries(hotline, islice(numbers(), 7))
    assert all(SUM in one for one in told)
    assert [key async for key in redis.scan_iter("ivr:count:*")] == []


@pytest.mark.parametrize("outage", ["outage", "bad token"])
async def test_an_outage_is_counted_nowhere(hotline: UnderTest, redis: Redis, outage: str) -> None:
    hotline.accounts.script({"verify": [outage] * 7})
    assert set(await tries(hotline, islice(numbers(), 7))) == {words("trouble.account")}
    assert [key async for key in redis.scan_iter("ivr:count:*")] == []


async def test_only_the_success_of_a_code_gives_weak_attempts_back(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    hotline.accounts.script(
        {
            "verify": ["ok", "wrong"],
            "sms-codes": ["sent"],
            "verify-code": ["ok"],
            "pin": ["changed"],
            "balance": [BALANCE],
        }
    )
    await caller.to_the_password()
    for weak in ("888888", WEAK):
        assert (await caller.keys(weak)).said == TOO_SIMPLE
        await caller.keys("*" if weak == "888888" else "1")
    assert (await taken(redis, "account"), await taken(redis, "hotline")) == (2, 4)
    await caller.keys("246135")
    assert [key async for key in redis.scan_iter("ivr:count:[^c]*")] == []
    assert (await kept_of(redis, caller.sid)).failed == 0
    await caller.keys("975318")
    assert SUM in (await caller.keys("975318")).said


# --- ways round what is owed -----------------------------------------------------------------------------------------


async def keyed(caller: Caller, *keys: str) -> str:
    """Key one after the other; give what is heard last."""
    said = ""
    for one in keys:
        said = (await caller.keys(one)).said
    return said


BACK_TO_THE_NUMBER = ("*", "*")
"""From the sentence about a weak password to the password, and from there to the number."""

ANOTHER_NUMBER_FIRST: dict[str, tuple[tuple[str, ...], dict[str, list[Any]]]] = {
    # what is keyed after the weak password, up to where a password is asked for again, and what the service then says
    "another number is keyed": ((*BACK_TO_THE_NUMBER, OTHER_NUMBER + "#", "*"), {}),
    "another number fails": ((*BACK_TO_THE_NUMBER, OTHER_NUMBER + "#", PASSWORD, "*"), {"verify": ["wrong"]}),
    "another number is verified": (
        (*BACK_TO_THE_NUMBER, OTHER_NUMBER + "#", PASSWORD, "3"),
        {"verify": ["ok"], "balance": [BALANCE]},
    ),
    "the main menu": ((*BACK_TO_THE_NUMBER, "*", "2"), {}),
    "another language": ((*BACK_TO_THE_NUMBER, "*", "8", "1"), {}),
}


@pytest.mark.parametrize("way", ANOTHER_NUMBER_FIRST)
@pytest.mark.parametrize(("service", "weak"), [("ok", WEAK), ("must_change", PASSWORD), ("wrong", WEAK)])
async def test_no_way_round_leads_past_the_new_password(
    hotline: UnderTest, caller: Caller, redis: Redis, way: str, service: str, weak: str
) -> None:
    """After a weak or initial password a code alone opens nothing, whatever is keyed in between."""
    between, says = ANOTHER_NUMBER_FIRST[way]
    hotline.accounts.script(
        {**says, "verify": [service, *says.get("verify", [])], "sms-codes": ["sent"], "verify-code": ["ok"]}
    )
    await caller.to_the_password()
    assert (await caller.keys(weak)).said == TOO_SIMPLE
    await keyed(caller, *between, NUMBER + "#", "#", "1", "246135")
    kept = await kept_of(redis, caller.sid)
    assert kept.session.stack[-1] == ("new_password", "first")
    assert kept.session.member is None
    asked = [question for question, _, _ in hotline.accounts.asked]
    assert asked.count("verify-code") == 1
    assert asked.count("balance") == ("balance" in says)


SKIPS = ["0", "#", "*", "-", "1", "2", "3", "6", "9", "9#", "**", "000000", "123456", "246135", "975318"]


@pytest.mark.parametrize("skip", SKIPS)
async def test_no_key_at_the_new_password_opens_anything(hotline: UnderTest, caller: Caller, skip: str) -> None:
    """Whatever is keyed there, and then in the menus where it leads: no record is asked for before the change."""
    hotline.accounts.script({"verify": ["must_change"], "sms-codes": ["sent"] * 2, "verify-code": ["ok"]})
    await caller.to_the_password()
    await keyed(caller, PASSWORD, "1", "246135")
    for key in (skip, "1", "2", "*", "1"):
        if caller.here is None or caller.here.dials or caller.here.hangs_up:
            break
        await caller.keys(key)
    assert {question for question, _, _ in hotline.accounts.asked} <= {"verify", "sms-codes", "verify-code"}


async def test_no_url_of_another_call_opens_what_is_owed(hotline: UnderTest, caller: Caller) -> None:
    """Every URL that a verified call was given, posted in a call that owes a new password, and its own again."""
    hotline.accounts.script(
        {"verify": ["ok", "must_change"], "balance": [BALANCE], "sms-codes": ["sent"], "verify-code": ["ok"]}
    )
    urls: list[str] = []
    async with calling(hotline) as other:
        urls += [(await other.rings()).next]
        urls += [(await other.keys(key)).next for key in ("1", NUMBER + "#", PASSWORD)]
    await caller.to_the_password(OTHER_NUMBER)
    urls += [(await caller.keys(key)).next for key in (PASSWORD, "1", "246135")]
    for url in urls:
        for path in (url, url.replace("/turn/", "/poll/")):
            assert SUM not in (await caller.post(path, Digits="1")).said
    assert [question for question, _, _ in hotline.accounts.asked].count("balance") == 1


async def test_what_is_owed_survives_a_turn_that_redis_forgot(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    """A call that goes on from its token, because Redis holds an older turn of it, still owes the new password."""
    hotline.accounts.script({"verify": ["must_change"], "sms-codes": ["sent"], "verify-code": ["ok"]})
    await caller.to_the_password()
    await caller.keys(PASSWORD)
    kept = {key: await redis.dump(key) async for key in redis.scan_iter(f"ivr:{{{caller.sid}}}*")}
    await keyed(caller, "*", "*")
    for key, content in kept.items():
        assert content is not None
        await redis.restore(key, 60_000, content, replace=True)
    await keyed(caller, NUMBER + "#", "#", "1", "246135")
    assert (await kept_of(redis, caller.sid)).session.stack[-1] == ("new_password", "first")


# --- the owner -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locked_by", ["the service", "our own count"])
async def test_the_owner_of_a_locked_account_reaches_an_agent_and_hears_of_no_lock(
    hotline: UnderTest, caller: Caller, locked_by: str
) -> None:
    hotline.accounts.script({"verify": ["locked"] if locked_by == "the service" else ["wrong"] * 5})
    if locked_by == "our own count":
        await tries(hotline, [NUMBER] * 5, from_="+8613800000009")
    await caller.to_the_password()
    assert (await caller.keys(PASSWORD)).said == NOT_VERIFIED
    assert (await caller.keys("0#")).dials


# --- codes -----------------------------------------------------------------------------------------------------------


async def test_an_account_is_sent_three_codes_a_day_and_a_call_two(hotline: UnderTest) -> None:
    """Over all callers; that none is sent any more sounds like one that is."""
    hotline.accounts.script({"sms-codes": ["sent"] * 3})
    heard = []
    async with calling(hotline) as first:
        for number in range(3):
            caller = Caller(hotline, first.carrier, calling=f"+86137{number:08}")
            await caller.to_the_password()
            heard.append([await keyed(caller, "#", "1"), await keyed(caller, "#", "#"), await keyed(caller, "#")])
    assert [codes[:2] for codes in heard] == [[words("code.ask")] * 2] * 3
    assert [codes[2] for codes in heard] == [words("code.enough")] * 3
    assert [question for question, _, _ in hotline.accounts.asked] == ["sms-codes"] * 3


async def test_a_wrong_code_is_counted_like_a_wrong_password(hotline: UnderTest, redis: Redis) -> None:
    hotline.accounts.script(
        {"sms-codes": ["sent"] * 2, "verify-code": ["wrong", "locked", "wrong"], "verify": ["wrong"] * 2}
    )
    async with calling(hotline) as first:
        await first.to_the_password()
        assert await keyed(first, "#", "1", "246135", "246136") == words("code.not_verified")
        assert await keyed(first, "246137") == words("identify.too_many")
        second = Caller(hotline, first.carrier)
        await second.to_the_password()
        await keyed(second, PASSWORD, PASSWORD)
        third = Caller(hotline, first.carrier)
        await third.to_the_password()
        assert await keyed(third, "#", "1", "246138") == words("code.not_verified")
    assert hotline.accounts.unused == {}
    assert await taken(redis, "account") == 5


# --- as long as a recent refusal -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Two workers whose callers hear the filler at once, where an answer takes long."""
    soon = Deadlines(reply=1.0, work=8.0, claim=9.0, look=0.02)
    folder = tmp_path_factory.mktemp("data")
    with serving(valkey_url, folder, workers=2, refusal_step=0.05, deadlines=soon, outbound_number="") as under_test:
        yield under_test


async def test_a_refusal_of_ours_takes_as_long_as_the_services_did_at_another_worker(
    impatient: UnderTest, redis: Redis
) -> None:
    """The filler, the poll, and the words are the same; only that nobody is asked tells them apart."""
    await emptied(redis)
    impatient.accounts.script({"verify": ["wrong"] * 5})
    heard: list[list[str]] = []
    async with calling(impatient) as first:
        for attempt in range(6):
            # Amid the second wait: a busy machine does not move it into the first or the third.
            impatient.accounts.delay = 1.45 if attempt == 4 else 0.0
            caller = Caller(impatient, first.carrier)
            await caller.to_the_password()
            said = [(await caller.keys(PASSWORD)).said]
            while caller.here is not None and caller.here.polls:
                said.append((await caller.go(caller.here.next)).said)
            heard.append(said)
    assert heard[:4] == [[NOT_VERIFIED]] * 4
    assert heard[4] == heard[5]
    assert heard[4][0] == words("wait")
    assert heard[4][-1] == NOT_VERIFIED
    assert verifications(impatient) == 5
