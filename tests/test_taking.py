"""Taking: whose phone rings for whom, once, and that whoever was taken in vain is back at the queue's head."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from calling_floor import two_groups
from hotline_under_test import Clock
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import LIBRARY, PATIENT, SEALS
from test_bookings import BOOKING

from ivr.agents.callback_list import AGAIN_MS, CallbackList
from ivr.agents.legs import Leg, Legs
from ivr.agents.queue import AgentQueue, Waiter
from ivr.agents.ring_limits import RINGS_A_CALLER, RingLimits
from ivr.agents.switchboard import NotRung, Switchboard
from ivr.agents.taking import LONGEST_RINGING_S, NotTaken, Taking
from ivr.bookings import Bookings
from ivr.counters import EPOCHS, Counters
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.library import default_dirs, load
from ivr.serve import sqlite_url

HERE = ("demo", "general")
PHONE = "+12025550133"


class Agent(NamedTuple):
    id: int
    phone: str = PHONE


LI, WANG = Agent(7), Agent(8)


class Rings:
    """The carrier, as far as taking sees it: what it was asked to ring, and whether it does."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, Leg, int]] = []
        self.hung_up: list[str] = []
        self.called_off: list[str] = []
        self.works = True

    async def ring(self, phone: str, leg: Leg, seconds: int) -> str:
        if not self.works:
            raise NotRung("The carrier refused the call.")
        self.rung.append((phone, leg, seconds))
        return f"CA{len(self.rung):032x}"

    async def hang_up(self, sid: str) -> None:
        self.hung_up.append(sid)

    async def call_off(self, sid: str) -> None:
        self.called_off.append(sid)

    def legs(self) -> list[Leg]:
        return [leg for _, leg, _ in self.rung]


class Desk:
    """Agents, a queue and a list of callbacks; `entered` are the audit entries, which `writes` may refuse."""

    def __init__(self, redis: Redis, callbacks: CallbackList, *, offered: bool = True) -> None:
        self.clock = Clock()
        self.library = LIBRARY
        self.queue = AgentQueue(redis, SEALS, self.clock, deadline=PATIENT)
        self.legs = Legs(redis, SEALS, deadline=PATIENT)
        self.callbacks = callbacks
        self.bookings = Bookings(redis, SEALS, deadline=PATIENT)
        self.switchboard = Rings()
        self.entered: list[tuple[str, str]] = []
        self.writes = True
        self.taking = Taking(
            self.queue,
            self.legs,
            RingLimits(Counters(redis, SEALS, deadline=PATIENT)),
            callbacks,
            self.bookings,
            switchboard=self._board if offered else None,
            enter=self._enter,
            library=lambda: self.library,
            now=self.clock,
        )

    async def _board(self) -> Switchboard:
        return self.switchboard

    async def _enter(self, call: str, agent: str) -> bool:
        if self.writes:
            self.entered.append((call, agent))
        return self.writes

    async def waits(self, *calls: str) -> None:
        for call in calls:
            await self.queue.join(Waiter(call, *HERE, self.clock()))
            self.clock.ahead_ms += 1000

    async def waiting(self) -> list[str]:
        return [f"{one.call} {one.state}" for one in await self.queue.waiting(*HERE)]

    async def books(self, hotline: str = "demo") -> str:
        """Have a callback booked that is in the list."""
        await self.callbacks.take_over({"named": replace(BOOKING, at=self.clock() - 1, hotline=hotline)})
        return BOOKING.call


@pytest_asyncio.fixture
async def callbacks(tmp_path: Path) -> AsyncIterator[CallbackList]:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    yield CallbackList(engine, SEALS)
    await engine.dispose()


@pytest.fixture
def desk(redis: Redis, callbacks: CallbackList) -> Desk:
    return Desk(redis, callbacks)


async def test_whoever_is_next_is_taken_the_phone_rings_and_an_entry_tells_it(desk: Desk) -> None:
    await desk.waits("CA1", "CA2")
    taken = await desk.taking.take_next(LI, *HERE)
    assert taken is not None
    assert taken.call == "CA1"
    ((phone, leg, seconds),) = desk.switchboard.rung
    assert (phone, leg.call, (leg.hotline, leg.group), leg.agent, leg.callback) == (PHONE, "CA1", HERE, "7", 0)
    assert seconds == 30 <= LONGEST_RINGING_S
    assert desk.entered == [("CA1", "7")]
    assert await desk.waiting() == ["CA1 ringing", "CA2 waiting"]


async def test_one_caller_may_be_taken_out_of_turn(desk: Desk) -> None:
    await desk.waits("CA1", "CA2")
    taken = await desk.taking.take_next(LI, *HERE, call="CA2")
    assert taken is not None
    assert await desk.waiting() == ["CA1 waiting", "CA2 ringing"]
    assert await desk.taking.take_next(WANG, *HERE, call="CA2") is None


