"""Calls beyond one machine: the loss of a master, by kill and by a cut network, with Sentinels and in a cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from secrets import token_hex

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from redis.crc import key_slot
from redis_nodes import Node, Servers
from tampering import BALANCE, LIBRARY, NUMBER, PASSWORD, PATIENT, SEALS, SHORT, SUM, Caller, calling, words

from ivr.counters import Counters
from ivr.redis_line import connect
from ivr.versions.census import census

GO_ON_WITHIN_S = 5.0
LOSSES: dict[str, Callable[[Servers, Node], None]] = {"cut network": Servers.cut_off, "kill": Servers.kill}


@pytest.fixture(scope="module", params=["sentinel_servers", "cluster_servers"])
def servers(request: pytest.FixtureRequest) -> Servers:
    running: Servers = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="module")
def hotline(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    data = tmp_path_factory.mktemp("data")
    with serving(servers.url, data, workers=2, deadlines=SHORT, patience=0.5) as under_test:
        under_test.accounts.script({"verify": ["ok"] * 99, "balance": [BALANCE] * 99})
        yield under_test


@pytest_asyncio.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    await asyncio.to_thread(servers.replaceable)
    async with connect(servers.url, patience=PATIENT) as client:
        await Counters(client, SEALS, deadline=PATIENT).confirm_epoch()
        yield client


def sid(*, on_first_master: bool) -> str:
    while True:
        one = "CA" + token_hex(16)
        if (key_slot(one.encode()) < 16384 // 3) == on_first_master:
            return one


async def test_the_calls_on_a_version_are_counted_on_every_node(hotline: UnderTest, redis: Redis) -> None:
    before = await census(redis, SEALS)
    async with calling(hotline) as one, calling(hotline) as other:
        one.sid, other.sid = sid(on_first_master=True), sid(on_first_master=False)
        await one.rings()
        await other.rings()
        after = await census(redis, SEALS)
    assert [row.version for row in after.versions] == [LIBRARY.version]
    assert sum(row.calls for row in after.versions) == sum(row.calls for row in before.versions) + 2
    assert after.whole


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("loss", LOSSES)
async def test_calls_survive_the_loss_of_a_master(hotline: UnderTest, servers: Servers, loss: str) -> None:
    """Every webhook is answered, calls go on within five seconds, and no verification comes back by itself."""
    async with AsyncExitStack() as calls:
        await _until_it_verifies(hotline)
        callers = [await calls.enter_async_context(calling(hotline)) for _ in range(7)]
        for place, caller in enumerate(callers):
            caller.sid = sid(on_first_master=place < 4)
            await caller.verified()
            assert SUM in (await caller.follows()).said
        ended, *going_on = callers
        assert (await ended.carrier.post("/twilio/status", ended.form(CallStatus="completed"))).status == 204
        await asyncio.sleep(0.05)  # for the replica, to which nobody waits to have written
        victim = servers.replaceable()
        LOSSES[loss](servers, victim)
        try:
            spared = going_on[3:] if victim.bus is not None else []
            unverified = await _go_on(hotline, going_on)
            assert unverified, "a master was lost, so some calls had to go on without it"
            assert not unverified & {caller.sid for caller in spared}, "who lies on another master notices nothing"
            assert ended.here is not None
            assert (await ended.post(ended.here.next, Digits="9")).hangs_up
            for caller in going_on:
                if caller.sid in unverified:
                    await caller.keys("*")
                    await caller.keys("1")
                    await caller.keys(NUMBER + "#")
                    await caller.keys(PASSWORD)
                    await caller.follows()
                assert SUM in (await caller.keys("9")).said
        finally:
            await asyncio.to_thread(servers.mend)


async def _go_on(hotline: UnderTest, callers: list[Caller]) -> set[str]:
    """Let callers key until the store is back, and give those who were verified and are not any more."""
    unverified: set[str] = set()
    began = time.monotonic()
    while True:
        for caller, told in zip(callers, await asyncio.gather(*(one.keys("9") for one in callers)), strict=True):
            assert told.seconds < GO_ON_WITHIN_S
            if SUM not in told.said:
                unverified.add(caller.sid)
            assert SUM not in told.said or caller.sid not in unverified, "a verification came back from the dead"
        if await _verifies(hotline):
            assert time.monotonic() - began < GO_ON_WITHIN_S
            return unverified
        await asyncio.sleep(0.1)


async def _until_it_verifies(hotline: UnderTest) -> None:
    async with asyncio.timeout(20):
        while True:
            if await _verifies(hotline):
                return
            await asyncio.sleep(0.05)


async def _verifies(hotline: UnderTest) -> bool:
    """Tell whether new calls are asked for their number on both workers, wherever they lie."""
    for place in range(4):
        async with calling(hotline) as other:
            other.sid = sid(on_first_master=place % 2 == 0)
            for _ in range(place // 2 + 1):
                await other.rings()
            if words("identify.ask_number") not in (await other.keys("1")).said:
                return False
    return True
