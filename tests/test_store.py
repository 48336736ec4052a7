"""The store: a call moves forward once, whoever tries, however often and on however many workers."""

import asyncio
import re
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT

from ivr.call import Credential, Member, Said, Session
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.store import Busy, CallStore, Claim, Claimed, Committed, Ended, Kept, Lost, Peek, Spent

SEALS = Seals([b"s" * 32])
CALL = "CA" + "a" * 32
KEY = f"ivr:{{{CALL}}}"
NUMBER = "110105198503122173"
LAST_REPLY_S = 30
HASTY_S = 0.02
SESSION = Session(hotline="beijing", version="f" * 64, started=1_790_000_000_000, stack=(("main", "menu"),))
FULL = replace(
    SESSION,
    credential=Credential("id_card", NUMBER),
    member=Member("ref-4711", 1_790_000_000_000, 1_790_000_300_000, 1985, "110105"),
    facts={"balance": "20180.05", "as_of": "2026-11-20", "months": "188"},
    said=tuple(Said("balance.tell", {"balance": "20180.05", "as_of": "2026-11-20"}, personal=True) for _ in range(4)),
    heard=frozenset({"main.menu", "after.menu", "identify.ask_number"}),
)


@pytest.fixture
def store(redis: Redis) -> CallStore:
    return CallStore(redis, SEALS, last_reply_s=LAST_REPLY_S, deadline=PATIENT)


@pytest.fixture
def hasty(redis: Redis) -> CallStore:
    """Give a store whose claims are dead at once; no other test may depend on how soon it looks at one."""
    return CallStore(redis, SEALS, claim_s=HASTY_S, deadline=PATIENT)


def at(turn: int, failed: int = 0) -> Session:
    return replace(SESSION, turn=turn, failed=failed)


async def begin(store: CallStore, turn: int = 0, token: str = "token") -> None:
    expected = None if turn == 0 else turn - 1
    done = await store.commit(
        CALL, expected=expected, session=at(turn), reply=b"<%d/>" % turn, awaited_token=token, ttl_s=60
    )
    assert isinstance(done, Committed)


async def claim(store: CallStore, who: str, expected: int | None = 0, **more: Any) -> Claimed | Lost | Busy | Spent:
    session = at(expected or 0, more.pop("failed", 0))
    return await store.claim(
        CALL,
        expected=expected,
        claim_id=who,
        worker="w1",
        session=session,
        ttl_s=60,
        reserve_failed=bool(more.pop("reserve", 0)),
        **more,
    )


async def test_a_call_comes_back_as_it_was_committed(store: CallStore) -> None:
    assert await store.load(CALL) is None
    assert await store.peek(CALL) == Peek(None, None, ended=False)
    await store.commit(CALL, expected=None, session=FULL, reply=b"<r/>", awaited_token="next", ttl_s=60)
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert (kept.turn, kept.session, kept.reply, kept.claim, kept.failed) == (0, FULL, b"<r/>", None, 0)
    assert kept.awaits("next")
    assert not kept.awaits("other")
    assert await store.peek(CALL) == Peek(0, None, ended=False)
    assert await store.load("CA" + "b" * 32) is None


async def test_a_turn_without_a_next_token_awaits_none(store: CallStore) -> None:
    await store.commit(CALL, expected=None, session=SESSION, reply=b"", ttl_s=60)
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert not kept.awaits("")


async def test_twenty_commits_at_once_on_two_workers_make_one_transition(store: CallStore, valkey_url: str) -> None:
    async with connect(valkey_url) as other:
        workers = [store, CallStore(other, SEALS, deadline=PATIENT)]
        for expected, turn in ((None, 0), (0, 1), (1, 2)):
            done = await asyncio.gather(
                *(
                    workers[number % 2].commit(
                        CALL, expected=expected, session=at(turn), reply=b"<%d/>" % number, ttl_s=60
                    )
                    for number in range(20)
                )
            )
            kept = await store.load(CALL)
            assert isinstance(kept, Kept)
            assert Counter(map(type, done)) == {Committed: 1, Lost: 19}
            winner = b"<%d/>" % next(number for number, one in enumerate(done) if isinstance(one, Committed))
            assert {one for one in done if isinstance(one, Lost)} == {Lost(turn, winner)}
            assert (kept.turn, kept.reply) == (turn, winner)


