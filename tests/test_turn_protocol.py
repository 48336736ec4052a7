"""The turn protocol, attacked from outside: signed webhooks over HTTP, a real Valkey, one worker and two."""

import asyncio
import logging

import pytest
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import (
    BALANCE,
    NUMBER,
    PASSWORD,
    PATIENT,
    SEALS,
    SHORT,
    SUM,
    Caller,
    Document,
    calling,
    emptied,
    everything,
    kept_of,
    read,
    token_at,
    verifications,
    words,
)

from ivr.accounts.client import AccountClient
from ivr.counters import EPOCHS
from ivr.store import CallStore, Claimed, Ended

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def running(hurried: UnderTest) -> UnderTest:
    return hurried


# --- one webhook, many times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("times", "at_once"), [(4, False), (8, True)])
@pytest.mark.parametrize("keyed", [(), ("1",), ("1", NUMBER + "#"), ("1", NUMBER + "#", PASSWORD)])
async def test_the_same_webhook_is_one_transition(
    hotline: UnderTest, redis: Redis, keyed: tuple[str, ...], times: int, at_once: bool, workers: int
) -> None:
    async with calling(hotline, workers=workers) as caller:
        for keys in ("", *keyed):
            # Once for the caller, then again; at the last of the keys nobody came before the others.
            if at_once and (not keyed or keys == keyed[-1]):
                answers = await _all_at_once(caller, keys, times)
            else:
                first = await (caller.keys(keys) if keys else caller.rings())
                answers = [first.body, *await caller.again(times, at_once=False)]
            assert len(answers) >= times
            assert len(set(answers)) == 1
        assert (await kept_of(redis, caller.sid)).turn == len(keyed)
        assert verifications(hotline) == (len(keyed) == 3)
        assert hotline.accounts.unused.keys() == (set() if len(keyed) == 3 else {"verify", "balance"})
        if len(keyed) == 3:
            assert caller.here is not None
            assert SUM in caller.here.said


async def _all_at_once(caller: Caller, keys: str, times: int) -> list[bytes]:
    assert keys == "" or caller.here is not None
    fields = {"Digits": keys.removesuffix("#")} | ({"FinishedOnKey": "#"} if keys.endswith("#") else {})
    url = caller.here.next if caller.here is not None else "/twilio/voice"
    answers = await asyncio.gather(*(caller.post(url, **(fields if keys else {})) for _ in range(times)))
    caller.here, caller.last = answers[0], caller.last
    return [one.body for one in answers]


async def _asked(hotline: UnderTest) -> None:
    """Wait until the account service has the question, which it may hold."""
    async with asyncio.timeout(PATIENT):
        while not hotline.accounts.asked:  # noqa: ASYNC110 - it is asked in another thread
            await asyncio.sleep(0.005)


async def test_an_answer_that_was_lost_is_given_to_the_retry(hotline: UnderTest, caller: Caller) -> None:
    await caller.to_the_password()
    hotline.accounts.held = True
    assert caller.here is not None
    url = caller.here.next
    first = asyncio.create_task(caller.post(url, Digits=PASSWORD))
    await _asked(hotline)
    first.cancel()
    hotline.accounts.held = False
    answers = [await caller.post(url, Digits=PASSWORD) for _ in range(3)]
    assert {SUM in answer.said for answer in answers} == {True}
    assert len({answer.body for answer in answers}) == 1
    assert verifications(hotline) == 1


async def test_a_stale_turn_gets_the_last_reply_and_changes_nothing(caller: Caller, redis: Redis) -> None:
    documents = [await caller.rings(), await caller.keys("1"), await caller.keys(NUMBER + "#")]
    before = await everything(redis)
    for old in documents[:2]:
        for digits in ("1", "2", "0", PASSWORD, ""):
            assert (await caller.post(old.next, Digits=digits)).body == documents[2].body
    assert await everything(redis) == before


