"""The queue of a group of agents, in a real Valkey: first come, first served, whatever callers and agents do."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.crc import key_slot

from ivr.agents.queue import AgentQueue, Waiter
from ivr.redis_line import connect
from ivr.seals import Seals

SEALS = Seals([b"q" * 32])
START = 1_795_000_000_000
HERE = ("demo", "general")


class Clock:
    """Milliseconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.ms = START

    def __call__(self) -> int:
        return self.ms

    def later(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(redis: Redis, clock: Clock) -> AgentQueue:
    return AgentQueue(redis, SEALS, clock, deadline=5)


def caller(name: str, clock: Clock) -> Waiter:
    return Waiter(f"CA-{name}", *HERE, clock())


async def join(queue: AgentQueue, clock: Clock, *names: str) -> None:
    """Let callers come, one each second."""
    for name in names:
        await queue.join(caller(name, clock))
        clock.later(1)


async def order(queue: AgentQueue) -> list[str]:
    return [f"{one.call[3:]} {one.state}" for one in await queue.waiting(*HERE)]


async def test_callers_are_taken_in_the_order_in_which_they_came(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b", "c")
    standing = await queue.standing(*HERE, "CA-c")
    assert standing is not None
    assert (standing.ahead, standing.state, standing.joined_at) == (2, "waiting", START + 2000)
    taken = [await queue.take(*HERE, agent) for agent in ("li", "wang", "zhao", "sun")]
    assert [one and one.call for one in taken] == ["CA-a", "CA-b", "CA-c", None]
    assert [(one.state, one.agent) for one in await queue.waiting(*HERE)] == [
        ("ringing", "li"),
        ("ringing", "wang"),
        ("ringing", "zhao"),
    ]


async def test_who_joins_again_keeps_the_place_and_has_a_new_card(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    standing = await queue.join(replace(caller("a", clock), lang="en", asked="balance"))
    assert (standing.ahead, standing.joined_at) == (0, START)
    first, second = await queue.waiting(*HERE)
    assert (first.lang, first.asked, first.joined_at) == ("en", "balance", START)
    assert second.lang == "zh"


async def test_of_many_agents_at_once_on_two_workers_one_gets_a_caller(
    queue: AgentQueue, clock: Clock, valkey_url: str
) -> None:
    await join(queue, clock, "a")
    async with connect(valkey_url) as other:
        workers = [queue, AgentQueue(other, SEALS, clock, deadline=5)]
        takes = [workers[number % 2].take(*HERE, f"agent {number}") for number in range(20)]
        taken = await asyncio.gather(*takes)
    (got,) = [one for one in taken if one is not None]
    assert (got.call, got.state) == ("CA-a", "ringing")


async def test_an_agent_whose_phone_rings_gets_no_second_caller(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    first, again = [await queue.take(*HERE, "li") for _ in range(2)]
    assert first == again
    assert await order(queue) == ["a ringing", "b waiting"]


async def test_a_named_caller_is_taken_out_of_turn_only_if_still_waiting(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    taken = await queue.take(*HERE, "li", call="CA-b")
    assert taken is not None
    assert taken.call == "CA-b"
    assert await queue.take(*HERE, "wang", call="CA-b") is None
    assert await queue.take(*HERE, "wang", call="CA-nobody") is None


async def test_whom_an_agent_did_not_get_is_the_first_again(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    await queue.take(*HERE, "li")
    assert not await queue.give_back(*HERE, "CA-a", "wang"), "it is not that agent's phone which rings"
    assert await queue.give_back(*HERE, "CA-a", "li")
    assert not await queue.give_back(*HERE, "CA-a", "li")
    assert await order(queue) == ["a waiting", "b waiting"]


async def test_a_phone_rings_for_45_seconds_unless_it_is_kept_ringing(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    await queue.take(*HERE, "li")
    clock.later(40)
    assert await queue.keep_ringing(*HERE, "CA-a", "li")
    clock.later(40)
    await queue.standing(*HERE, "CA-a")
    await queue.standing(*HERE, "CA-b")
    assert await order(queue) == ["a ringing", "b waiting"]
    clock.later(5)
    assert await order(queue) == ["a waiting", "b waiting"]
    assert not await queue.keep_ringing(*HERE, "CA-a", "li")


async def test_who_steps_aside_keeps_the_place_for_two_minutes_and_cannot_be_taken(
    queue: AgentQueue, clock: Clock
) -> None:
    await join(queue, clock, "a", "b")
    assert await queue.step_aside(*HERE, "CA-a") == ""
    taken = await queue.take(*HERE, "li")
    assert taken is not None
    assert taken.call == "CA-b"
    clock.later(119)
    standing = await queue.join(caller("a", clock))
    assert (standing.joined_at, standing.state) == (START, "waiting")
    assert await queue.step_aside(*HERE, "CA-a") == ""
    clock.later(120)
    assert await queue.standing(*HERE, "CA-a") is None
    assert (await queue.join(caller("a", clock))).joined_at == clock()


async def test_stepping_aside_takes_a_caller_from_the_phone_that_rings(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a")
    await queue.take(*HERE, "li")
    assert await queue.step_aside(*HERE, "CA-a") == "li"
    assert not await queue.keep_ringing(*HERE, "CA-a", "li")
    assert await order(queue) == ["a aside"]


async def test_callers_who_give_no_sign_are_gone_after_90_seconds(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    clock.later(60)
    await queue.standing(*HERE, "CA-b")
    clock.later(40)
    assert await order(queue) == ["b waiting"]
    assert await queue.standing(*HERE, "CA-a") is None


async def test_a_caller_who_hung_up_while_a_phone_rang_is_not_given_back(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    clock.later(60)
    await queue.take(*HERE, "li")
    clock.later(44)
    await queue.give_back(*HERE, "CA-a")
    assert await order(queue) == []


async def test_who_speaks_waits_no_more_and_counts_once(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    await queue.take(*HERE, "li")
    assert await queue.bridged(*HERE, "CA-a")
    assert not await queue.bridged(*HERE, "CA-a")
    assert not await queue.bridged(*HERE, "CA-nobody")
    assert await queue.step_aside(*HERE, "CA-a") is None
    assert await order(queue) == ["b waiting"]
    (speaking,) = await queue.speaking(*HERE)
    assert (speaking.call, speaking.agent, speaking.since) == ("CA-a", "li", clock())
    assert await queue.leave(*HERE, "CA-a") == ""
    assert await queue.leave(*HERE, "CA-a") is None
    assert await queue.card(*HERE, "CA-a") is None


async def test_a_callback_has_the_time_of_its_caller_and_needs_nobody_on_the_line(
    queue: AgentQueue, clock: Clock
) -> None:
    await join(queue, clock, "a", "b")
    standing = await queue.to_callback(caller("a", clock), "name of a booking")
    assert standing.joined_at == START
    clock.later(3600)
    (left,) = await queue.waiting(*HERE)
    assert (left.call, left.kind, left.joined_at) == ("CA-a/name of a booking", "callback", START)
    assert left.booking == "name of a booking"
    await join(queue, clock, "c")
    on_the_line = await queue.take(*HERE, "li", callbacks=False)
    first = await queue.take(*HERE, "wang")
    assert [one and one.call for one in (on_the_line, first)] == ["CA-c", "CA-a/name of a booking"]


async def test_who_is_handed_over_and_soon_handed_back_waits_again_with_the_first_time(
    queue: AgentQueue, clock: Clock
) -> None:
    await join(queue, clock, "a")
    await queue.take(*HERE, "li")
    await queue.bridged(*HERE, "CA-a", "li")
    await queue.hand_over(*HERE, "CA-a", "english")
    assert await queue.done(*HERE, "CA-a") == "english"
    clock.later(20)
    late = await queue.join(replace(caller("a", clock), joined_at=START, since=START))
    assert (late.state, await queue.waiting(*HERE)) == ("speaking", [])
    back = await queue.join(replace(caller("a", clock), joined_at=START, since=clock()))
    assert (back.state, back.joined_at) == ("waiting", START)


async def test_who_waits_again_after_booking_a_callback_has_two_places(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    await queue.to_callback(replace(caller("a", clock), caller_tail="8000"), "name of a booking")
    await join(queue, clock, "a")
    first, second, third = await queue.waiting(*HERE)
    assert (first.call, first.kind, first.booking, first.caller_tail) == (
        "CA-a/name of a booking",
        "callback",
        "name of a booking",
        "8000",
    )
    assert (second.call, third.call, third.kind) == ("CA-b", "CA-a", "call")
    taken = await queue.take(*HERE, "li")
    assert taken is not None
    assert await queue.give_back(*HERE, taken.call, "li")


async def test_a_late_round_of_a_wait_does_not_wait_again_but_a_later_one_does(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a")
    await queue.bridged(*HERE, "CA-a")
    late = await queue.join(Waiter("CA-a", *HERE, START))
    assert late.state == "speaking"
    clock.later(60)
    assert (await queue.join(caller("a", clock))).state == "waiting"


async def test_who_is_handed_over_is_told_so_however_often_it_is_asked(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a", "b")
    assert not await queue.hand_over(*HERE, "CA-a", "english"), "they do not speak yet"
    await queue.bridged(*HERE, "CA-a")
    await queue.bridged(*HERE, "CA-b")
    assert await queue.hand_over(*HERE, "CA-a", "english")
    assert [await queue.done(*HERE, call) for call in ("CA-a", "CA-a", "CA-b", "CA-nobody")] == [
        "english",
        "english",
        "",
        "",
    ]
    clock.later(60)
    assert await queue.speaking(*HERE) == []


async def test_how_long_it_may_take_is_told_once_ten_humans_have_answered(queue: AgentQueue, clock: Clock) -> None:
    for number in range(10):
        standing = await queue.join(caller("z", clock))
        assert standing.minutes is None
        await join(queue, clock, f"{number}")
        await queue.bridged(*HERE, f"CA-{number}")
        clock.later(59)
    standing = await queue.join(caller("z", clock))
    assert standing.minutes == 1
    await queue.join(caller("y", clock))
    second = await queue.standing(*HERE, "CA-y")
    assert second is not None
    assert (second.ahead, second.minutes) == (1, 2)
    clock.later(30 * 60)
    assert (await queue.join(caller("z", clock))).minutes is None, "that was long ago"


async def test_groups_do_not_know_of_each_other(queue: AgentQueue, clock: Clock) -> None:
    await join(queue, clock, "a")
    assert await queue.take("demo", "english", "li") is None
    assert await queue.waiting("another", "general") == []


async def test_all_keys_lie_in_one_slot_and_end_with_the_last_place(
    queue: AgentQueue, clock: Clock, empty_redis: Redis
) -> None:
    for number in range(10):
        await join(queue, clock, f"{number}")
        await queue.take(*HERE, f"agent {number}")
        await queue.bridged(*HERE, f"CA-{number}")
    await join(queue, clock, "a")
    keys = [key async for key in empty_redis.scan_iter()]
    assert len({key_slot(key) for key in keys}) == 1
    assert len(keys) == 5
    for key in keys:
        assert 0 < await empty_redis.pttl(key) <= 5 * 3600_000
    for number in range(10):
        await queue.leave(*HERE, f"CA-{number}")
    await queue.leave(*HERE, "CA-a")
    assert [key.rpartition(b":")[2] async for key in empty_redis.scan_iter()] == [b"answers"]


async def test_nothing_personal_can_be_read_in_redis(queue: AgentQueue, clock: Clock, redis: Redis) -> None:
    await queue.join(replace(caller("a", clock), caller_tail="8000", keyed_tail="202X", path=("balance",)))
    for value in (await redis.hgetall(f"ivr:{{queue:{'/'.join(HERE)}}}:cards")).values():
        assert b"8000" not in value
        assert b"balance" not in value


async def test_a_card_that_does_not_open_loses_nobody(queue: AgentQueue, clock: Clock, redis: Redis) -> None:
    await join(queue, clock, "a")
    other = AgentQueue(redis, Seals([b"o" * 32]), clock, deadline=5)
    taken = await other.take(*HERE, "li")
    assert taken == Waiter("CA-a", *HERE, START, state="ringing", since=clock(), agent="li")


# --- whatever happens, in whatever order ------------------------------------------------------------------------------


class Act(NamedTuple):
    what: str
    who: str
    seconds: int


class Place:
    """What a caller may count on, beside the script."""

    def __init__(self, joined: int, now: int) -> None:
        self.joined = joined
        self.kind, self.state, self.agent = "call", "waiting", ""
        self.seen = self.until = self.since = now

    @property
    def takeable(self) -> bool:
        return self.state == "waiting"

    def rung_in_vain(self) -> str:
        """Give the agent whose phone rings in vain where the caller leaves; a callback's caller is not on the line."""
        return self.agent if (self.state, self.kind) == ("ringing", "call") else ""


ACTS = st.lists(
    st.builds(
        Act,
        st.sampled_from(
            ["join", "join", "join", "look", "aside", "callback", "leave", "take", "take", "back", "speak"]
        ),
        st.sampled_from("abcdef"),
        st.sampled_from([0, 0, 1, 5, 20, 44, 60, 121]),
    ),
    min_size=5,
    max_size=40,
)


class Model:
    """The queue as it is promised: places by the time at which they were taken, each with what may become of it."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}

    def settle(self, now: int) -> None:
        """Let end what has ended by now."""
        for name, place in list(self.places.items()):
            if place.state == "ringing" and place.until <= now:
                place.state, place.agent = "waiting", ""
            vanished = place.kind == "call" and place.state == "waiting" and place.seen + 90_000 <= now
            if vanished or (place.state == "aside" and place.until <= now):
                del self.places[name]

    def next(self) -> str | None:
        ready = [(place.joined, name) for name, place in self.places.items() if place.takeable]
        return min(ready)[1] if ready else None

    def ahead(self, name: str) -> int:
        mine = (self.places[name].joined, name)
        before = [(place.joined, other) for other, place in self.places.items() if place.state in ("waiting", "aside")]
        return sum(one < mine for one in before)

    def order(self) -> list[tuple[str, str]]:
        shown = [(place.joined, name) for name, place in self.places.items() if place.state != "speaking"]
        return [(name, self.places[name].state) for _, name in sorted(shown)]


async def play(queue: AgentQueue, clock: Clock, acts: list[Act]) -> None:
    """Do to the queue and to the model the same, and find no difference after any step."""
    model, agents = Model(), 0
    for what, caller_s, seconds in acts:
        clock.later(seconds)
        now = clock()
        model.settle(now)
        booked = f"{caller_s}/booking"
        who = booked if what in ("back", "speak", "leave") and booked in model.places else caller_s
        place, call = model.places.get(who), f"CA-{who}"
        match what:
            case "join":
                standing = await queue.join(caller(who, clock))
                if place is None or place.state == "speaking":
                    place = model.places[who] = Place(now, now)
                if place.state != "speaking":
                    place.kind, place.seen = "call", now
                    place.state = "ringing" if place.state == "ringing" else "waiting"
                assert standing.joined_at == place.joined
                assert standing.ahead == (model.ahead(who) if place.state == "waiting" else 0)
            case "look":
                seen = await queue.standing(*HERE, call)
                assert (seen and seen.state) == (place and place.state)
                if place and place.takeable and place.kind == "call":
                    place.seen = now
            case "aside":
                kept = place is not None and place.state != "speaking"
                rung = place.rung_in_vain() if place and kept else None
                assert await queue.step_aside(*HERE, call) == rung
                if place and kept:
                    place.until = place.until if place.state == "aside" else now + 120_000
                    place.state, place.agent = "aside", ""
            case "callback":
                await queue.to_callback(caller(who, clock), "booking")
                before = model.places.pop(who, None)
                place = model.places.setdefault(f"{who}/booking", Place(before.joined if before else now, now))
                place.kind = "callback"
            case "leave":
                rung = place.rung_in_vain() if place else None
                assert await queue.leave(*HERE, call) == rung
                model.places.pop(who, None)
            case "take":
                agents += 1
                taken, first = await queue.take(*HERE, f"agent {agents}"), model.next()
                assert (taken and taken.call) == (first and f"CA-{first}")
                if first:
                    gone = model.places[first]
                    gone.state, gone.agent, gone.until = "ringing", f"agent {agents}", now + 45_000
            case "back":
                rings = place is not None and place.state == "ringing"
                stays = place is not None and rings and (place.kind == "callback" or place.seen + 90_000 > now)
                assert await queue.give_back(*HERE, call) == stays
                if place and rings:
                    place.state, place.agent = "waiting", ""
                    model.settle(now)
            case "speak":
                speaks = place is not None and place.state != "speaking"
                assert await queue.bridged(*HERE, call) == speaks
                if place and speaks:
                    place.state, place.since = "speaking", now
        assert [(one.call[3:], one.state) for one in await queue.waiting(*HERE)] == model.order()


@pytest.fixture(scope="module")
def bench(valkey_url: str) -> Iterator[tuple[asyncio.Runner, Redis]]:
    """Give one loop and one connection for all examples."""
    with asyncio.Runner() as runner:
        client = connect(valkey_url)
        yield runner, client
        with contextlib.suppress(Exception):
            runner.run(client.aclose())


@settings(max_examples=60, deadline=None)
@given(acts=ACTS)
def test_first_come_first_served_whatever_callers_and_agents_do(
    bench: tuple[asyncio.Runner, Redis], acts: list[Act]
) -> None:
    runner, client = bench
    clock = Clock()

    async def example() -> None:
        await client.flushall()
        await play(AgentQueue(client, SEALS, clock, deadline=5), clock, acts)

    runner.run(example())