@pytest.mark.parametrize("expected", [None, 0, 1, 3, 4])
async def test_a_commit_from_any_other_turn_loses(store: CallStore, expected: int | None) -> None:
    for turn in range(3):
        await begin(store, turn)
    assert await store.commit(CALL, expected=expected, session=at(9), reply=b"", ttl_s=60) == Lost(2, b"<2/>")


async def test_a_call_never_moves_back(store: CallStore) -> None:
    with pytest.raises(ValueError, match="turn 3 cannot be committed after turn 3"):
        await store.commit(CALL, expected=3, session=at(3), reply=b"", ttl_s=60)


async def test_a_call_that_was_rolled_back_goes_on_from_its_token(store: CallStore) -> None:
    await begin(store)
    assert await store.commit(CALL, expected=0, session=at(7), reply=b"<7/>", ttl_s=60) == Committed(0)
    assert (await store.peek(CALL)).turn == 7


async def test_one_of_many_gets_the_claim_and_the_others_are_told_of_it(store: CallStore) -> None:
    await begin(store)
    done = await asyncio.gather(*(claim(store, f"c{number}", reserve=1) for number in range(20)))
    assert Counter(map(type, done)) == {Claimed: 1, Busy: 19}
    winner = next(f"c{number}" for number, one in enumerate(done) if isinstance(one, Claimed))
    held = Claim(winner, "w1", live=True)
    assert {one for one in done if isinstance(one, Busy)} == {Busy(held)}
    assert await store.peek(CALL) == Peek(0, held, ended=False)
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert (kept.claim, kept.failed, kept.reply) == (held, 1, b"<0/>")


async def test_the_same_claim_sent_twice_reserves_once(store: CallStore) -> None:
    await begin(store)
    assert [await claim(store, "c", reserve=1) for _ in range(2)] == [Claimed(1), Claimed(1)]


async def test_while_somebody_works_nobody_else_commits(store: CallStore) -> None:
    await begin(store)
    await claim(store, "c")
    lost = Lost(0, b"<0/>", claimed=True)
    assert await store.commit(CALL, expected=0, session=at(1), reply=b"<x/>", ttl_s=60) == lost
    other = await store.commit(CALL, expected=0, claim="d", session=at(1), reply=b"<x/>", ttl_s=60)
    assert other == Lost(0, b"<0/>")
    assert await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"<1/>", ttl_s=60) == Committed(0)
    assert await store.peek(CALL) == Peek(1, None, ended=False)
    assert await claim(store, "e") == Lost(1, b"<1/>")
    again = await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"<y/>", ttl_s=60)
    assert again == Lost(1, b"<1/>")


async def test_a_dead_claim_is_cleared_by_a_commit_and_never_taken_over(store: CallStore, hasty: CallStore) -> None:
    await begin(store)
    await claim(hasty, "c", reserve=1)
    await asyncio.sleep(2 * HASTY_S)
    dead = Claim("c", "w1", live=False)
    assert await store.peek(CALL) == Peek(0, dead, ended=False)
    assert await claim(store, "d", reserve=1) == Busy(dead)
    assert await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60) == Committed(1)
    assert await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"<x/>", ttl_s=60) == Lost(1, b"<1/>")


async def test_work_that_is_late_still_counts_while_nobody_moved_on(store: CallStore, hasty: CallStore) -> None:
    await begin(store)
    await claim(hasty, "c")
    await asyncio.sleep(2 * HASTY_S)
    assert await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"<1/>", ttl_s=60) == Committed(0)


async def test_a_claim_from_a_clock_far_ahead_does_not_block_the_call(store: CallStore, redis: Redis) -> None:
    await begin(store)
    await redis.hset(KEY, "c", f"{2_000_000_000_000} 150 c w1")
    assert (await store.peek(CALL)).claim == Claim("c", "w1", live=False)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "键", "x" * 101])
async def test_names_that_would_break_a_claim_are_refused(store: CallStore, name: str) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        await claim(store, name)


