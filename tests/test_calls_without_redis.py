"""Calls while Redis is in trouble: valid TwiML throughout, public mode, agents, nobody verified, back afterwards."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import httpx2
import pytest
import pytest_asyncio
from beats import beating
from hotline_under_test import OPERATOR, UnderTest, serving
from redis.asyncio import Redis
from redis_nodes import Network
from served import Served
from tampering import (
    BALANCE,
    NUMBER,
    PASSWORD,
    PATIENT,
    SEALS,
    SHORT,
    SUM,
    Caller,
    calling,
    emptied,
    kept_of,
    verifications,
    words,
)
from tcp_proxy import TcpProxy

from ivr.embedded import EmbeddedValkey
from ivr.health import Fault
from ivr.orders import Orders, StandingOrders
from ivr.redis_line import connect

BACK_WITHIN_S = 2.0


@dataclass
class Trouble:
    """A server that a test breaks and mends, or the network before it."""

    server: EmbeddedValkey
    redis: Redis
    network: Network
    proxy: TcpProxy

    def signals(self, number: int) -> None:
        assert self.server.pid
        os.kill(self.server.pid, number)

    async def killed(self) -> None:
        self.signals(signal.SIGKILL)
        assert self.server.pid
        await asyncio.to_thread(os.waitid, os.P_PID, self.server.pid, os.WEXITED | os.WNOWAIT)

    async def started(self) -> None:
        await self.server.restart()

    async def stalled(self) -> None:
        self.signals(signal.SIGSTOP)

    async def goes_on(self) -> None:
        self.signals(signal.SIGCONT)

    async def read_only(self) -> None:
        await self.redis.replicaof("127.0.0.1", "1")

    async def writable(self) -> None:
        await self.redis.replicaof("NO", "ONE")

    async def full(self) -> None:
        await self.redis.config_set("maxmemory", "1")

    async def roomy(self) -> None:
        await self.redis.config_set("maxmemory", "0")

    async def cut(self) -> None:
        self.network.run(self.proxy.becomes("cut"))

    async def dripping(self) -> None:
        self.network.run(self.proxy.becomes("dripping"))

    async def passing(self) -> None:
        self.network.run(self.proxy.becomes("none"))


FAULTS: dict[str, tuple[Callable[[Trouble], Awaitable[None]], Callable[[Trouble], Awaitable[None]]]] = {
    "killed": (Trouble.killed, Trouble.started),
    "stalled": (Trouble.stalled, Trouble.goes_on),
    "read-only": (Trouble.read_only, Trouble.writable),
    "full": (Trouble.full, Trouble.roomy),
    "cut": (Trouble.cut, Trouble.passing),
    "dripping": (Trouble.dripping, Trouble.passing),
}

TOLD = dict.fromkeys(("read-only", "full"), Fault("full").sentence)
"""What `/readyz` says of a fault, where it is not that Redis does not answer."""

every_fault = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedValkey]:
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    server = EmbeddedValkey(folder)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def proxy(server: EmbeddedValkey, network: Network) -> TcpProxy:
    return network.proxy(TcpProxy(unquote(server.url.removeprefix("unix://"))))


@pytest.fixture(scope="module")
def running(proxy: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    url = f"redis://{proxy.address}"
    with serving(
        url, tmp_path_factory.mktemp("data"), workers=2, deadlines=SHORT, patience=0.5, outbound_number=""
    ) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def redis(server: EmbeddedValkey) -> AsyncIterator[Redis]:
    await server.restart()
    async with connect(server.url) as client:
        await emptied(client)
        yield client


@pytest.fixture
def trouble(server: EmbeddedValkey, redis: Redis, network: Network, proxy: TcpProxy) -> Trouble:
    return Trouble(server, redis, network, proxy)


@pytest.fixture
def hotline(running: UnderTest, redis: Redis) -> UnderTest:
    running.accounts.script({"verify": ["ok"] * 3, "balance": [BALANCE] * 3})
    return running


@pytest_asyncio.fixture
async def caller(hotline: UnderTest) -> AsyncIterator[Caller]:
    async with calling(hotline) as one:
        yield one


@every_fault
async def test_a_fault_leaves_the_public_part_and_the_agents(hotline: UnderTest, trouble: Trouble, fault: str) -> None:
    breaks, mends = FAULTS[fault]
    async with calling(hotline) as before, calling(hotline) as during:
        await before.verified()
        assert verifications(hotline) == 1
        await breaks(trouble)
        try:
            # A call that was verified goes on, as nobody's: its answer is not told, and nobody is asked.
            assert SUM not in (await before.keys("9")).said
            await before.keys("*")
            assert words("public.mode") in (await before.keys("1")).said
            assert (await before.keys("0")).dials
            # The load balancer keeps the machine, and those who run it are told.
            assert await _reasons(hotline) == ([TOLD.get(fault, Fault("store").sentence)], "0.0")
            # So does one that only begins.
            assert words("main.long") in (await during.rings()).said
            assert words("public.mode") in (await during.keys("1")).said
            assert words("silence.first") in (await during.keys("-")).said
            assert words("main.long") in (await during.keys("*")).said
            assert verifications(hotline) == 1
            await _ends_quietly(hotline)
        finally:
            await mends(trouble)
        await _back(hotline)
        assert await _reasons(hotline) == ([], "1.0")
        # The call from before goes on where it was, and the other one is verified.
        assert before.here is not None
        assert words("agent.busy") in (await before.go(before.here.next, DialCallStatus="busy")).said
        await during.keys("1")
        await during.keys(NUMBER + "#")
        await during.keys(PASSWORD)
        assert SUM in (await during.follows()).said


async def test_standing_orders_hold_when_redis_goes_right_after_them_and_are_given_back_to_an_empty_one(
    hotline: UnderTest, trouble: Trouble
) -> None:
    line = "因系统故障，余额查询今天暂停。"
    orders = StandingOrders(trouble.redis, SEALS, deadline=PATIENT)
    made = await orders.change(lambda _: Orders(0, frozenset({"demo"}), {"zh": line}), by="chen", at=1)
    await _followed(hotline, made)
    await trouble.killed()
    try:
        for workers in (1, 2):
            async with calling(hotline, workers=workers) as other:
                said = (await other.rings()).said
                assert said.startswith(line + words("agents_only.told"))
    finally:
        await trouble.started()
    await emptied(trouble.redis)
    fresh = StandingOrders(trouble.redis, SEALS, deadline=PATIENT)
    await _comes(fresh.look, made)
    await _followed(hotline, await fresh.change(lambda _: Orders(), by="chen", at=2))


async def _followed(hotline: UnderTest, orders: Orders) -> None:
    """Wait until every worker goes by these orders."""

    async def goes_by(worker: Served) -> Orders:
        held: Orders = worker.app.state.hotline.stepping.emergency.orders.now
        return held

    for worker in hotline.served:
        await _comes(partial(goes_by, worker), orders)


async def _comes(look: Callable[[], Awaitable[Orders]], orders: Orders) -> None:
    until = time.monotonic() + 20
    while True:
        if (found := await look()) == orders:
            return
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)


async def _ends_quietly(hotline: UnderTest) -> None:
    async with calling(hotline) as other:
        await other.rings()
        done = await other.carrier.post("/twilio/status", other.form(CallStatus="completed"))
        assert done.status == 204
        assert (await other.post("/twilio/voice", CallStatus="completed")).hangs_up
        told = await other.post("/twilio/fallback", ErrorCode="11200", ErrorUrl="http://hotline.test/twilio/turn/x")
        assert words("main.long") in told.said


async def _reasons(hotline: UnderTest) -> tuple[list[str], str]:
    """Ask a worker what callers have to do without, and its metrics whether Redis is up."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{hotline.urls[0]}/readyz")
        metrics = await client.get(f"{hotline.urls[0]}/metrics", headers=OPERATOR)
    assert answer.status_code == 200
    return answer.json()["reasons"], metrics.text.partition("\nivr_redis_up ")[2].partition("\n")[0]


