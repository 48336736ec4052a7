"""Callers and agents together: from the queue over the agent's phone to the survey, and callbacks from booking to done.

Everything is real but the people: the hotline on two workers, its queue in Redis, the carrier's own client library, and
a strict carrier whose API rings phones by script.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from hotline_under_test import AUTH_TOKEN, OUTBOUND_NUMBER, UnderTest
from redis.asyncio import Redis
from served import served_here
from tampering import LIBRARY, PATIENT, SEALS, words
from test_audit_trail import until

from ivr.agents.callback_list import Callback, CallbackList
from ivr.agents.handing_over import HandingOver
from ivr.agents.legs import Legs
from ivr.agents.queue import AgentQueue
from ivr.agents.ring_limits import RingLimits
from ivr.agents.switchboard import Switchboard
from ivr.agents.taking import NotTaken, Taking
from ivr.bookings import Bookings
from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call, Heard
from ivr.carrier.phones import Phones, RingEnds, ScriptedPhone
from ivr.carrier.rest import CallsApi
from ivr.channels.twilio.legs import switchboard_of
from ivr.counters import Counters
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.redis_line import connect
from ivr.serve import sqlite_url
from ivr.settings import DEMO_ACCOUNT_SID, Settings

Switchboards = Callable[[], Awaitable[Switchboard]] | None
PHONE, OTHER_PHONE = "+12025550135", "+12025550199"
HERE = ("queue", "general")
NUMBER = "12335"


class Agent(NamedTuple):
    id: int
    phone: str = PHONE


LI, WANG = Agent(7), Agent(8)


class Bureau:
    """A hotline with its callers, its agents and their phones."""

    def __init__(self, hotline: UnderTest, carrier: Carrier, phones: Phones, api_url: str, redis: Redis) -> None:
        self.carrier = carrier
        self.phones = phones
        self.hotline = hotline
        self.queue = AgentQueue(redis, SEALS, hotline.clock, deadline=PATIENT)
        self.bookings = Bookings(redis, SEALS, deadline=PATIENT)
        self.entered: list[tuple[str, str]] = []
        settings = Settings(_env_file=None).changed(
            twilio_account_sid=DEMO_ACCOUNT_SID,
            public_url=hotline.public_url,
            outbound_number=OUTBOUND_NUMBER,
            twilio_api_url=api_url,
        )
        settings = Settings.model_validate(settings.model_dump() | {"twilio_auth_token": AUTH_TOKEN})
        legs = Legs(redis, SEALS, deadline=PATIENT)
        # Each worker has one of its own.
        self.switchboard: Callable[[], Switchboards] = lambda: switchboard_of(settings, legs)
        self.callbacks = Listed()
        self.taking = Taking(
            self.queue,
            legs,
            RingLimits(Counters(redis, SEALS, deadline=PATIENT)),
            self.callbacks,
            self.bookings,
            switchboard=self.switchboard(),
            enter=self._enter,
            library=lambda: LIBRARY,
            now=hotline.clock,
        )

    async def _enter(self, call: str, agent: str) -> bool:
        self.entered.append((call, agent))
        return True

    async def waits(self, *, calling: str = "+8613800138000") -> Call:
        """Call, ask for a human, and wait in the queue."""
        call = await self.carrier.dial(to=NUMBER, from_=calling)
        await call.press("0")
        assert call.queue is not None
        self.hotline.clock.ahead_ms += 1000
        return call

    async def takes(self, agent: Agent, phone: ScriptedPhone) -> ScriptedPhone:
        """Let an agent take whoever is next, and wait until the phone's call is over."""
        self.phones.plug_in(agent.phone, phone)
        assert await self.taking.take_next(agent, *HERE) is not None
        await self.phones.settled()
        return phone

    async def waiting(self) -> list[str]:
        return [f"{one.call} {one.state}" for one in await self.queue.waiting(*HERE)]


class Listed:
    """The list of callbacks of a test that has one."""

    callbacks: CallbackList | None = None

    async def numbered(self, id_: int) -> Callback | None:
        return None if self.callbacks is None else await self.callbacks.numbered(id_)

    async def named(self, name: str) -> Callback | None:
        return None if self.callbacks is None else await self.callbacks.named(name)