async def test_a_call_has_three_attempts(store: CallStore) -> None:
    await begin(store)
    for turn in range(3):
        assert await claim(store, f"c{turn}", turn, reserve=1) == Claimed(turn + 1)
        done = await store.commit(
            CALL, expected=turn, claim=f"c{turn}", session=at(turn + 1, turn + 1), reply=b"", ttl_s=60
        )
        assert done == Committed(turn + 1)
    assert await claim(store, "c3", 3, reserve=1) == Spent(3)
    assert await store.peek(CALL) == Peek(3, None, ended=False)
    assert await claim(store, "c4", 3, reserve=0) == Claimed(3)


async def test_an_attempt_is_given_back_with_the_commit_and_only_then(store: CallStore) -> None:
    await begin(store)
    await claim(store, "c", reserve=1)
    late = await store.commit(CALL, expected=0, claim="x", session=at(1), reply=b"", ttl_s=60, give_back_failed=True)
    assert isinstance(late, Lost)
    for answer in (Committed(0), Lost(1, b"<1/>")):
        done = await store.commit(
            CALL, expected=0, claim="c", session=at(1), reply=b"<1/>", ttl_s=60, give_back_failed=True
        )
        assert done == answer
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert kept.failed == 0


@pytest.mark.parametrize(("kept", "in_token", "counted"), [(2, 0, 2), (0, 2, 2), (1, 1, 1)])
async def test_failed_credentials_are_the_larger_of_store_and_token(
    store: CallStore, redis: Redis, kept: int, in_token: int, counted: int
) -> None:
    await begin(store)
    await redis.hset(KEY, "f", str(kept))
    assert await claim(store, "c", failed=in_token) == Claimed(counted)
    assert await store.commit(CALL, expected=0, claim="c", session=at(1, in_token), reply=b"", ttl_s=60) == Committed(
        counted
    )


async def test_failed_credentials_in_a_commit_only_rise(store: CallStore) -> None:
    for turn, (failed, counted) in enumerate([(0, 0), (2, 2), (1, 2)]):
        expected = turn - 1 if turn else None
        done = await store.commit(CALL, expected=expected, session=at(turn, failed), reply=b"", ttl_s=60)
        assert done == Committed(counted)


async def test_a_call_resumed_from_its_token_begins_with_the_claim(store: CallStore) -> None:
    for who, answer in (("c", Claimed(3)), ("d", Busy(Claim("c", "w1", live=True)))):
        done = await store.claim(
            CALL, expected=None, claim_id=who, worker="w1", session=at(4, 2), ttl_s=60, reserve_failed=True
        )
        assert done == answer
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert (kept.turn, kept.session, kept.reply, kept.failed) == (4, at(4, 2), None, 3)
    other = await store.commit(CALL, expected=None, session=at(5), reply=b"<x/>", ttl_s=60)
    assert other == Lost(4, None, claimed=True)
    committed = await store.commit(CALL, expected=None, claim="c", session=at(5, 3), reply=b"<5/>", ttl_s=60)
    assert committed == Committed(3)


async def test_a_resumed_call_without_attempts_is_spent(store: CallStore) -> None:
    assert await claim(store, "c", None, failed=3, reserve=1) == Spent(3)
    assert await store.load(CALL) is None


async def test_a_committed_end_keeps_its_reply_for_a_while_and_its_tombstone_longer(
    store: CallStore, redis: Redis
) -> None:
    await begin(store)
    done = await store.commit(CALL, expected=0, session=replace(FULL, turn=1), reply=b"<bye/>", ttl_s=60, ends=True)
    assert done == Committed(0)
    await store.end(CALL)
    assert await store.load(CALL) == Ended(1, b"<bye/>")
    assert await store.peek(CALL) == Peek(1, None, ended=True)
    lost = Lost(1, b"<bye/>", ended=True)
    assert await store.commit(CALL, expected=1, session=at(2), reply=b"<2/>", ttl_s=60) == lost
    assert await claim(store, "c", 1) == lost
    assert 0 < await redis.pttl(KEY) <= LAST_REPLY_S * 1000 < await redis.pttl(f"{KEY}:end")
    await redis.delete(KEY)  # as its time to live does
    assert await store.load(CALL) == Ended(None, None)
    assert await store.commit(CALL, expected=None, session=at(2), reply=b"", ttl_s=60) == Lost(None, None, ended=True)
    assert await claim(store, "c", None) == Lost(None, None, ended=True)