async def _back(hotline: UnderTest) -> None:
    """Wait until both workers ask new calls for their number again: in time, but for what a busy machine takes."""
    async with beating() as passed:
        for workers in (1, 2):
            while True:
                async with calling(hotline, workers=workers) as other:
                    await other.rings()
                    if words("identify.ask_number") in (await other.keys("1")).said:
                        break
                await asyncio.sleep(0.05)
                assert passed() < BACK_WITHIN_S
        assert passed() < BACK_WITHIN_S


@every_fault
async def test_a_fault_at_the_password_asks_nobody(
    hotline: UnderTest, caller: Caller, trouble: Trouble, fault: str
) -> None:
    breaks, mends = FAULTS[fault]
    here = await caller.to_the_password()
    await breaks(trouble)
    try:
        told = await caller.keys(PASSWORD)
        assert words("public.mode") in told.said
        assert words("public.mode") in (await caller.post(here.next, Digits=PASSWORD)).said
        assert verifications(hotline) == 0
    finally:
        await mends(trouble)
    await _back(hotline)
    assert words("main.long") in (await caller.keys("*")).said


async def test_a_number_keyed_without_redis_asks_for_no_password(caller: Caller, trouble: Trouble) -> None:
    await caller.rings()
    await caller.keys("1")
    await trouble.killed()
    try:
        told = await caller.keys(NUMBER + "#")
        assert told.said == words("public.mode")
        assert (await caller.keys("0")).dials
    finally:
        await trouble.started()