@pytest_asyncio.fixture
async def bureau(queueing: UnderTest, redis: Redis) -> AsyncIterator[Bureau]:
    async with queueing.carrier() as carrier:
        phones = Phones(carrier)
        api = CallsApi(
            phones, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, numbers=frozenset({OUTBOUND_NUMBER})
        )
        async with served_here(api.app) as api_url:
            one = Bureau(queueing, carrier, phones, api_url, redis)
            for places in queueing.queues:
                places.calling_off.switchboard = one.switchboard()
            yield one
            await phones.aclose()


def told(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


async def test_an_agent_takes_hears_who_it_is_speaks_and_the_caller_rates_it(bureau: Bureau) -> None:
    call = await bureau.waits()
    await bureau.takes(LI, ScriptedPhone())
    (leg,) = await bureau.phones.settled()
    assert told(leg.heard) == "未验证，普通话。接听，请按一。"
    assert (leg.from_, leg.to, leg.status) == (OUTBOUND_NUMBER, PHONE, "completed")
    assert bureau.entered == [(call.sid, "7")]
    assert told(call.heard).endswith(words("agent.warning") + words("survey.ask"))
    assert await bureau.queue.card(*HERE, call.sid) is None
    assert words("goodbye") in told(await call.press("1"))
    assert call.ended
    assert call.violations == leg.violations == []


async def test_an_agent_who_does_not_answer_leaves_the_caller_at_the_head(bureau: Bureau) -> None:
    first, second = await bureau.waits(), await bureau.waits(calling="+8613800138001")
    ends: tuple[RingEnds, ...] = ("busy", "no-answer", "failed")
    for end in ends:
        await bureau.takes(LI, ScriptedPhone(end))
        assert await bureau.waiting() == [f"{first.sid} waiting", f"{second.sid} waiting"], end
    await bureau.takes(WANG, ScriptedPhone())
    assert words("survey.ask") in told(first.heard)
    assert await bureau.waiting() == [f"{second.sid} waiting"]


async def test_a_mailbox_or_an_agent_who_declines_gets_no_caller(bureau: Bureau) -> None:
    call = await bureau.waits()
    for presses in ("- - -", "2 2 2", "!"):
        await bureau.takes(LI, ScriptedPhone(presses=presses.split()))
        assert await bureau.waiting() == [f"{call.sid} waiting"], presses
    assert words("queue.patience") in told(await call.silence())


@pytest.mark.parametrize("leaves", ["hangs up", "steps aside"])
async def test_for_who_leaves_the_phone_rings_no_more(bureau: Bureau, leaves: str) -> None:
    call = await bureau.waits()

    class RingsOn(ScriptedPhone):
        async def rings(self, _leg: object, /) -> RingEnds:
            await (call.hang_up() if leaves == "hangs up" else call.press("1"))
            await asyncio.Event().wait()
            return "answered"

    await bureau.takes(LI, RingsOn())
    (leg,) = await bureau.phones.settled()
    await until(lambda: leg.ended)
    assert (leg.status, leg.heard, leg.violations) == ("canceled", [], [])
    assert await bureau.waiting() == ([] if leaves == "hangs up" else [f"{call.sid} aside"])


async def test_who_hangs_up_just_as_the_phone_is_answered_is_told_to_the_agent(bureau: Bureau) -> None:
    call = await bureau.waits()
    for places in bureau.hotline.queues:
        places.calling_off.switchboard = None  # the carrier is told too late

    class Slow(ScriptedPhone):
        async def rings(self, _leg: object, /) -> RingEnds:
            await call.hang_up()
            return "answered"

    await bureau.takes(LI, Slow())
    (leg,) = await bureau.phones.settled()
    assert told(leg.heard) == words("leg.gone")
    assert await bureau.waiting() == []


async def test_two_agents_race_for_one_caller_and_one_phone_rings(bureau: Bureau) -> None:
    call = await bureau.waits()
    bureau.phones.plug_in(PHONE, ScriptedPhone())
    taken = [await bureau.taking.take_next(agent, *HERE) for agent in (LI, WANG)]
    legs = await bureau.phones.settled()
    assert [one is not None for one in taken] == [True, False]
    assert len(legs) == 1
    assert words("survey.ask") in told(call.heard)


async def test_an_agent_whose_phone_is_no_number_of_the_group_is_not_rung(bureau: Bureau) -> None:
    call = await bureau.waits()
    bureau.phones.plug_in(OTHER_PHONE, ScriptedPhone())
    with pytest.raises(NotTaken):
        await bureau.taking.take_next(Agent(9, OTHER_PHONE), *HERE)
    assert await bureau.phones.settled() == []
    assert await bureau.waiting() == [f"{call.sid} waiting"]


async def test_the_end_of_an_agents_leg_does_not_end_the_callers_call(bureau: Bureau) -> None:
    call = await bureau.waits()
    await bureau.takes(LI, ScriptedPhone("busy"))
    await bureau.takes(LI, ScriptedPhone())
    (_, leg) = await bureau.phones.settled()
    await leg.repeat_last_webhook(3, at_once=True)
    for receipt in leg.receipts:
        assert [one.status for one in await bureau.carrier.replay(receipt, 2)] == [204, 204]
    assert words("goodbye") in told(await call.press("2"))


async def test_where_no_agent_can_be_rung_nobody_waits_and_the_numbers_of_the_group_are(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    for worker in bureau.hotline.served:
        monkeypatch.setattr(worker.app.state.hotline.stepping.desk.places, "offered", False)
    call = await bureau.carrier.dial(to=NUMBER)
    heard = await call.press("0")
    assert [ring.number for ring in call.rings] == [PHONE]
    assert words("survey.ask") in told(heard)
    assert await bureau.waiting() == []


# --- callbacks -------------------------------------------------------------------------------------------------------


class Backs(NamedTuple):
    """The list of callbacks in the database, and what brings there what waits in Redis."""

    list: CallbackList
    handing_over: HandingOver


@pytest_asyncio.fixture
async def backs(bureau: Bureau, tmp_path: Path, valkey_url: str) -> AsyncIterator[Backs]:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    one = Backs(CallbackList(engine, SEALS), HandingOver(connect(valkey_url), url, SEALS))
    bureau.callbacks.callbacks = one.list
    yield one
    await one.handing_over.stop()
    await engine.dispose()


async def booked(bureau: Bureau, backs: Backs) -> str:
    """Book a callback while waiting, and hang up; give what was heard."""
    call = await bureau.waits()
    await call.press("1")
    heard = told(await call.press("1"))
    await call.hang_up()
    await backs.handing_over.round()
    return heard


async def test_a_callback_from_its_booking_in_the_queue_to_done(bureau: Bureau, backs: Backs) -> None:
    heard = await booked(bureau, backs)
    await bureau.takes(LI, ScriptedPhone())
    (leg,) = await bureau.phones.settled()
    # The agent hears the code that the caller was told, and the member's phone rings only after that.
    code = told(leg.heard).partition("四位暗号，")[2].partition("。")[0]
    assert len(code) == 4
    assert code in heard
    assert [ring.number for ring in leg.rings] == ["+8613800138000"]
    await backs.handing_over.round()
    assert await backs.list.open() == []
    assert not await bureau.bookings.is_booked("13800138000")
    assert await bureau.waiting() == []


async def test_a_member_who_does_not_answer_is_called_again_half_an_hour_later(bureau: Bureau, backs: Backs) -> None:
    bureau.carrier.agent_answers = "no-answer"
    await booked(bureau, backs)
    await bureau.takes(LI, ScriptedPhone())
    await backs.handing_over.round()
    ((id_, attempts),) = [(one.id, one.attempts) for one in await backs.list.open()]
    assert attempts == 1
    assert await bureau.waiting() == []  # from now on it waits in the list alone
    with pytest.raises(NotTaken) as refused:
        await bureau.taking.take_callback(WANG, [HERE], id_)
    assert refused.value.why == "early"
    bureau.hotline.clock.ahead_ms += 31 * 60_000
    bureau.carrier.agent_answers = "answered"
    assert await bureau.taking.take_callback(WANG, [HERE], id_) is not None
    await bureau.phones.settled()
    await backs.handing_over.round()
    assert await backs.list.open() == []