async def test_where_nobody_waits_nobody_is_rung(desk: Desk) -> None:
    assert await desk.taking.take_next(LI, *HERE) is None
    assert (desk.switchboard.rung, desk.entered) == ([], [])


async def test_of_two_agents_exactly_one_gets_the_caller(desk: Desk) -> None:
    await desk.waits("CA1")
    taken = await asyncio.gather(*(desk.taking.take_next(agent, *HERE) for agent in (LI, WANG) * 3))
    winners = {leg.agent for leg in desk.switchboard.legs()}
    assert len(desk.switchboard.rung) == len(winners) == len(desk.entered) == 1
    assert sum(one is not None for one in taken) == 3  # who clicks again has the same caller, and is rung once


@pytest.mark.parametrize(
    "agent", [Agent(7, "+12025550199"), Agent(7, ""), Agent(7, "110"), Agent(7, "sip:li@example.com")]
)
async def test_only_a_number_of_the_group_is_ever_rung(desk: Desk, agent: Agent) -> None:
    await desk.waits("CA1")
    call = await desk.books()
    for group in (HERE, ("demo", "english"), ("nowhere", "general")):
        for take in (desk.taking.take_next(agent, *group), desk.taking.take_callback(agent, [group], 1)):
            with pytest.raises(NotTaken) as refused:
                await take
            assert refused.value.why == "phone"
    assert (desk.switchboard.rung, desk.entered) == ([], [])
    assert await desk.waiting() == ["CA1 waiting"]
    assert call


async def test_without_an_audit_entry_no_card_is_opened(desk: Desk) -> None:
    await desk.waits("CA1", "CA2")
    desk.writes = False
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_next(LI, *HERE)
    assert refused.value.why == "audit"
    assert desk.switchboard.rung == []
    assert await desk.waiting() == ["CA1 waiting", "CA2 waiting"]


async def test_whom_the_carrier_does_not_ring_for_is_back_at_the_head(desk: Desk) -> None:
    await desk.waits("CA1", "CA2")
    desk.switchboard.works = False
    for _ in range(2):
        with pytest.raises(NotTaken) as refused:
            await desk.taking.take_next(LI, *HERE)
        assert refused.value.why == "carrier"
        assert await desk.waiting() == ["CA1 waiting", "CA2 waiting"]
    desk.switchboard.works = True
    assert (await desk.taking.take_next(LI, *HERE)) is not None
    assert [leg.call for leg in desk.switchboard.legs()] == ["CA1"]


async def test_agents_are_rung_so_often_for_one_caller_and_no_more(desk: Desk) -> None:
    await desk.waits("CA1")
    for _ in range(RINGS_A_CALLER):
        assert await desk.taking.take_next(LI, *HERE) is not None
        await desk.taking.let_go(LI, *HERE, "CA1")
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_next(LI, *HERE)
    assert refused.value.why == "limit"
    assert len(desk.switchboard.rung) == RINGS_A_CALLER
    assert await desk.waiting() == ["CA1 waiting"]


async def test_where_counts_are_lost_agents_are_rung_all_the_same(desk: Desk, redis: Redis) -> None:
    await desk.waits("CA1")
    await redis.delete(*EPOCHS)
    assert await desk.taking.take_next(LI, *HERE) is not None
    assert [phone for phone, *_ in desk.switchboard.rung] == [LI.phone]


async def test_an_agent_who_lets_go_is_rung_no_more_and_the_next_one_gets_the_caller(desk: Desk) -> None:
    await desk.waits("CA1")
    await desk.taking.take_next(LI, *HERE)
    await desk.taking.let_go(WANG, *HERE, "CA1")
    assert (await desk.waiting(), desk.switchboard.hung_up) == (["CA1 ringing"], [])
    await desk.taking.let_go(LI, *HERE, "CA1")
    assert (await desk.waiting(), desk.switchboard.hung_up) == (["CA1 waiting"], [f"CA{1:032x}"])
    await desk.taking.take_next(WANG, *HERE)
    assert [leg.agent for leg in desk.switchboard.legs()] == ["7", "8"]
    await desk.taking.let_go(LI, *HERE, "CA1")
    assert await desk.waiting() == ["CA1 ringing"]


async def test_a_leg_of_which_nothing_more_is_heard_keeps_nobody_from_being_rung_again(
    desk: Desk, redis: Redis
) -> None:
    await desk.waits("CA1")
    await desk.taking.take_next(LI, *HERE)
    (key,) = [key async for key in redis.scan_iter("ivr:leg:*")]
    assert LONGEST_RINGING_S * 1000 < await redis.pttl(key) < 45_000  # it is forgotten before the queue gives back
    await redis.delete(key)
    desk.clock.ahead_ms += 46_000
    assert await desk.waiting() == ["CA1 waiting"]
    assert await desk.taking.take_next(LI, *HERE) is not None
    assert [leg.call for leg in desk.switchboard.legs()] == ["CA1", "CA1"]