@pytest.mark.parametrize("fault", ["read-only", "full", "stalled"])
async def test_what_cannot_be_committed_is_not_told_and_leaves_nobody_waiting(
    hotline: UnderTest, trouble: Trouble, fault: str
) -> None:
    """The work's claim is left behind: its own worker knows that it is dead, and does not wait for its deadline."""
    breaks, mends = FAULTS[fault]
    async with calling(hotline, workers=1) as caller:
        here = await caller.to_the_password()
        hotline.accounts.held = True
        waiting = asyncio.create_task(caller.keys(PASSWORD))
        await hotline.accounts.until_asked("verify")
        await breaks(trouble)
        hotline.accounts.held = False
        try:
            await waiting
            told = await caller.follows()
            assert SUM not in told.said
            assert words("public.mode") in told.said
        finally:
            await mends(trouble)
        await _back(hotline)
        back = await caller.keys("*")
        assert not back.polls
        assert back.seconds < SHORT.claim
        # Nothing is sent twice by itself: the same webhook again does not verify again.
        await caller.post(here.next, Digits=PASSWORD)
        assert verifications(hotline) == 1


async def test_a_read_only_redis_repeats_nothing_that_costs(hotline: UnderTest, trouble: Trouble) -> None:
    """The incident of 2013: charges were made, could not be marked as made, and were made again at every try."""
    hotline.accounts.script({"verify": ["ok"] * 9, "balance": [BALANCE] * 9, "messages": ["sent"] * 9})
    async with calling(hotline, workers=1) as caller:
        here = await caller.verified()
        hotline.accounts.held = True
        waiting = asyncio.create_task(caller.keys("1"))
        await hotline.accounts.until_asked("messages")
        await trouble.read_only()
        hotline.accounts.held = False
        try:
            await waiting
            for _ in range(3):
                await caller.post(here.next, Digits="1")
        finally:
            await trouble.writable()
        await _back(hotline)
        for _ in range(3):
            await caller.post(here.next, Digits="1")
        await caller.keys("*")
        asked = [question for question, _, _ in hotline.accounts.asked]
        assert (asked.count("messages"), asked.count("verify")) == (1, 1)