async def test_nothing_of_the_caller_stays_after_a_committed_end(store: CallStore, redis: Redis) -> None:
    await store.commit(CALL, expected=None, session=FULL, reply=b"", ttl_s=60)
    await store.commit(CALL, expected=0, session=replace(FULL, turn=1), reply=b"", ttl_s=60, ends=True)
    assert set(await redis.hkeys(KEY)) == {b"n", b"r"}


async def test_work_comes_too_late_when_the_carrier_ended_the_call(store: CallStore, redis: Redis) -> None:
    await begin(store)
    await claim(store, "c", reserve=1)
    for _ in range(2):
        await store.end(CALL)
        assert await store.load(CALL) == Ended(None, None)
    done = await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"<1/>", ttl_s=60)
    assert done == Lost(None, None, ended=True)
    assert not await redis.exists(KEY)


async def test_a_call_that_never_began_can_end(store: CallStore) -> None:
    await store.end(CALL)
    assert await store.commit(CALL, expected=None, session=at(0), reply=b"", ttl_s=60) == Lost(None, None, ended=True)


async def test_whatever_is_written_has_an_end(store: CallStore, empty_redis: Redis) -> None:
    limits = {KEY: 60_000, f"{KEY}:end": 4 * 3_600_000}
    await claim(store, "c", None)
    await _all_keys_end(empty_redis, limits)
    await store.commit(CALL, expected=None, claim="c", session=at(1, 1), reply=b"", ttl_s=60)
    await _all_keys_end(empty_redis, limits)
    await empty_redis.hset(KEY, "s", "damaged")
    await empty_redis.persist(KEY)
    assert await store.load(CALL) is None
    await _all_keys_end(empty_redis, limits | {KEY: 4 * 3_600_000})
    await store.commit(CALL, expected=None, session=at(2), reply=b"", ttl_s=60)
    await store.commit(CALL, expected=2, session=at(3), reply=b"", ttl_s=60, ends=True)
    await _all_keys_end(empty_redis, limits | {KEY: LAST_REPLY_S * 1000})
    await store.end(CALL)
    await store.end("CA2")
    await _all_keys_end(empty_redis, limits | {KEY: LAST_REPLY_S * 1000, "ivr:{CA2}:end": 4 * 3_600_000})


async def _all_keys_end(redis: Redis, limits: dict[str, int]) -> None:
    keys = [key.decode() async for key in redis.scan_iter()]
    assert keys
    for key in keys:
        assert 0 < await redis.pttl(key) <= limits[key]


@pytest.mark.parametrize("session", [at(0), FULL], ids=["an ordinary session", "one with everything"])
async def test_a_call_is_small_whether_or_not_its_reply_is_compressed(
    store: CallStore, redis: Redis, session: Session
) -> None:
    for length in range(100, 1300, 50):
        reply = b"<Say>" + b"".join(b"%d," % (number * 7919) for number in range(length))[:length]
        await redis.delete(KEY)
        await store.commit(CALL, expected=None, session=session, reply=reply, awaited_token="x" * 300, ttl_s=60)
        await store.claim(CALL, expected=0, claim_id="c" * 22, worker="host-1:4711", session=session, ttl_s=60)
        assert (await redis.memory_usage(KEY) or 0) in range(1, 2101), length


async def test_a_call_with_everything_is_small_and_tells_nothing(store: CallStore, redis: Redis) -> None:
    reply = "".join(
        f'<Say language="zh-CN">您的医保个人账户余额为{n}万零一百八十元零五分，截至二零二六年十一月二十日。</Say>'
        for n in "两三四五六七八"
    )
    await store.commit(
        CALL, expected=None, session=FULL, reply=f"{reply}{NUMBER}".encode(), awaited_token="x" * 300, ttl_s=60
    )
    await store.claim(CALL, expected=0, claim_id="c" * 22, worker="host-1:4711", session=FULL, ttl_s=60)
    assert (await redis.memory_usage(KEY) or 0) in range(1, 2049)
    values = await redis.dump(KEY) or b""
    for told in (NUMBER, NUMBER[-6:], "20180", "ref-4711", "balance", "余额", "main"):
        assert told.encode() not in values
    assert not re.search(rb"x{10}", values)