async def test_where_the_hotline_places_no_calls_nobody_is_taken(redis: Redis, callbacks: CallbackList) -> None:
    desk = Desk(redis, callbacks, offered=False)
    await desk.waits("CA1")
    assert not desk.taking.offered
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_next(LI, *HERE)
    assert refused.value.why == "not_offered"
    assert await desk.waiting() == ["CA1 waiting"]


# --- callbacks -------------------------------------------------------------------------------------------------------


async def test_a_callback_rings_the_agent_and_keeps_the_booking_for_the_leg_alone(desk: Desk) -> None:
    call = await desk.books()
    taken = await desk.taking.take_callback(LI, [HERE], 1)
    assert taken is not None
    (leg,) = desk.switchboard.legs()
    assert (leg.call, leg.callback, leg.attempt) == (f"{call}/named", 1, 0)
    assert desk.entered == [(leg.call, "7")]
    kept = await desk.legs.bind(leg, f"CA{1:032x}")
    assert kept is not None
    assert BOOKING.number.encode() in kept
    assert await desk.legs.bind(leg, "CA" + "9" * 32) is None


async def test_never_are_more_callbacks_dialled_than_agents_have_taken(desk: Desk) -> None:
    await desk.books()
    taken = await asyncio.gather(*(desk.taking.take_callback(agent, [HERE], 1) for agent in (LI, WANG) * 3))
    assert len(desk.switchboard.rung) == 1
    assert [one is not None for one in taken] in ([True, False] * 3, [False, True] * 3)


async def test_a_callback_is_dialled_when_it_is_due_within_hours_and_of_its_own_hotline(desk: Desk) -> None:
    await desk.books()
    await desk.callbacks.note(1, "no_answer", desk.clock())
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_callback(LI, [HERE], 1)
    assert refused.value.why == "early"
    desk.clock.ahead_ms += AGAIN_MS + 60_000
    taken = await desk.taking.take_callback(LI, [HERE], 1)
    assert taken is not None
    assert [leg.attempt for leg in desk.switchboard.legs()] == [1]
    assert await desk.taking.take_callback(Agent(9), [HERE], 2) is None
    await desk.callbacks.note(1, "reached", desk.clock())
    assert await desk.taking.take_callback(LI, [HERE], 1) is None


async def test_nobody_is_called_back_at_night(desk: Desk) -> None:
    await desk.books("office_hours")
    desk.clock.ahead_ms += _until_night(desk.clock())
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_callback(Agent(7, "+12025550134"), [("office_hours", "general")], 1)
    assert refused.value.why == "off_duty"
    assert await desk.taking.take_callback(LI, [HERE], 1) is None
    assert desk.switchboard.rung == []


def _until_night(now: int) -> int:
    """Give the ms until the next 3 o'clock in the morning in China."""
    day, three = 24 * 3600_000, 19 * 3600_000
    return (three - now % day) % day


async def test_a_callback_is_taken_by_its_own_place_though_its_caller_waits_again(desk: Desk) -> None:
    await desk.books()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    desk.clock.ahead_ms += 1000
    await desk.waits(BOOKING.call)
    assert await desk.taking.take_callback(LI, [HERE], 1) is not None
    assert [leg.callback for leg in desk.switchboard.legs()] == [1]
    assert sorted(await desk.waiting()) == [f"{BOOKING.call} waiting", f"{BOOKING.call}/named ringing"]
    assert await desk.taking.take_callback(WANG, [HERE], 1) is None


TWO_GROUPS = ("queue", "general"), ("queue", "english")


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Desk:
    """Give a desk at a hotline of which two groups have a queue; Li has a phone in the first, Wang in the second."""
    desk.library = load(two_groups(tmp_path / "flows"), default_dirs()[1])
    return desk


async def test_a_callback_is_taken_with_its_place_though_that_is_in_the_queue_of_another_group(bureau: Desk) -> None:
    li, wang = Agent(7, "+12025550135"), Agent(8, "+12025550136")
    await bureau.books("queue")
    await bureau.queue.to_callback(Waiter(BOOKING.call, *TWO_GROUPS[1], bureau.clock()), "named")
    assert await bureau.taking.take_callback(li, TWO_GROUPS, 1) is not None
    assert [(leg.group, leg.agent) for leg in bureau.switchboard.legs()] == [("english", "7")]
    assert [one.state for one in await bureau.queue.waiting(*TWO_GROUPS[1])] == ["ringing"]
    assert await bureau.taking.take_next(wang, *TWO_GROUPS[1]) is None
    assert await bureau.taking.take_callback(wang, TWO_GROUPS, 1) is None
    assert len(bureau.switchboard.rung) == 1