async def test_a_redis_that_comes_back_empty_knows_nobody(caller: Caller, redis: Redis) -> None:
    await caller.verified()
    await emptied(redis, confirmed=False)
    await redis.script_flush()
    assert SUM not in (await caller.keys("9")).said
    assert (await kept_of(redis, caller.sid)).session.member is None
    await caller.keys("*")
    assert words("public.mode") in (await caller.keys("1")).said
    await emptied(redis)
    await caller.keys("*")
    assert words("identify.ask_number") in (await caller.keys("1")).said


@pytest.mark.parametrize("damage", ["another type", "garbage"])
async def test_whatever_else_lies_in_the_keys_of_a_call_it_goes_on_as_nobodys(
    hotline: UnderTest, caller: Caller, redis: Redis, damage: str
) -> None:
    await caller.verified()
    for key in [key async for key in redis.scan_iter()]:
        if damage == "another type":
            await redis.delete(key)
            await redis.rpush(key, b"\xff\x00")
        elif await redis.type(key) == b"hash":
            await redis.hset(key, mapping=dict.fromkeys(await redis.hkeys(key), b"\xff\x00"))
        else:
            await redis.set(key, b"\xff\x00")
    assert SUM not in (await caller.keys("9")).said
    await caller.keys("*")
    assert words("identify.ask_number") in (await caller.keys("1")).said
    await caller.keys(NUMBER + "#")
    await caller.keys(PASSWORD)
    assert SUM in (await caller.follows()).said


async def test_a_replica_that_lags_brings_no_verification_back(caller: Caller, redis: Redis) -> None:
    """What a failover may put in the place of a call: its state of two turns ago, when the caller was verified."""
    await caller.verified()
    key = f"ivr:{{{caller.sid}}}"
    verified = await redis.dump(key)
    assert verified is not None
    await caller.keys("*")
    await caller.keys("*")
    await redis.restore(key, 60_000, verified, replace=True)
    assert SUM not in (await caller.keys("9")).said
    assert (await kept_of(redis, caller.sid)).session.member is None


# --- the fallback URL ------------------------------------------------------------------------------------------------


async def test_the_fallback_says_again_where_the_call_stands(caller: Caller, redis: Redis) -> None:
    here = await caller.verified()
    assert caller.last is not None
    for url in (caller.last.url, here.next, "", "http://hotline.test/twilio/turn/forged"):
        told = await caller.post("/twilio/fallback", ErrorCode="11200", ErrorUrl=url)
        assert told.body == here.body
    kept = await kept_of(redis, caller.sid)
    assert (kept.turn, kept.session.silences, kept.session.wrongs) == (3, 0, 0)


async def test_the_fallback_goes_on_from_the_url_that_failed(caller: Caller, redis: Redis) -> None:
    await caller.rings()
    here = await caller.keys("1")
    await emptied(redis)
    told = await caller.go("/twilio/fallback", ErrorCode="11205", ErrorUrl=here.next)
    assert words("identify.ask_number") in told.said
    assert words("main.long") not in told.said
    assert words("identify.ask_pin") in (await caller.keys(NUMBER + "#")).said


@pytest.mark.parametrize("redis_is_there", [True, False])
async def test_the_fallback_during_a_dial_does_not_ring_again(
    caller: Caller, trouble: Trouble, redis_is_there: bool
) -> None:
    await caller.rings()
    dial = await caller.keys("0")
    assert dial.dials
    if not redis_is_there:
        await trouble.killed()
    told = await caller.go("/twilio/fallback", ErrorCode="11200", ErrorUrl=dial.next, DialCallStatus="completed")
    assert not told.dials
    assert told.said == ""
    assert words("agent.failed") in (await caller.go(told.next)).said


async def test_the_fallback_of_a_poll_goes_on_with_the_call(
    hotline: UnderTest, caller: Caller, trouble: Trouble
) -> None:
    await caller.to_the_password()
    hotline.accounts.held = True
    filler = await caller.keys(PASSWORD)
    assert filler.polls
    await trouble.killed()
    hotline.accounts.held = False
    told = await caller.go("/twilio/fallback", ErrorCode="11200", ErrorUrl=filler.next)
    assert words("main.long") not in told.said
    assert words("public.mode") in told.said