async def test_a_future_turn_goes_on_from_its_token_unverified(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    """Redis was rolled back: the call goes on where its URL says, but who it was is no longer known."""
    after = await caller.verified()
    assert (await kept_of(redis, caller.sid)).session.member is not None
    future = token_at(caller.sid, after.token, turn=9, failed=2)
    caller.here = None
    back = await caller.go(f"/twilio/turn/{future}", Digits="*")
    assert words("main.long") in back.said
    kept = await kept_of(redis, caller.sid)
    assert (kept.turn, kept.failed, kept.session.failed, kept.session.member) == (9, 2, 2, None)
    assert words("identify.ask_number") in (await caller.keys("1")).said
    assert verifications(hotline) == 1


async def test_a_future_turn_counts_the_larger_of_both_failures(caller: Caller, redis: Redis) -> None:
    after = await caller.rings()
    await redis.hset(f"ivr:{{{caller.sid}}}", "f", "3")
    future = token_at(caller.sid, after.token, turn=5, failed=1)
    assert words("identify.too_many") in (await caller.go(f"/twilio/turn/{future}", Digits="1")).said


async def test_other_bytes_for_the_awaited_turn_get_the_last_reply(caller: Caller, redis: Redis) -> None:
    here = await caller.rings()
    before = await everything(redis)
    other = token_at(caller.sid, here.token, wrongs=2)
    assert (await caller.post(f"/twilio/turn/{other}", Digits="1")).body == here.body
    assert await everything(redis) == before


async def test_tokens_that_do_not_open_lead_where_the_call_stands(caller: Caller, redis: Redis) -> None:
    async with calling(caller.hotline) as stranger:
        foreign = (await stranger.rings()).token
    await caller.rings()
    here = await caller.keys("1")
    before = await everything(redis)
    token = here.token
    broken = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in (0, 7, len(token) // 2, -2)]
    cut = [token[:-1], token[:20], token + "A", token + "=", f"{token}/", f"a/{token}"]
    shapes = ["", "x", "%00", "A" * 1024, "A" * 5000, "%E4%BD%A0"]
    for bad in (*broken, *cut, *shapes, foreign, token_at(caller.sid, token, kind="poll")):
        assert (await caller.post(f"/twilio/turn/{bad}", Digits="0")).body == here.body, bad
        assert (await caller.post(f"/twilio/poll/{bad.replace('/', '')}x")).body == here.body, bad
    assert await everything(redis) == before
    assert words("identify.ask_pin") in (await caller.keys(NUMBER + "#")).said


async def test_an_unknown_call_on_a_later_url_is_greeted(hotline: UnderTest, redis: Redis) -> None:
    async with calling(hotline) as one, calling(hotline) as other:
        await one.verified()
        assert one.here is not None
        stolen = await other.go(one.here.next, Digits="9")
        assert stolen.said.startswith(words("main.long"))
        assert (await kept_of(redis, other.sid)).session.member is None
        assert words("identify.ask_number") in (await other.keys("1")).said


async def test_the_voice_url_of_a_known_call_gives_its_last_reply(caller: Caller) -> None:
    greeting = await caller.rings()
    assert (await caller.post("/twilio/voice")).body == greeting.body
    here = await caller.keys("1")
    assert (await caller.post("/twilio/voice")).body == here.body


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_after_the_end_everything_hangs_up_but_a_duplicate_of_it(caller: Caller, redis: Redis) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    documents = [await caller.verified()]
    documents += [await caller.keys("9"), await caller.keys("#"), await caller.keys("#"), await caller.keys("-")]
    assert documents[-1].hangs_up
    assert await caller.again(5, at_once=True) == [documents[-1].body] * 5
    bare = await caller.post(documents[0].next, Digits="9")
    assert bare.hangs_up
    assert bare.said == ""
    assert SUM not in (await caller.post("/twilio/voice")).said
    assert (await caller.post("/twilio/voice")).hangs_up
    assert (await caller.post("/twilio/turn/forged")).hangs_up
    assert (await caller.post("/twilio/poll/forged")).hangs_up
    assert 0 < await redis.pttl(f"ivr:{{{caller.sid}}}") <= 60_000
    assert 3.9 * 3600_000 < await redis.pttl(f"ivr:{{{caller.sid}}}:end") <= 4 * 3600_000
    await redis.delete(f"ivr:{{{caller.sid}}}")
    assert (await caller.post("/twilio/voice")).hangs_up


async def test_a_retry_of_the_last_webhook_hears_its_goodbye(caller: Caller) -> None:
    await caller.rings()
    await caller.keys("0")
    assert caller.here is not None
    assert caller.here.dials
    asked = await caller.go(caller.here.next, DialCallStatus="completed", DialBridged="true")
    assert words("survey.ask") in asked.said
    bye = await caller.keys("*")
    assert words("goodbye") in bye.said
    assert bye.hangs_up
    assert await caller.again(3, at_once=True) == [bye.body] * 3
    # The fallback of the webhook that ended the call carries on as well.
    told = await caller.post("/twilio/fallback", ErrorCode="11200", ErrorUrl=caller.last.url if caller.last else "")
    assert told.body == bye.body


@pytest.mark.parametrize("times", [1, 2])
async def test_a_completed_call_is_over(caller: Caller, redis: Redis, times: int) -> None:
    here = await caller.verified()
    for _ in range(times):
        done = await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed", SequenceNumber="3"))
        assert (done.status, done.body) == (204, b"")
    assert await CallStore(redis, SEALS, deadline=PATIENT).load(caller.sid) == Ended(None, None)
    for url in (here.next, "/twilio/voice", "/twilio/fallback"):
        after = await caller.post(url, Digits="9")
        assert (after.hangs_up, after.said) == (True, "")


async def test_completed_before_the_first_webhook_is_the_end_too(caller: Caller) -> None:
    await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    assert (await caller.rings()).hangs_up


async def test_a_voice_webhook_that_says_completed_ends_the_call(caller: Caller) -> None:
    here = await caller.verified()
    assert (await caller.post(here.next, CallStatus="completed", Digits="")).said == ""
    assert (await caller.post(here.next, Digits="9")).hangs_up


@pytest.mark.parametrize(
    "fields",
    [
        {"CallStatus": "ringing"},
        {"CallStatus": "in-progress"},
        {"CallStatus": "Completed"},
        {"CallStatus": "completed", "ParentCallSid": "CA" + "1" * 32},
    ],
)
async def test_other_status_callbacks_change_nothing(caller: Caller, redis: Redis, fields: dict[str, str]) -> None:
    await caller.verified()
    before = await everything(redis)
    done = await caller.carrier.post("/twilio/status", caller.form(**fields))
    assert done.status == 204
    assert await everything(redis) == before
    assert SUM in (await caller.keys("9")).said


async def test_a_parent_named_twice_is_no_reason_to_end_a_call(caller: Caller, redis: Redis) -> None:
    await caller.rings()
    pairs = [*caller.form(CallStatus="completed").items(), ("ParentCallSid", "CA1"), ("ParentCallSid", "CA2")]
    assert (await caller.carrier.post("/twilio/status", pairs)).status == 204
    assert (await kept_of(redis, caller.sid)).turn == 0


# --- slow work -------------------------------------------------------------------------------------------------------


async def test_a_service_that_is_fast_enough_answers_in_the_same_webhook(hotline: UnderTest, caller: Caller) -> None:
    await caller.to_the_password()
    hotline.accounts.delay = 0.15
    assert SUM in (await caller.keys(PASSWORD)).said


async def test_a_slow_service_is_filled_and_polled_by_everybody_alike(hotline: UnderTest, caller: Caller) -> None:
    here = await caller.to_the_password()
    hotline.accounts.held = True
    filler = await caller.keys(PASSWORD)
    hotline.accounts.held = False
    assert filler.polls
    assert filler.said == words("wait")
    assert filler.seconds >= SHORT.reply * 0.95
    answers = await asyncio.gather(
        *(caller.post(filler.next) for _ in range(3)),
        *(_keyed(caller, here) for _ in range(3)),
    )
    assert {SUM in one.said for one in answers} == {True}
    assert len({one.body for one in answers}) == 1
    assert verifications(hotline) == 1


@pytest.mark.parametrize("workers", [1, 2])
async def test_all_who_wait_get_the_same_filler_and_then_the_same_reply(hotline: UnderTest, workers: int) -> None:
    async with calling(hotline, workers=workers) as caller:
        here = await caller.to_the_password()
        hotline.accounts.script({"verify": ["wrong"]})
        hotline.accounts.held = True
        fillers = await asyncio.gather(*(_keyed(caller, here) for _ in range(6)))
        assert len({one.body for one in fillers}) == 1
        assert fillers[0].polls
        hotline.accounts.held = False
        replies = await asyncio.gather(
            *(caller.post(fillers[0].next) for _ in range(3)), *(_keyed(caller, here) for _ in range(3))
        )
        assert len({one.body for one in replies}) == 1
        assert words("identify.not_verified") in replies[0].said
        assert (await caller.post(fillers[0].next)).body == replies[0].body
        assert verifications(hotline) == 1


async def test_work_without_end_is_an_outage_that_costs_no_attempt(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    await caller.to_the_password()
    hotline.accounts.delay = 1.9
    began = asyncio.get_running_loop().time()
    await caller.keys(PASSWORD)
    told = await caller.follows()
    assert SHORT.work * 0.95 <= asyncio.get_running_loop().time() - began
    assert words("trouble.account") in told.said
    await asyncio.sleep(0.5)  # the late answer arrives, and is thrown away
    kept = await kept_of(redis, caller.sid)
    assert (kept.failed, kept.session.failed, kept.session.member, kept.claim) == (0, 0, None, None)
    assert [key async for key in redis.scan_iter("ivr:count:*")] == []
    assert (await caller.post("/twilio/voice")).body == told.body


async def test_the_carrier_ends_the_call_while_work_goes_on(hotline: UnderTest, caller: Caller) -> None:
    here = await caller.to_the_password()
    hotline.accounts.held = True
    waiting = asyncio.create_task(caller.post(here.next, Digits=PASSWORD))
    await _asked(hotline)
    await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    hotline.accounts.held = False
    told = await waiting
    assert (told.hangs_up, told.said) == (True, "")


async def test_the_claim_of_a_dead_worker_is_told_and_stays_counted(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    here = await caller.to_the_password()
    await _claim_of_a_dead_worker(redis, caller, claim_s=1.5)
    filler, *others = await asyncio.gather(caller.keys(PASSWORD), *(_keyed(caller, here) for _ in range(3)))
    assert filler.polls
    assert [one.body for one in others] == [filler.body] * 3
    told = await caller.follows()
    assert words("trouble.retry") in told.said
    assert words("identify.ask_pin") in told.said
    assert await caller.again(3, at_once=True) == [told.body] * 3
    assert (await caller.post(here.next, Digits=PASSWORD)).body == told.body
    assert verifications(hotline) == 0
    kept = await kept_of(redis, caller.sid)
    assert (kept.failed, kept.session.failed) == (1, 1)
    # Two attempts are left, not three.
    hotline.accounts.script({"verify": ["wrong", "wrong"]})
    assert words("identify.not_verified_agent") in (await caller.keys(PASSWORD)).said
    assert words("identify.too_many") in (await caller.keys(PASSWORD)).said


async def _keyed(caller: Caller, here: Document) -> Document:
    return await caller.post(here.next, Digits=PASSWORD)


async def _claim_of_a_dead_worker(redis: Redis, caller: Caller, *, claim_s: float) -> None:
    kept = await kept_of(redis, caller.sid)
    claimed = await CallStore(redis, SEALS, claim_s=claim_s, deadline=PATIENT).claim(
        caller.sid,
        expected=kept.turn,
        claim_id="0" * 16,
        worker="worker-0-dead",
        session=kept.session,
        ttl_s=60,
        reserve_failed=True,
    )
    assert claimed == Claimed(1)


async def test_a_poll_without_a_claim_is_told_and_is_no_silence(caller: Caller, redis: Redis) -> None:
    here = await caller.to_the_password()
    poll = token_at(caller.sid, here.token, kind="poll")
    answers = await asyncio.gather(*(caller.post(f"/twilio/poll/{poll}") for _ in range(5)))
    assert len({one.body for one in answers}) == 1
    assert words("trouble.retry") in answers[0].said
    kept = await kept_of(redis, caller.sid)
    assert (kept.turn, kept.session.silences, kept.session.wrongs, kept.session.failed) == (3, 0, 0, 0)


async def test_a_poll_whose_redis_lost_everything_is_told_and_asked_again(caller: Caller, redis: Redis) -> None:
    here = await caller.to_the_password()
    poll = token_at(caller.sid, here.token, kind="poll")
    await emptied(redis)
    told = await caller.go(f"/twilio/poll/{poll}")
    assert words("identify.ask_number") in told.said
    assert not told.hangs_up


async def test_who_waits_while_redis_loses_the_call_goes_on_from_the_token(caller: Caller, redis: Redis) -> None:
    here = await caller.to_the_password()
    await _claim_of_a_dead_worker(redis, caller, claim_s=10)
    waiting = asyncio.create_task(caller.post(here.next, Digits=PASSWORD))
    await asyncio.sleep(0.2)
    await redis.delete(f"ivr:{{{caller.sid}}}")
    told = await waiting
    assert words("identify.ask_number") in told.said
    assert words("main.long") not in told.said


async def test_work_that_breaks_is_told_and_says_nothing_of_the_password(
    hotline: UnderTest, caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"something about {PASSWORD}")

    await caller.to_the_password()
    monkeypatch.setattr(AccountClient, "verify", broken)
    with caplog.at_level(logging.DEBUG):
        told = await caller.keys(PASSWORD)
    assert words("trouble.retry") in told.said
    assert words("identify.ask_pin") in told.said
    assert "RuntimeError" in caplog.text
    assert PASSWORD not in caplog.text


# --- what Redis lost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [PASSWORD, "", "12", "*", "1" * 64])
async def test_a_password_whose_number_was_lost_is_asked_for_the_number(
    hotline: UnderTest, caller: Caller, redis: Redis, digits: str
) -> None:
    """The number and what was said of it are gone with the session; the prompt that needs them must not be spoken."""
    here = await caller.to_the_password()
    await emptied(redis)
    told = await caller.go(here.next, Digits=digits)
    assert told.said == words("identify.ask_number")
    assert verifications(hotline) == 0
    await caller.keys(NUMBER + "#")
    assert SUM in (await caller.keys(PASSWORD)).said


@pytest.mark.parametrize("field", ["s", "n", "t", "r", "c", "f"])
async def test_damage_to_a_call_in_redis_is_never_an_error(caller: Caller, redis: Redis, field: str) -> None:
    await caller.verified()
    await redis.hset(f"ivr:{{{caller.sid}}}", field, b"\xff garbage")
    told = await caller.keys("9")
    assert words("after.menu") in told.said
    assert not told.hangs_up
    back = await caller.keys("*")
    assert "请按" in back.said


async def test_counters_that_were_lost_verify_nobody(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    await caller.to_the_password()
    await redis.delete(*EPOCHS)
    assert words("public.mode") in (await caller.keys(PASSWORD)).said
    assert words("public.mode") in (await _anew(hotline)).said
    assert verifications(hotline) == 0
    await emptied(redis)
    async with calling(hotline) as later:
        assert SUM in (await later.verified()).said


async def _anew(hotline: UnderTest) -> Document:
    async with calling(hotline) as one:
        await one.rings()
        return await one.keys("1")


async def test_a_call_of_another_day_is_over_but_not_one_with_a_human(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    menu = await caller.rings()
    dial = await caller.keys("0")
    hotline.clock.ahead_ms = 5 * 60 * MINUTE_MS
    await emptied(redis)
    assert (await caller.post(menu.next, Digits="1")).hangs_up
    told = await caller.post(dial.next, DialCallStatus="busy")
    assert words("agent.busy") in told.said


async def test_a_flow_version_that_nobody_knows_leads_to_the_main_menu(caller: Caller, redis: Redis) -> None:
    await caller.rings()
    here = await caller.keys("1")
    await emptied(redis)
    old = token_at(caller.sid, here.token, version="0" * 32, stack=(("gone", "gone"),), slow=True)
    told = await caller.go(f"/twilio/turn/{old}", Digits="1")
    assert told.said.startswith(words("main.long"))
    kept = await kept_of(redis, caller.sid)
    assert kept.session.slow


# --- verification ends -----------------------------------------------------------------------------------------------


async def test_verification_ends_after_five_minutes_without_a_key(hotline: UnderTest, caller: Caller) -> None:
    await caller.verified()
    hotline.clock.ahead_ms += 4 * MINUTE_MS
    assert SUM in (await caller.keys("9")).said
    hotline.clock.ahead_ms += 5 * MINUTE_MS
    after = await caller.keys("9")
    assert SUM not in after.said
    assert words("identify.expired") in after.said


@pytest.mark.parametrize("fields", [{"DialCallStatus": "completed"}, {"DialCallStatus": "busy", "DialBridged": "true"}])
async def test_a_dial_that_never_was_discloses_nothing_after_five_minutes(
    hotline: UnderTest, caller: Caller, redis: Redis, fields: dict[str, str]
) -> None:
    here = await caller.verified()
    hotline.clock.ahead_ms += 5 * MINUTE_MS
    after = await caller.go(here.next, **fields)
    assert SUM not in after.said
    assert words("identify.expired") in after.said
    assert (await kept_of(redis, caller.sid)).session.member is None


async def test_a_repeated_webhook_discloses_nothing_after_five_minutes(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    here = await caller.verified()
    for moves in (4 * MINUTE_MS, -5 * MINUTE_MS):  # the second is a machine whose clock is behind
        hotline.clock.ahead_ms += moves
        assert set(await caller.again(2, at_once=True)) == {here.body}
    hotline.clock.ahead_ms += 6 * MINUTE_MS
    before = await everything(redis)
    assert caller.last is not None
    told = [read(one) for one in await caller.carrier.replay(caller.last, 2, at_once=True)]
    told += [await caller.post(url) for url in ("/twilio/voice", "/twilio/turn/x", "/twilio/fallback")]
    assert [(one.said, one.next) for one in told] == [("", here.next)] * 5
    assert await everything(redis) == before
    assert words("identify.expired") in (await caller.keys("9")).said


async def test_a_poll_without_a_claim_does_not_lengthen_a_verification(
    hotline: UnderTest, caller: Caller, redis: Redis
) -> None:
    here = await caller.verified()
    hotline.clock.ahead_ms += 5 * MINUTE_MS
    await caller.go(f"/twilio/poll/{token_at(caller.sid, here.token, kind='poll')}")
    assert (await kept_of(redis, caller.sid)).session.member is None
    assert SUM not in (await caller.keys("9")).said


async def test_verification_ends_after_fifteen_minutes_in_all(hotline: UnderTest, caller: Caller) -> None:
    await caller.verified()
    for _ in range(3):
        hotline.clock.ahead_ms += 4 * MINUTE_MS
        assert SUM in (await caller.keys("9")).said
    hotline.clock.ahead_ms += 3 * MINUTE_MS
    assert SUM not in (await caller.keys("9")).said


async def test_a_clock_that_jumps_back_ends_the_verification(hotline: UnderTest, caller: Caller) -> None:
    await caller.verified()
    hotline.clock.ahead_ms -= 365 * 24 * 60 * MINUTE_MS
    assert SUM not in (await caller.keys("9")).said


# --- nothing personal in Redis ---------------------------------------------------------------------------------------


async def test_redis_holds_little_and_tells_nothing(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    hotline.accounts.script({"verify": ["wrong", "wrong", "ok"], "balance": [BALANCE]})
    await caller.to_the_password()
    here = await caller.keys("975318")
    await caller.keys("975318")
    assert SUM in (await caller.keys(PASSWORD)).said
    await _claim_on(redis, caller)
    size = 0
    secrets = [NUMBER, NUMBER[-6:], PASSWORD, "975318", "20180", "ref-of-the-test", "balance", "identify"]
    hidden = [text.encode() for text in (*secrets, SUM, "余额", here.token, "+8613800000000")]
    async for key in redis.scan_iter():
        content = await redis.dump(key) or b""
        assert not [text for text in hidden if text in content or text in key], key
        if key.decode() in EPOCHS:
            continue
        assert 0 < await redis.pttl(key) <= 25 * 3600_000
        of_all_calls = key.startswith((b"ivr:count:hotline:", b"ivr:refusal:", b"ivr:{live}:", b"ivr:{records}:"))
        size += 0 if of_all_calls else await redis.memory_usage(key) or 0
    assert 500 < size <= 2300, "about 2 kB for a call with everything, its counters included"


async def _claim_on(redis: Redis, caller: Caller) -> None:
    kept = await kept_of(redis, caller.sid)
    store = CallStore(redis, SEALS, deadline=PATIENT)
    await store.claim(
        caller.sid, expected=kept.turn, claim_id="1" * 16, worker="worker-0-12345678", session=kept.session, ttl_s=60
    )


async def test_every_key_of_an_ended_call_ends_soon(caller: Caller, redis: Redis) -> None:
    await caller.verified()
    await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    left = {key for key in await everything(redis) if key.decode() not in EPOCHS}
    assert left == {f"ivr:{{{caller.sid}}}:end".encode()}
    assert 0 < await redis.pttl(left.pop()) <= 4 * 3600_000
