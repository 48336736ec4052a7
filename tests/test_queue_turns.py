"""The turns of those who wait for a human: repeated, raced, lost, without Redis, and whatever comes of the wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, SEALS, Caller, Document, calling, emptied, kept_of, read, words

from ivr.agents.queue import AgentQueue, Waiter
from ivr.bookings import Bookings
from ivr.carrier.verbs import Gather, Pause, Redirect
from ivr.seals import position_of
from ivr.store import CallStore, Ended

HERE = ("queue", "general")
MINUTE_MS = 60_000


@pytest_asyncio.fixture
async def caller(running_queues: UnderTest, redis: Redis) -> AsyncIterator[Caller]:
    """Give a caller of the hotline whose humans have a queue."""
    running_queues.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with calling(running_queues) as one:
        one.dialled = "12335"
        yield one


@pytest.fixture
def queue(running_queues: UnderTest, redis: Redis) -> AgentQueue:
    return AgentQueue(redis, SEALS, running_queues.clock, deadline=5)


async def queued(caller: Caller) -> Caller:
    """Come into the queue and hear the first round."""
    await caller.rings()
    await caller.keys("0")
    await caller.waits()
    return caller


async def card_of(queue: AgentQueue, caller: Caller) -> Waiter:
    card = await queue.card(*HERE, caller.sid)
    assert card is not None
    return card


# --- each webhook once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [False, True])
async def test_whatever_is_repeated_in_the_queue_is_one_transition(
    caller: Caller, redis: Redis, queue: AgentQueue, at_once: bool
) -> None:
    await caller.rings()
    zero, star = partial(caller.keys, "0"), partial(caller.keys, "*")
    steps: list[Callable[[], Awaitable[Document]]] = [zero, caller.waits, caller.waits, zero, star]
    for turn, step in enumerate(steps, 1):
        document = await step()
        assert set(await caller.again(4, at_once=at_once)) == {document.body}
        assert (await kept_of(redis, caller.sid)).turn == turn
    assert (await queue.waiting(*HERE))[0].state == "aside"
    back = await caller.comes_out("leave")
    assert words("main.short") in back.said
    assert set(await caller.again(4, at_once=at_once)) == {back.body}
    assert (await kept_of(redis, caller.sid)).turn == len(steps) + 1


async def test_two_who_ask_at_once_get_the_same_round(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    assert caller.here is not None
    url = caller.here.next
    answers = await asyncio.gather(*(caller.post(url) for _ in range(8)))
    assert len({one.body for one in answers}) == 1
    assert (await kept_of(redis, caller.sid)).turn == 3


async def test_the_end_of_the_queue_wins_against_a_late_round(caller: Caller, redis: Redis) -> None:
    """The agent hangs up while a round that was asked for before is still on its way."""
    await queued(caller)
    for _ in range(5):
        assert caller.here is not None
        late, after = caller.here.next, caller.after
        form = caller.form(QueueResult="leave")
        _, out = await asyncio.gather(caller.carrier.post(late, caller.form()), caller.carrier.post(after, form))
        told = read(out)
        # Without a key that chose something the call comes back into the queue.
        assert told.queue != after
        caller.after = told.queue
        again = await caller.go(told.next)
        assert words("queue.next") in again.said
    assert (await caller.comes_out("bridged")).said == words("survey.ask")
    assert (await caller.post(late)).said == words("survey.ask"), "whoever comes later is told where the call stands"


async def test_a_round_that_nobody_answered_in_time_is_told_again(caller: Caller) -> None:
    await queued(caller)
    assert caller.here is not None
    lost = asyncio.create_task(caller.post(caller.here.next))
    await asyncio.sleep(0.005)
    lost.cancel()
    first = await caller.post(caller.here.next)
    assert {(await caller.post(caller.here.next)).body for _ in range(3)} == {first.body}


async def test_the_end_of_an_earlier_wait_is_not_that_of_a_later_one(caller: Caller) -> None:
    await queued(caller)
    earlier = caller.after
    await caller.keys("*")
    await caller.comes_out("leave")
    await caller.keys("0")
    here = await caller.waits()
    assert (await caller.post(earlier, QueueResult="bridged")).body == here.body
    assert (await caller.post(earlier, QueueResult="leave")).body == here.body
    assert words("survey.ask") in (await caller.comes_out("bridged")).said


# --- what a round is --------------------------------------------------------------------------------------------------


async def test_a_round_lasts_as_long_as_it_should_and_ends_by_itself(caller: Caller) -> None:
    await queued(caller)
    here = await caller.waits()
    gather, redirect = here.verbs
    assert isinstance(gather, Gather)
    assert isinstance(redirect, Redirect)
    assert gather.action == redirect.url
    assert (gather.num_digits, gather.finish_on_key, gather.action_on_empty) == (1, "", False)
    pauses = sum(one.length for one in gather.prompts if isinstance(one, Pause))
    assert 15 <= pauses + gather.timeout <= 25, "the sentences come on top of that"


async def test_waiting_costs_neither_keys_nor_time_of_the_call(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    before = (await kept_of(redis, caller.sid)).session
    for _ in range(30):
        caller.hotline.clock.ahead_ms += 60_000
        await caller.waits()
    after = (await kept_of(redis, caller.sid)).session
    assert (after.key_turns, after.key_ms, after.silences) == (before.key_turns, before.key_ms, before.silences)
    caller.hotline.clock.ahead_ms += 10_000
    assert words("main.short") in (await leaves(caller, "*")).said
    assert (await kept_of(redis, caller.sid)).session.key_ms < MINUTE_MS


async def leaves(caller: Caller, key: str) -> Document:
    """Leave the queue by a key."""
    assert (await caller.keys(key)).leaves
    return await caller.comes_out("leave")


async def test_whoever_waits_for_hours_goes_on_waiting(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    for _ in range(5):
        caller.hotline.clock.ahead_ms += 55 * MINUTE_MS
        assert words("queue.options") in (await caller.waits()).said
        caller.hotline.clock.ahead_ms += 5 * MINUTE_MS
        assert (await caller.waits()).leaves, "somebody who is silent for an hour may not be there any more"
        assert (await caller.comes_out("leave")).said == words("agent.busy")
        caller.hotline.clock.ahead_ms += 5000
        assert (await caller.keys("0")).said == "", "the place is kept"
        assert words("queue.options") in (await caller.waits()).said
    await redis.delete(f"ivr:{{{caller.sid}}}")
    assert words("queue.options") in (await caller.waits()).said
    assert words("survey.ask") in (await caller.comes_out("bridged")).said


async def test_who_says_nothing_in_the_queue_comes_to_an_end(caller: Caller, queue: AgentQueue) -> None:
    await queued(caller)
    caller.hotline.clock.ahead_ms += 60 * MINUTE_MS
    await caller.waits()
    here = await caller.comes_out("leave")
    for _ in range(10):
        if here.hangs_up:
            break
        here = await caller.keys("-")
    assert words("goodbye") in here.said


async def test_calls_on_hold_are_rung_for_once_however_often_they_leave_the_queue(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    for _ in range(8):
        await leaves(caller, "*")
        await caller.keys("0")
        await caller.waits()
    assert (await kept_of(redis, caller.sid)).session.dials == 1


# --- what comes of it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "hears"),
    [
        ("bridged", "survey.ask"),
        ("bridging-in-process", "survey.ask"),
        ("redirected-from-bridged", "survey.ask"),
        ("error", "agent.failed"),
        ("system-error", "agent.failed"),
        ("queue-full", "agent.failed"),
        ("redirected", "agent.failed"),
        ("", "agent.failed"),
        ("something new", "agent.failed"),
    ],
)
async def test_every_end_of_a_wait_is_told_and_gives_the_place_up(
    caller: Caller, queue: AgentQueue, result: str, hears: str
) -> None:
    await queued(caller)
    assert (await caller.comes_out(result)).said == words(hears)
    assert await queue.waiting(*HERE) == []
    assert await queue.speaking(*HERE) == []


async def test_a_result_that_comes_twice_with_different_values_is_believed_in_none(caller: Caller) -> None:
    await queued(caller)
    url, caller.after = caller.after, ""
    pairs = [*caller.form().items(), ("QueueResult", "bridged"), ("QueueResult", "leave")]
    assert words("agent.failed").encode() in (await caller.carrier.post(url, pairs)).body


@pytest.mark.parametrize("how", ["in the queue", "status", "webhook"])
async def test_who_hangs_up_waits_no_more(caller: Caller, redis: Redis, queue: AgentQueue, how: str) -> None:
    await queued(caller)
    if how == "in the queue":
        assert (await caller.comes_out("hangup")).hangs_up
    elif how == "status":
        await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    else:
        assert caller.here is not None
        await caller.post(caller.here.next, CallStatus="completed")
    assert await queue.waiting(*HERE) == []
    assert isinstance(await CallStore(redis, SEALS, deadline=5).load(caller.sid), Ended)
    assert (await caller.post(caller.after or "/twilio/voice", QueueResult="bridged")).hangs_up


async def test_who_gives_no_sign_is_gone_and_who_comes_back_has_the_old_place(
    caller: Caller, queue: AgentQueue
) -> None:
    """A worker that hung, a line that was down: the caller is still in the carrier's queue, and was there first."""
    await queued(caller)
    await queue.join(Waiter("CA-later", *HERE, caller.hotline.clock()))
    caller.hotline.clock.ahead_ms += 91_000
    assert await queue.waiting(*HERE) == []
    await queue.join(Waiter("CA-later", *HERE, caller.hotline.clock() - 90_000))
    assert words("queue.options") in (await caller.waits()).said
    assert [one.call for one in await queue.waiting(*HERE)] == [caller.sid, "CA-later"]


