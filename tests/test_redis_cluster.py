"""Steps on a cluster: each goes where its slot lies, also while the slot moves, and a master's loss is its shares'."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ResponseError
from redis_nodes import Node, Servers

from ivr.call import Session
from ivr.call_records.recorder import Recorder
from ivr.call_records.sweep import Sweep
from ivr.counters import EPOCHS, Counters, Refused, Reserved, Window
from ivr.library import default_dirs, load
from ivr.pages import Call
from ivr.redis_line import Command, RedisLine, StoreAway, connect
from ivr.seals import Seals
from ivr.store import CallStore, Committed, Ended, Kept, left_key
from ivr.versions.live import LiveVersions

SEALS = Seals([b"s" * 32])
SESSION = Session(hotline="beijing", version="v", started=1)


@pytest.fixture
def masters(cluster_servers: Servers) -> list[Node]:
    cluster_servers.replaceable()
    return [node for node in cluster_servers.nodes if node.redis.info("replication")["role"] == "master"]


@pytest_asyncio.fixture
async def redis(cluster_servers: Servers, masters: list[Node]) -> AsyncIterator[Redis]:
    for node in masters:
        node.redis.flushall()
    async with connect(cluster_servers.url, patience=5) as client:
        yield client


async def test_a_call_goes_through_the_store_wherever_it_lies(redis: Redis, masters: list[Node]) -> None:
    store = CallStore(redis, SEALS, deadline=5)
    for number in range(12):
        call = f"CA{number}"
        assert await store.commit(call, expected=None, session=SESSION, reply=b"0", ttl_s=60) == Committed(0)
        later = replace(SESSION, turn=1)
        assert await store.commit(call, expected=0, session=later, reply=b"1", ttl_s=60) == Committed(0)
        kept = await store.load(call)
        assert isinstance(kept, Kept)
        assert (kept.turn, kept.reply) == (1, b"1")
    await store.end("CA0")
    assert isinstance(await store.load("CA0"), Ended)
    assert all(node.redis.dbsize() for node in masters)


async def test_records_of_calls_are_swept_up_from_every_node_and_go_through_one_stream(redis: Redis) -> None:
    store = CallStore(redis, SEALS, deadline=5)
    recorder = Recorder(redis, SEALS, LiveVersions(load(*default_dirs())), lambda: 9, deadline=5)
    calls = [f"CA{number}" for number in range(12)]
    for call in calls:
        await store.commit(call, expected=None, session=SESSION, reply=b"0", ttl_s=60)
        left = recorder.left(Call(call, "12333"), SESSION, "caller")
        assert await store.end(call, left=left.sealed, of_turn=0)
    sweep = Sweep(redis, store, recorder, kept_ms=60_000)
    await _older_than_fresh(redis, calls)
    await sweep.sweep()
    waiting = await recorder.stream.waiting()
    assert sorted(one.call for one in waiting.values() if one is not None) == sorted(calls)
    await recorder.stream.written(waiting)
    assert await recorder.stream.length() == 0
    assert [key async for key in redis.scan_iter("*:left")] == []


async def _older_than_fresh(redis: Redis, calls: list[str]) -> None:
    for call in calls:
        await redis.pexpire(left_key(call), 60_000)


async def test_steps_of_one_trip_go_to_their_nodes_and_are_answered_in_order(redis: Redis) -> None:
    line = RedisLine(redis, deadline=5)
    look = line.script("look")
    sets = [Command(("SET", f"k{number}", number, "PX", 60_000)) for number in range(30)]
    assert await line.ask_all(sets) == [b"OK"] * 30
    gets = [Command(("GET", f"k{number}")) for number in range(30)]
    looks = [look.command([f"ivr:{{CA{number}}}", f"ivr:{{CA{number}}}:end"]) for number in range(9)]
    assert await line.ask_all([*gets, *looks]) == [*(b"%d" % number for number in range(30)), *[[b"none", 0]] * 9]
    with pytest.raises(StoreAway, match="WRONGTYPE"):
        await line.ask_all([*gets, Command(("ZREM", "k7", "member"))])


async def test_keys_of_many_nodes_are_counted_together(redis: Redis) -> None:
    for number in range(5):
        await redis.set(f"k{number}", "v", px=60_000)
    assert await redis.exists(*(f"k{number}" for number in range(9))) == 5
    assert await redis.delete(*(f"k{number}" for number in range(2, 9))) == 3


async def test_a_command_without_a_key_is_for_no_node(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="names no key"):
        await redis.ping()


async def test_a_slot_is_followed_while_it_moves(redis: Redis, masters: list[Node]) -> None:
    """A key that has moved is asked for where it is (ASK), a call that is half there is waited for (TRYAGAIN)."""
    store = CallStore(redis, SEALS, deadline=5)
    await store.commit("CA1", expected=None, session=SESSION, reply=b"0", ttl_s=60)
    slot = key_slot(b"CA1")
    (source,) = [node for node in masters if node.redis.execute_command("CLUSTER COUNTKEYSINSLOT", slot)]
    target = next(node for node in masters if node is not source)
    target.redis.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
    source.redis.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
    await redis.set("new:{CA1}", "v", px=60_000)
    assert target.redis.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 1
    assert await redis.get("new:{CA1}") == b"v"
    loading = asyncio.create_task(store.load("CA1"))
    await asyncio.sleep(0.1)
    assert not loading.done()
    keys = ("AUTH", source.password, "KEYS", "ivr:{CA1}")
    source.redis.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, *keys)
    for node in (target, source):
        node.redis.execute_command("CLUSTER SETSLOT", slot, "NODE", target.id)
    assert isinstance(await loading, Kept)
    assert target.redis.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 2


async def test_a_master_that_came_back_empty_grants_nothing_in_its_shares(redis: Redis, masters: list[Node]) -> None:
    counters = Counters(redis, SEALS, deadline=5)
    await counters.confirm_epoch()
    assert await counters.epoch_confirmed()

    async def take(account: int, reservation: str) -> Reserved | Refused | StoreAway:
        window = Window("account", str(account), limit=2, window_s=60)
        try:
            return await counters.reserve([window], reservation)
        except StoreAway as away:
            return away

    assert {type(await take(account, "r1")) for account in range(24)} == {Reserved}
    masters[0].redis.flushall()
    assert not await counters.epoch_confirmed()
    lost = [await take(account, "r2") for account in range(24)]
    assert {type(one) for one in lost} == {Reserved, StoreAway}
    assert {one.taken for one in lost if isinstance(one, Reserved)} == {2}
    assert {str(one) for one in lost if isinstance(one, StoreAway)} == {
        "Redis has lost its counts: no attempt is granted until an operator confirms them."
    }
    await counters.confirm_epoch()
    assert {type(await take(account, "r2")) for account in range(24)} == {Reserved}
    where = Counter(node.name for node in masters for epoch in EPOCHS if epoch in node.redis.keys("ivr:epoch:*"))
    assert where.total() == len(EPOCHS)
    assert len(where) == 3, "every master has shares of the counters"


async def test_a_trip_that_fails_on_one_node_leaves_nothing_under_way_on_the_others(
    redis: Redis, cluster_servers: Servers, masters: list[Node]
) -> None:
    """A node that does not answer would otherwise hold connections for ever: nobody has a deadline for it any more."""
    async with connect(cluster_servers.url, patience=1) as impatient:
        assert await RedisLine(redis, deadline=5).ask(impatient.exists(*EPOCHS)) == 0
        before = asyncio.all_tasks()
        masters[2].redis.client_pause(1000)
        cluster_servers.network.run(masters[1].proxy.becomes("cut"))
        try:
            with pytest.raises(StoreAway, match="ConnectionError"):
                await RedisLine(impatient, deadline=20).ask_all([Command(("SET", epoch, b"1")) for epoch in EPOCHS])
            assert asyncio.all_tasks() == before
        finally:
            cluster_servers.mend()
            masters[2].redis.client_unpause()
