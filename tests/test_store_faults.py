"""The store under faults: damaged values count as lost, and a Redis in trouble is told as such, in time."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT

from ivr.call import Session
from ivr.counters import Counters, Window
from ivr.embedded import EmbeddedValkey
from ivr.redis_line import RedisLine, connect
from ivr.seals import Seals
from ivr.store import CallStore, Claimed, Committed, Kept, Lost, StoreAway

SEALS = Seals([b"s" * 32])
CALL = "CA" + "a" * 32
KEY = f"ivr:{{{CALL}}}"
SESSION = Session(hotline="beijing", version="v", started=1)
DEADLINE = 1.0
"""Seconds that a step may take here: four times as long as in service, so that a busy machine is not told as away."""


@pytest.fixture
def store(redis: Redis) -> CallStore:
    return CallStore(redis, SEALS, deadline=PATIENT)


@pytest_asyncio.fixture
async def own_redis(own_valkey: EmbeddedValkey) -> AsyncIterator[Redis]:
    async with connect(own_valkey.url, patience=DEADLINE) as client:
        yield client


def at(turn: int) -> Session:
    return replace(SESSION, turn=turn)


@contextmanager
def told_in_time() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(StoreAway):
        yield
    assert time.monotonic() - began < 2 * DEADLINE, "nothing is waited for twice"


async def test_a_value_of_another_call_counts_as_lost(store: CallStore, redis: Redis) -> None:
    await store.commit("CA2", expected=None, session=SESSION, reply=b"", ttl_s=60)
    await redis.copy("ivr:{CA2}", KEY)
    assert await store.load(CALL) is None
    assert isinstance(await store.load("CA2"), Kept)


Damage = Callable[[Redis], Awaitable[object]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda redis: redis.hset(KEY, "s", b"\x01garbage"),
        lambda redis: redis.hset(KEY, "s", SEALS.seal(b"not a session", call=CALL, what="session")),
        lambda redis: redis.hset(KEY, "n", "7"),
        lambda redis: redis.hset(KEY, "n", "x" * 6000),
        lambda redis: redis.hset(KEY, "n", "9" * 6000),
        lambda redis: redis.hdel(KEY, "n"),
        lambda redis: redis.hdel(KEY, "s"),
        lambda redis: redis.hdel(KEY, "s", "n"),
        lambda redis: redis.set(KEY, "a string"),
        lambda redis: redis.delete(KEY),
    ],
)
async def test_a_damaged_call_counts_as_absent_and_can_be_begun_again(
    store: CallStore, redis: Redis, damage: Damage
) -> None:
    await store.commit(CALL, expected=None, session=SESSION, reply=b"<0/>", ttl_s=60)
    await damage(redis)
    assert await store.load(CALL) is None
    assert await store.commit(CALL, expected=None, session=at(3), reply=b"<3/>", ttl_s=60) == Committed(0)
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert kept.session == at(3)


@pytest.mark.parametrize("field", ["f", "c", "t", "r"])
@pytest.mark.parametrize("value", [b"", b"-1", b"1e99", b"\xff\x00", b"9" * 5000, b"1 2 3", b"1 2 \xff \xff"])
async def test_damage_beside_the_session_does_no_harm(store: CallStore, redis: Redis, field: str, value: bytes) -> None:
    await store.commit(CALL, expected=None, session=SESSION, reply=b"<0/>", ttl_s=60)
    await redis.hset(KEY, field, value)
    kept = await store.load(CALL)
    assert isinstance(kept, Kept)
    assert kept.session == SESSION
    assert kept.failed == 0
    assert kept.claim is None or not kept.claim.live
    assert kept.reply == (None if field == "r" else b"<0/>")
    assert await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60) == Committed(0)


async def test_failed_credentials_and_work_under_way_outlive_a_damaged_session(store: CallStore, redis: Redis) -> None:
    await store.commit(CALL, expected=None, session=SESSION, reply=b"", ttl_s=60)
    await store.claim(CALL, expected=0, claim_id="c", worker="w", session=SESSION, ttl_s=60, reserve_failed=True)
    await redis.hset(KEY, "s", b"garbage")
    assert await store.load(CALL) is None
    assert isinstance(await store.commit(CALL, expected=None, session=at(1), reply=b"", ttl_s=60), Lost)
    assert await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"", ttl_s=60) == Committed(1)


@pytest.mark.parametrize(("turn", "session"), [("0", b"garbage"), ("", b""), ("1", b"")])
async def test_a_worker_that_saw_damage_late_forgets_nothing_newer(
    store: CallStore, redis: Redis, turn: str, session: bytes
) -> None:
    await store.commit(CALL, expected=None, session=SESSION, reply=b"", ttl_s=60)
    line = RedisLine(redis, deadline=PATIENT)
    assert await line.ask(line.script("forget")(keys=[KEY], args=[turn, session, 1000])) == 0
    assert isinstance(await store.load(CALL), Kept)


async def test_a_full_redis_still_gives_calls_but_takes_nothing(own_redis: Redis) -> None:
    store, counters = CallStore(own_redis, SEALS, deadline=DEADLINE), Counters(own_redis, SEALS, deadline=DEADLINE)
    await counters.confirm_epoch()
    await store.commit(CALL, expected=None, session=SESSION, reply=b"<0/>", ttl_s=60)
    before = await own_redis.hgetall(KEY)
    await own_redis.config_set("maxmemory", "1")
    with told_in_time():
        await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60)
    with told_in_time():
        await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60, ends=True)
    with told_in_time():
        await store.claim(CALL, expected=0, claim_id="c", worker="w", session=SESSION, ttl_s=60)
    with told_in_time():
        await counters.reserve([Window("account", "1", 5, 60)], "r")
    assert await own_redis.hgetall(KEY) == before
    assert isinstance(await store.load(CALL), Kept)
    await own_redis.config_set("maxmemory", "0")
    assert await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60) == Committed(0)


async def test_a_read_only_redis_still_gives_calls_but_takes_nothing(own_redis: Redis) -> None:
    """A write that was refused must never look as if it had happened."""
    store, counters = CallStore(own_redis, SEALS, deadline=DEADLINE), Counters(own_redis, SEALS, deadline=DEADLINE)
    await counters.confirm_epoch()
    await store.commit(CALL, expected=None, session=SESSION, reply=b"<0/>", ttl_s=60)
    await own_redis.replicaof("127.0.0.1", "1")
    with told_in_time():
        await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60)
    with told_in_time():
        await store.claim(CALL, expected=0, claim_id="c", worker="w", session=SESSION, ttl_s=60)
    with told_in_time():
        await store.end(CALL)
    with told_in_time():
        await counters.reserve([Window("account", "1", 5, 60)], "r")
    assert isinstance(await store.load(CALL), Kept)
    await own_redis.replicaof("NO", "ONE")
    assert await store.commit(CALL, expected=0, session=at(1), reply=b"<1/>", ttl_s=60) == Committed(0)


async def test_a_stalled_redis_is_told_in_time_and_used_again_at_once(
    own_valkey: EmbeddedValkey, own_redis: Redis
) -> None:
    store = CallStore(own_redis, SEALS, deadline=DEADLINE)
    await store.commit(CALL, expected=None, session=SESSION, reply=b"", ttl_s=60)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            with told_in_time():
                await store.load(CALL)
        stalled = await asyncio.gather(
            *(store.commit(f"CA{number}", expected=None, session=SESSION, reply=b"", ttl_s=60) for number in range(99)),
            return_exceptions=True,
        )
        assert {type(one) for one in stalled} == {StoreAway}
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
    await _is_back(store)


async def test_a_killed_redis_is_told_in_time_and_used_again_with_its_calls(
    own_valkey: EmbeddedValkey, own_redis: Redis
) -> None:
    # A busy disk may put a write off for a second or two; what is asked here is what becomes of those that were made.
    await own_redis.config_set("appendfsync", "always")
    store = CallStore(own_redis, SEALS, deadline=DEADLINE)
    await store.commit(CALL, expected=None, session=SESSION, reply=b"<0/>", ttl_s=60)
    done = await store.claim(CALL, expected=0, claim_id="c", worker="w", session=SESSION, ttl_s=60)
    assert done == Claimed(0)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGKILL)
    for _ in range(3):
        with told_in_time():
            await store.load(CALL)
    await asyncio.to_thread(os.waitid, os.P_PID, own_valkey.pid, os.WEXITED | os.WNOWAIT)
    await own_valkey.restart()
    await _is_back(store)
    assert await store.commit(CALL, expected=0, claim="c", session=at(1), reply=b"", ttl_s=60) == Committed(0)


async def _is_back(store: CallStore) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                assert isinstance(await store.load(CALL), Kept)
                return
            except StoreAway:
                await asyncio.sleep(0.05)


async def test_who_gives_up_waiting_leaves_no_connection_to_others(valkey_url: str) -> None:
    """The incident of 2023, on whole calls: loads cancelled at any moment, and no call ever comes back as another."""
    async with connect(valkey_url, connections=4) as redis:
        await redis.flushall()
        store = CallStore(redis, SEALS, deadline=5)
        for number in range(20):
            session = replace(SESSION, hotline=f"h{number}")
            await store.commit(f"CA{number}", expected=None, session=session, reply=b"%d" % number, ttl_s=60)

        async def load(number: int) -> None:
            kept = await store.load(f"CA{number}")
            assert isinstance(kept, Kept)
            assert (kept.session.hotline, kept.reply) == (f"h{number}", b"%d" % number)

        for turn in range(20):
            tasks = [asyncio.create_task(load(number)) for number in range(20)]
            for number, task in enumerate(tasks):
                if number % 3:
                    asyncio.get_running_loop().call_later(number * turn / 40_000, task.cancel)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(answer) for answer in answers} <= {type(None), asyncio.CancelledError}
        await asyncio.gather(*(load(number) for number in range(20)))