async def test_a_round_that_comes_while_the_agent_speaks_takes_no_second_place(
    caller: Caller, queue: AgentQueue
) -> None:
    await queued(caller)
    await queue.take(*HERE, "li")
    await queue.bridged(*HERE, caller.sid)
    caller.hotline.clock.ahead_ms += 1000
    await caller.waits()
    assert await queue.waiting(*HERE) == []
    assert [one.agent for one in await queue.speaking(*HERE)] == ["li"]


# --- what the agent sees ----------------------------------------------------------------------------------------------


async def test_the_card_tells_what_the_caller_has_done(caller: Caller, queue: AgentQueue) -> None:
    await caller.rings()
    for keys in ("2", "*", "-", "1", NUMBER + "#", "846275", "9", "0"):
        await caller.keys(keys)
    await caller.waits()
    card = await card_of(queue, caller)
    assert (card.path, card.asked, card.answered) == (("years", "balance"), "balance", True)
    assert (card.verified, card.caller_tail, card.keyed_tail) == (True, "0000", NUMBER[-4:])
    assert (card.repeats, card.silences, card.slow, card.lang, card.age_band) == (1, 1, True, "zh", "")
    caller.hotline.clock.ahead_ms += 5 * MINUTE_MS
    await caller.waits()
    card = await card_of(queue, caller)
    assert (card.verified, card.keyed_tail, card.asked) == (False, "", "balance"), "the verification has ended"