async def test_whoever_takes_a_place_for_which_a_phone_rings_already_is_told(bureau: Desk) -> None:
    """The place came into the queue after the callback was taken from the list."""
    await bureau.books("queue")
    assert await bureau.taking.take_callback(Agent(7, "+12025550135"), TWO_GROUPS, 1) is not None
    await bureau.queue.to_callback(Waiter(BOOKING.call, *TWO_GROUPS[1], bureau.clock()), "named")
    with pytest.raises(NotTaken) as refused:
        await bureau.taking.take_next(Agent(8, "+12025550136"), *TWO_GROUPS[1])
    assert refused.value.why == "elsewhere"
    assert [one.state for one in await bureau.queue.waiting(*TWO_GROUPS[1])] == ["waiting"]
    assert len(bureau.switchboard.rung) == 1


async def test_who_clicks_again_on_a_callback_in_the_queue_has_the_same_one(desk: Desk) -> None:
    await desk.books()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    taken = [await desk.taking.take_next(LI, *HERE) for _ in range(2)]
    assert [one and one.kind for one in taken] == ["callback"] * 2
    assert len(desk.switchboard.rung) == 1


async def test_a_callback_is_made_for_the_group_whose_number_the_agents_phone_is(bureau: Desk) -> None:
    await bureau.books("queue")
    assert await bureau.taking.take_callback(Agent(8, "+12025550136"), TWO_GROUPS, 1) is not None
    assert [leg.group for leg in bureau.switchboard.legs()] == ["english"]


async def test_a_callback_that_was_tried_by_hand_waits_in_the_list_alone(desk: Desk) -> None:
    await desk.books()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    (tried,) = await desk.callbacks.open()
    await desk.callbacks.note(1, "no_answer", desk.clock())
    await desk.taking.tried(tried)
    assert await desk.waiting() == []


async def test_a_callback_that_was_tried_elsewhere_is_not_dialled_again_before_its_time(desk: Desk) -> None:
    await desk.books()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    await desk.callbacks.note(1, "no_answer", desk.clock())
    with pytest.raises(NotTaken) as refused:
        await desk.taking.take_next(LI, *HERE)
    assert refused.value.why == "early"
    assert (desk.switchboard.rung, await desk.waiting()) == ([], [])


async def test_two_callbacks_of_one_call_have_each_their_place(desk: Desk) -> None:
    await desk.callbacks.take_over({name: replace(BOOKING, at=desk.clock() - 1, hotline="demo") for name in "ab"})
    for name in "ab":
        await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), name)
    assert await desk.taking.take_callback(LI, [HERE], 1) is not None
    assert sorted(await desk.waiting()) == [f"{BOOKING.call}/a ringing", f"{BOOKING.call}/b waiting"]
    assert await desk.taking.take_callback(WANG, [HERE], 2) is not None
    assert [leg.callback for leg in desk.switchboard.legs()] == [1, 2]


async def test_a_place_in_the_queue_that_became_a_callback_is_taken_in_its_turn(desk: Desk) -> None:
    await desk.books()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    desk.clock.ahead_ms += 1000
    await desk.waits("CA2")
    taken = await desk.taking.take_next(LI, *HERE)
    assert taken is not None
    assert (taken.kind, [leg.callback for leg in desk.switchboard.legs()]) == ("callback", [1])
    assert await desk.taking.take_callback(WANG, [HERE], 1) is None
    assert await desk.waiting() == [f"{BOOKING.call}/named ringing", "CA2 waiting"]


async def test_a_callback_that_cannot_be_made_holds_up_nobody_who_is_on_the_line(desk: Desk) -> None:
    booked = await desk.bookings.book(BOOKING)
    (name,) = await desk.bookings.waiting()
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), name)
    with pytest.raises(NotTaken) as refused:  # the database does not have it yet
        await desk.taking.take_next(LI, *HERE)
    assert refused.value.why == "early"
    desk.clock.ahead_ms += 1000
    await desk.waits("CA2")
    taken = await desk.taking.take_next(LI, *HERE)
    assert taken is not None
    assert taken.call == "CA2"
    assert await desk.waiting() == [f"{BOOKING.call}/{name} waiting", "CA2 ringing"]
    assert booked is not None
    await desk.callbacks.take_over({name: booked})
    assert (await desk.taking.take_next(WANG, *HERE)) is not None
    assert [leg.callback for leg in desk.switchboard.legs()] == [0, 1]


async def test_the_place_of_a_callback_that_is_done_is_given_up(desk: Desk) -> None:
    await desk.queue.to_callback(Waiter(BOOKING.call, *HERE, desk.clock()), "named")
    with pytest.raises(NotTaken):
        await desk.taking.take_next(LI, *HERE)
    assert await desk.waiting() == []
