"""A caller waits for a human and gets one, over HTTP and in real time: hotline, queue, exchange and two telephones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from hotline_under_test import AUTH_TOKEN, OUTBOUND_NUMBER, UnderTest, serving
from msgspec.structs import replace
from redis.asyncio import Redis
from served import served_here
from tampering import PATIENT, SEALS, words
from test_agents_calls import HERE, LI, NUMBER, PHONE, Bureau
from test_bookings import BOOKING

from ivr.agents.callback_list import CallbackList
from ivr.agents.leg_calls import REACHED_S
from ivr.agents.outcomes import Outcomes
from ivr.carrier.phones import Phones
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.exchange.client import RemotePhone, plugged_in
from ivr.exchange.happenings import Told
from ivr.exchange.service import create_exchange
from ivr.exchange.switch import Switch
from ivr.serve import sqlite_url
from ivr.settings import DEMO_ACCOUNT_SID

PACE = 0.03
"""Real seconds that a second of a call takes here."""

Plug = Callable[..., AbstractAsyncContextManager[RemotePhone]]


class Office:
    """The hotline with its agents, an exchange beside it, and its telephones."""

    def __init__(self, bureau: Bureau, url: str) -> None:
        self.bureau = bureau
        self._url = url

    def phone(self, number: str, *, answers: bool = False) -> AbstractAsyncContextManager[RemotePhone]:
        return plugged_in(
            self._url, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, number=number, answers=answers
        )

    async def takes(self) -> None:
        assert await self.bureau.taking.take_next(LI, *HERE) is not None

    async def waiting(self) -> list[str]:
        return [one.state for one in await self.bureau.queue.waiting(*HERE)]

    async def until_waiting(self, states: list[str]) -> None:
        """Wait until whoever waits is in these states."""
        for _ in range(500):
            if await self.waiting() == states:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"expected {states} in the queue, found {await self.waiting()}")


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def office(running: UnderTest, redis: Redis) -> AsyncIterator[Office]:
    switch = Switch(
        running.urls,
        public_url=running.public_url,
        account_sid=DEMO_ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        pace=PACE,
    )
    async with served_here(create_exchange(switch, numbers=frozenset({OUTBOUND_NUMBER})), lifespan="on") as url:
        yield Office(Bureau(running, switch, Phones(switch), url, redis), url)


class Listening:
    """What one telephone is told, read as far as a test needs it."""

    def __init__(self, phone: RemotePhone) -> None:
        self.phone = phone
        self._events = phone.events()
        self.complaints: list[Told] = []

    async def until(self, kind: str, holding: str = "") -> Told:
        """Listen until the phone is told this, with these words in it."""
        async with asyncio.timeout(20):
            async for told in self._events:
                if told["kind"] in ("rejected", "odd"):
                    self.complaints.append(told)
                if told["kind"] == kind and holding in str(told.get("text", "")):
                    return told
        raise AssertionError("the exchange has gone")

    async def hears(self, prompt: str) -> None:
        """Listen until this prompt is said."""
        await self.until("hears", words(prompt))

    async def keys(self, keys: str) -> None:
        await self.phone.do("keys", keys=keys)


async def test_a_caller_waits_an_agent_answers_both_talk_and_the_caller_rates_it(office: Office) -> None:
    async with office.phone("+8613800138000") as one, office.phone(PHONE, answers=True) as other:
        caller, agent = Listening(one), Listening(other)
        await one.do("dial", to=NUMBER)
        await caller.until("hears", "人工服务，请按零")
        await caller.keys("0")
        await caller.hears("queue.next")
        await office.takes()
        told = await agent.until("rings")
        assert told["from"] == OUTBOUND_NUMBER
        assert await office.waiting() == ["ringing"]
        await other.do("pick-up")
        await agent.until("hears", "接听，请按一")
        await agent.keys("1")
        await caller.hears("agent.warning")
        await caller.until("connected")
        await agent.until("connected")
        await one.do("words", text="我的卡丢了。")
        await agent.until("words", "我的卡丢了。")
        await other.do("words", text="请稍等。")
        await caller.until("words", "请稍等。")
        await other.do("hang-up")
        await agent.until("ended")
        await caller.hears("survey.ask")
        await caller.keys("1")
        await caller.hears("goodbye")
        await caller.until("ended")
        assert await office.waiting() == []
        assert caller.complaints == agent.complaints == []


async def test_a_caller_whose_agent_does_not_pick_up_waits_on_at_the_head(office: Office) -> None:
    async with office.phone("+8613800138000") as one, office.phone(PHONE, answers=True) as other:
        caller, agent = Listening(one), Listening(other)
        await one.do("dial", to=NUMBER)
        await caller.until("hears", "人工服务，请按零")
        await caller.keys("0")
        await caller.hears("queue.next")
        await office.takes()
        await agent.until("rings")
        await other.do("hang-up")
        await agent.until("ended")
        await office.until_waiting(["waiting"])
        await caller.keys("0")
        await caller.hears("queue.next")
        await one.do("hang-up")
        await caller.until("ended")
        await office.until_waiting([])
        assert caller.complaints == []


async def test_a_callback_rings_the_agent_first_then_the_member_and_notes_that_they_spoke(
    office: Office, redis: Redis, tmp_path: Path
) -> None:
    database = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(database)
    engine = open_engine(database)
    office.bureau.callbacks.callbacks = callbacks = CallbackList(engine, SEALS)
    await callbacks.take_over({"named": replace(BOOKING, hotline=HERE[0], at=office.bureau.hotline.clock())})
    outcomes = Outcomes(redis, deadline=PATIENT)
    async with office.phone("+8613800138000", answers=True) as one, office.phone(PHONE, answers=True) as other:
        member, agent = Listening(one), Listening(other)
        assert await office.bureau.taking.take_callback(LI, [HERE], 1) is not None
        await agent.until("rings")
        await other.do("pick-up")
        await agent.until("hears", "四七二幺")
        await agent.until("hears", "接通对方，请按一")
        await agent.keys("1")
        assert (await member.until("rings"))["from"] == OUTBOUND_NUMBER
        await one.do("pick-up")
        await member.until("connected")
        await agent.until("connected")
        await other.do("words", text="四七二幺")
        await member.until("words", "四七二幺")
        await asyncio.sleep(PACE * (REACHED_S + 5))  # they talk
        await other.do("hang-up")
        await member.until("ended")
        for _ in range(500):
            if noted := await outcomes.waiting():
                break
            await asyncio.sleep(0.02)
        assert [(one.callback, one.outcome) for one in noted.values()] == [(1, "reached")]
        assert member.complaints == agent.complaints == []
    await engine.dispose()