async def test_the_card_of_a_service_that_was_not_answered(caller: Caller, queue: AgentQueue) -> None:
    await caller.rings()
    for keys in ("1", "11010519491231002*#", "0#"):
        await caller.keys(keys)
    await caller.waits()
    card = await card_of(queue, caller)
    assert (card.asked, card.answered, card.verified, card.age_band, card.keyed_tail) == (
        "balance",
        False,
        False,
        "60+",
        "002X",
    )


async def test_the_card_of_who_changes_the_language_in_the_queue_tells_it_at_once(
    caller: Caller, queue: AgentQueue
) -> None:
    await queued(caller)
    assert (await card_of(queue, caller)).lang == "zh"
    await caller.keys("8")
    await caller.keys("9")
    card = await card_of(queue, caller)
    assert (card.lang, card.repeats, card.state) == ("en", 1, "waiting")


async def test_a_callback_booked_in_the_queue_has_the_time_of_the_place(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    joined = (await kept_of(redis, caller.sid)).session.place
    assert joined is not None
    caller.hotline.clock.ahead_ms += 10 * MINUTE_MS
    await caller.waits()
    assert words("callback.confirm") in (await leaves(caller, "1")).said
    told = await caller.keys("1")
    assert "暗号" in told.said
    (booking,) = (await Bookings(redis, SEALS, deadline=5).waiting()).values()
    assert booking.at == joined.joined


async def test_a_callback_tells_the_agent_what_its_caller_had_done(caller: Caller, redis: Redis) -> None:
    await caller.rings()
    for keys in ("2", "*", "-", "1", NUMBER + "#", "846275", "9", "0"):
        await caller.keys(keys)
    await caller.waits()
    await leaves(caller, "1")
    await caller.keys("1")
    (booking,) = (await Bookings(redis, SEALS, deadline=5).waiting()).values()
    assert (booking.path, booking.asked, booking.answered) == (("years", "balance"), "balance", True)
    assert (booking.verified, booking.keyed_tail, booking.repeats, booking.silences) == (True, NUMBER[-4:], 1, 1)


# --- when something fails ---------------------------------------------------------------------------------------------


async def falls_back(caller: Caller, url: str) -> Document:
    """The carrier could not use an answer: the caller is out of its queue, and the fallback URL is asked."""
    caller.after = ""
    return await caller.go("/twilio/fallback", ErrorCode="11200", ErrorUrl=f"{caller.hotline.public_url}{url}")


@pytest.mark.parametrize("asked_for", [False, True])
async def test_whose_round_failed_comes_back_into_the_queue(
    caller: Caller, redis: Redis, queue: AgentQueue, asked_for: bool
) -> None:
    await queued(caller)
    assert caller.here is not None
    failed = caller.here.next
    if asked_for:
        await caller.waits()
    joined = (await card_of(queue, caller)).joined_at
    again = await falls_back(caller, failed)
    assert again.queue
    assert set(await caller.again(3, at_once=True)) == {again.body}
    assert words("queue.next") in (await caller.waits()).said
    assert (await card_of(queue, caller)).joined_at == joined
    assert words("survey.ask") in (await caller.comes_out("bridged")).said


async def test_whose_way_into_the_queue_failed_comes_into_it(caller: Caller) -> None:
    await caller.rings()
    assert caller.here is not None
    zero = caller.here.next
    into = await caller.keys("0")
    again = await falls_back(caller, zero)
    assert again.body == into.body
    assert words("queue.next") in (await caller.waits()).said


async def test_whose_way_out_of_the_queue_failed_goes_on_after_it(caller: Caller, queue: AgentQueue) -> None:
    await queued(caller)
    out = caller.after
    await queue.take(*HERE, "li")
    await queue.bridged(*HERE, caller.sid)
    assert words("survey.ask") in (await falls_back(caller, out)).said


async def test_whose_key_to_leave_failed_leaves(caller: Caller) -> None:
    await queued(caller)
    assert caller.here is not None
    failed = caller.here.next
    await caller.keys("*")
    assert words("main.short") in (await falls_back(caller, failed)).said


async def test_a_call_that_redis_lost_goes_on_waiting_in_its_place(
    caller: Caller, redis: Redis, queue: AgentQueue
) -> None:
    await queued(caller)
    joined = (await card_of(queue, caller)).joined_at
    await emptied(redis)
    caller.hotline.clock.ahead_ms += 25_000
    await caller.waits()
    assert (await card_of(queue, caller)).joined_at == joined
    await redis.delete(f"ivr:{{{caller.sid}}}")
    assert caller.here is not None
    late = caller.here.next
    after = await caller.comes_out("bridged")
    assert words("survey.ask") in after.said
    assert (await caller.post(late)).body == after.body, "a round that comes late brings nobody back into the queue"


async def test_a_call_whose_redis_was_rolled_back_goes_on_from_its_token(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    key = f"ivr:{{{caller.sid}}}"
    earlier = await redis.dump(key)
    assert earlier is not None
    for _ in range(3):
        await caller.waits()
    await redis.restore(key, MINUTE_MS, earlier, replace=True)
    assert words("queue.options") in (await caller.waits()).said
    assert (await kept_of(redis, caller.sid)).turn == 6


async def test_where_an_unknown_version_takes_the_flow_away_the_caller_leaves_the_queue_first(
    caller: Caller, redis: Redis
) -> None:
    await queued(caller)
    store = CallStore(redis, SEALS, deadline=5)
    kept = await kept_of(redis, caller.sid)
    session = replace(kept.session, version="0" * 32, turn=kept.turn + 1)
    token = SEALS.seal_token("turn", caller.sid, position_of(session))
    await store.commit(caller.sid, expected=kept.turn, session=session, reply=b"", ttl_s=60, awaited_token=token)
    assert (await caller.go(f"/twilio/turn/{token}")).leaves
    assert words("main.long") in (await caller.comes_out("leave")).said


async def without_redis(redis: Redis) -> None:
    """Let every step on Redis fail that a call needs."""
    await redis.acl_setuser("default", enabled=True, commands=["-evalsha", "-eval", "-exists"])


async def with_redis_again(redis: Redis) -> None:
    await redis.acl_setuser("default", enabled=True, categories=["+@all"])


async def test_without_redis_the_numbers_are_rung_as_without_a_queue(caller: Caller, redis: Redis) -> None:
    await without_redis(redis)
    try:
        await caller.rings()
        there = await caller.keys("0")
        assert there.dials
        assert words("agent.transfer") in there.said
        assert b"<Number>+12025550135</Number>" in there.body
    finally:
        await with_redis_again(redis)


async def test_who_waits_when_redis_goes_away_waits_on_for_a_moment_and_is_then_put_through(
    caller: Caller, redis: Redis
) -> None:
    await queued(caller)
    await without_redis(redis)
    try:
        assert words("queue.patience") in (await caller.waits()).said
        assert (await caller.keys("*")).leaves, "without Redis nobody can keep what the key has chosen"
        there = await caller.comes_out("leave")
        assert there.dials
        assert words("agent.transfer") in there.said
    finally:
        await with_redis_again(redis)
    assert words("survey.ask") in (await caller.go(there.next, DialCallStatus="completed", DialBridged="true")).said


async def test_who_waits_when_redis_comes_back_in_time_has_the_old_place(
    caller: Caller, redis: Redis, queue: AgentQueue
) -> None:
    await queued(caller)
    joined = (await card_of(queue, caller)).joined_at
    await without_redis(redis)
    try:
        await caller.waits()
    finally:
        await with_redis_again(redis)
    assert words("queue.options") in (await caller.waits()).said
    assert (await card_of(queue, caller)).joined_at == joined


async def test_who_waits_while_the_fallback_is_asked_without_redis_is_put_through(caller: Caller, redis: Redis) -> None:
    await queued(caller)
    assert caller.here is not None
    failed = caller.here.next
    await without_redis(redis)
    try:
        assert (await falls_back(caller, failed)).dials
    finally:
        await with_redis_again(redis)
