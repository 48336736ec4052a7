"""Standing orders: who is for agents only and what is announced, in force everywhere soon, whatever breaks."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT, SEALS, emptied, words

from ivr.carrier.line import Call, Heard
from ivr.emergency import LONGEST, faults_of
from ivr.orders import Orders, StandingOrders, StoreAway

KEY = "ivr:{orders}"
WITHIN_S = 30.0
LINE, ENGLISH = "因系统故障，余额查询今天暂停。", "Balances cannot be looked up today."

NUMBERS = count(100, 100)

Change = Callable[[Orders], Orders]


def only(*hotlines: str) -> Change:
    return lambda orders: replace(orders, agents_only=frozenset(hotlines))


def announced(**lines: str) -> Change:
    return lambda orders: replace(orders, announcement=lines)


def orders_of(redis: Redis, kept: Path | None = None) -> StandingOrders:
    return StandingOrders(redis, SEALS, deadline=PATIENT, kept=kept)


async def away(step: Coroutine[None, None, None]) -> None:
    step.close()
    raise StoreAway("Redis is away.")


# --- what one worker goes by -----------------------------------------------------------------------------------------


async def test_a_change_is_seen_by_all_and_says_who_made_it(redis: Redis) -> None:
    one, other = orders_of(redis), orders_of(redis)
    assert await other.look() == Orders()
    made = await one.change(only("demo"), by="chen", at=5)
    assert made == Orders(1, frozenset({"demo"}), by="chen", at=5)
    assert await other.look() == made
    made = await other.change(announced(zh=LINE), by="wang", at=6)
    assert made == Orders(2, frozenset({"demo"}), {"zh": LINE}, "wang", 6)
    assert (
        await one.change(only(), by="chen", at=7)
        == await other.look()
        == replace(made, number=3, agents_only=frozenset(), by="chen", at=7)
    )


async def test_changes_at_once_are_all_made(redis: Redis) -> None:
    async def add(hotline: str) -> None:
        await orders_of(redis).change(
            lambda orders: replace(orders, agents_only=orders.agents_only | {hotline}), by="chen", at=1
        )

    await asyncio.gather(*(add(hotline) for hotline in "abc"))
    assert (await orders_of(redis).look()).agents_only == {"a", "b", "c"}


@pytest.mark.parametrize("lost", ["all", "the last change"])
async def test_a_redis_that_lost_orders_is_given_them_again(redis: Redis, lost: str) -> None:
    one, other = orders_of(redis), orders_of(redis)
    await one.change(only("demo"), by="chen", at=1)
    older = await redis.dump(KEY)
    made = await one.change(announced(zh=LINE), by="chen", at=2)
    await redis.delete(KEY)
    if lost != "all" and older is not None:
        await redis.restore(KEY, 0, older)
    assert await one.look() == made
    assert await other.look() == made


async def test_a_look_that_a_change_overtakes_takes_nothing_back(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    one = orders_of(redis)
    await one.change(only("demo"), by="chen", at=1)
    await redis.delete(KEY)
    put = one._put

    async def overtaken(orders: Orders) -> tuple[int, bytes]:
        answer = await put(orders)
        monkeypatch.setattr(one, "_put", put)
        await one.change(announced(zh=LINE), by="chen", at=2)
        return answer

    monkeypatch.setattr(one, "_put", overtaken)
    await one.look()
    assert one.now == Orders(2, frozenset({"demo"}), {"zh": LINE}, "chen", 2)


async def test_without_redis_what_held_last_goes_on_to_hold(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    one = orders_of(redis)
    made = await one.change(only("demo"), by="chen", at=1)
    monkeypatch.setattr(one._line, "ask", away)
    with pytest.raises(StoreAway):
        await one.change(only(), by="chen", at=2)
    assert one.now == made


async def test_a_worker_that_starts_without_redis_has_them_from_its_start(redis: Redis, tmp_path: Path) -> None:
    kept = tmp_path / "orders"
    made = await orders_of(redis, kept).change(announced(en=ENGLISH), by="chen", at=1)
    assert ENGLISH.encode() not in kept.read_bytes()
    assert orders_of(redis, kept).now == made
    kept.write_bytes(b"torn")
    assert orders_of(redis, kept).now == Orders()
    assert os.listdir(tmp_path) == ["orders"]


@pytest.mark.parametrize("kept", [b"", b"torn", b"sealed"])
async def test_orders_that_cannot_be_read_change_nothing(redis: Redis, kept: bytes) -> None:
    kept = SEALS.seal(b"\xc1", call=KEY, what="standing orders") if kept == b"sealed" else kept
    one = orders_of(redis)
    made = await one.change(only("demo"), by="chen", at=1)
    await redis.hset(KEY, mapping={"n": 7, "o": kept})
    assert await one.look() == made


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ({"zh": LINE, "en": ENGLISH}, ""),
        ({"zh": ""}, "1 to 200"),
        ({"zh": "停" * (LONGEST + 1)}, "1 to 200"),
        ({"zh": "今天10点停电"}, "words for figures"),
        ({"zh": "今天\n停电"}, "control characters"),
        ({"fr": "Bonjour."}, "no language"),
    ],
)
def test_an_announcement_is_linted_wherever_it_comes_from(lines: dict[str, str], fault: str) -> None:
    assert fault in " ".join(faults_of(lines))
    assert bool(faults_of(lines)) == bool(fault)


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


# --- what callers hear -----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def ordering(redis: Redis, hotline: UnderTest) -> AsyncIterator[StandingOrders]:
    """Give the orders of a fresh hotline, and take back whatever was ordered."""
    await emptied(redis)
    orders = orders_of(redis)
    orders.now = Orders(next(NUMBERS))  # workers would give an emptied Redis the orders of the test before
    yield orders
    await orders.change(lambda _: Orders(), by="chen", at=0)
    await heard_first(hotline, words("main.long"))


async def heard_first(hotline: UnderTest, *first: str) -> Call:
    """Dial until a new call hears this first, at both workers; give the last call."""
    until = asyncio.get_running_loop().time() + WITHIN_S
    alike = 0
    async with hotline.carrier() as carrier:
        while True:
            call = await carrier.dial()
            alike = alike + 1 if said(call.heard).startswith("".join(first)) else 0
            if alike == 2 * len(hotline.urls):
                return call
            await call.hang_up()
            assert asyncio.get_running_loop().time() < until, said(call.heard)
            await asyncio.sleep(0.1)


async def test_new_calls_go_to_agents_and_calls_under_way_go_on(hotline: UnderTest, ordering: StandingOrders) -> None:
    async with hotline.carrier() as carrier:
        before = await carrier.dial()
        await ordering.change(only("demo"), by="chen", at=1)
        switched = await heard_first(hotline, words("agents_only.told"), words("agent.transfer"))
        assert switched.rings
        assert said(await before.press("5")) == words("policy.menu")
        other = await carrier.dial(to="12393")
        assert words("agents_only.told") not in said(other.heard)


async def test_whoever_reaches_no_agent_hears_that_there_is_nothing_else(
    hotline: UnderTest, ordering: StandingOrders
) -> None:
    await ordering.change(only("demo"), by="chen", at=1)
    await heard_first(hotline, words("agents_only.told"))
    async with hotline.carrier(agent="busy") as carrier:
        call = await carrier.dial()
        assert said(call.heard).endswith(words("agent.busy"))
        assert said(await call.press("*")) == words("agents_only.menu")
        assert said(await call.press("9")) == words("agents_only.menu")
        assert words("agent.transfer") in said(await call.press("0"))
        await call.press("*")
        assert said(await call.silence()) == words("goodbye")
        assert call.ended


async def test_an_announcement_of_the_page_is_heard_first_in_each_language(
    hotline: UnderTest, ordering: StandingOrders
) -> None:
    await ordering.change(announced(zh=LINE, en=ENGLISH), by="chen", at=1)
    call = await heard_first(hotline, LINE, words("main.long"))
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        assert said(await call.press("8")).startswith(ENGLISH)
