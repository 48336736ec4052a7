"""What those are told who watch: where calls are, how many came, how long turns took."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT, SEALS

from ivr.call import Dial, Edge, End, Listen, Session, Turn
from ivr.live.board import Board
from ivr.live.calls import CALLS, QUIET_MS, SPEAKING_MS, WHAT, LiveCalls
from ivr.live.tallies import BOUNDS_MS, MINUTE_MS, Tally, added
from ivr.redis_line import StoreAway
from ivr.walk import CHINA

NOON = round(datetime(2026, 9, 24, 12, tzinfo=CHINA).timestamp() * 1000)
SESSION = Session("demo", "v1", started=NOON, turn=0, lang="zh", last_at=NOON, stack=(("main", "menu"),))
LISTENS = Turn((), Listen("key", 5, 5), (Edge("main", "came", "no"),))


@dataclass
class Watched:
    """Two workers, and whoever watches their calls."""

    redis: Redis
    at: int = NOON
    names: Iterator[str] = field(default_factory=lambda: (f"CA{number:032x}" for number in count()))

    def __post_init__(self) -> None:
        self.workers = [LiveCalls(self.redis, SEALS, lambda: self.at, deadline=PATIENT) for _ in range(2)]
        self.board = Board(self.redis, SEALS, lambda: self.at, deadline=PATIENT)

    async def places(self) -> list[tuple[str, str]]:
        for worker in self.workers:
            await worker.send()
        return [(call.flow, call.node) for call in await self.board.calls()]


async def away(_: object) -> None:
    raise StoreAway("Redis is away.")


@pytest.fixture
def watched(redis: Redis) -> Watched:
    return Watched(redis)


async def test_a_call_is_where_its_last_turn_led_whichever_worker_made_it(watched: Watched) -> None:
    one, other = watched.workers
    first, second = next(watched.names), next(watched.names)
    one.moved(first, SESSION, LISTENS)
    other.moved(second, replace(SESSION, started=NOON + 1000), LISTENS)
    assert await watched.places() == [("main", "menu"), ("main", "menu")]
    other.moved(first, replace(SESSION, turn=1, stack=(("main", "balance"), ("balance", "fetch"))), LISTENS)
    assert await watched.places() == [("main", "menu"), ("balance", "fetch")], "the newest call comes first"
    (_, call) = await watched.board.calls()
    assert (call.flows, call.ways, call.human) == (("main", "balance"), (Edge("main", "came", "no"),), False)
    one.moved(first, replace(SESSION, turn=2), Turn((), End()))
    one.over(second)
    assert await watched.places() == []
    assert (await watched.board.minutes(1))[0].of("calls") == 2


async def test_a_call_of_which_nothing_is_heard_is_over_some_time_but_a_talk_lasts(watched: Watched) -> None:
    one, _ = watched.workers
    one.moved(next(watched.names), SESSION, LISTENS)
    one.moved(next(watched.names), replace(SESSION, stack=(("agent", "connect"),)), Turn((), Dial("general")))
    assert len(await watched.places()) == 2
    watched.at += QUIET_MS + 1
    assert await watched.places() == [("agent", "connect")]
    watched.at += SPEAKING_MS
    assert await watched.places() == []
    assert await watched.redis.exists(CALLS) == 0, "what is over is not kept"


async def test_what_is_told_names_nobody_and_does_not_stay(watched: Watched) -> None:
    one, _ = watched.workers
    sid = next(watched.names)
    one.moved(sid, replace(SESSION, parties=("+8613800138000", "12333")), LISTENS)
    one.tallies.turn(0.02)
    await watched.places()
    keys = [key async for key in watched.redis.scan_iter("ivr:{live}:*")]
    assert len(keys) == 2
    for key in keys:
        assert await watched.redis.pttl(key) > 0
        told = repr(await watched.redis.hgetall(key))
        assert not [secret for secret in (sid, "13800138000", sid[2:], "main", "menu") if secret in told]


@pytest.mark.parametrize("kept", [b"", b"torn", b"sealed"])
async def test_what_cannot_be_read_is_dropped(watched: Watched, kept: bytes) -> None:
    kept = SEALS.seal(b"\xc1", call="name", what=WHAT) if kept == b"sealed" else kept
    await watched.redis.hset(CALLS, "name", kept)
    assert await watched.places() == []
    assert await watched.redis.exists(CALLS) == 0


async def test_what_redis_does_not_take_is_told_when_it_does(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = watched.workers
    first, second = next(watched.names), next(watched.names)
    one.moved(first, SESSION, LISTENS)
    with monkeypatch.context() as patched:
        patched.setattr(one._line, "ask_all", away)
        await one.send()
    assert await watched.board.calls() == []
    one.moved(second, SESSION, LISTENS)
    one.moved(first, replace(SESSION, turn=1, stack=(("main", "cut_off"),)), LISTENS)
    assert sorted(await watched.places()) == [("main", "cut_off"), ("main", "menu")]


async def test_minutes_add_up_over_all_workers(watched: Watched) -> None:
    one, other = watched.workers
    for worker, seconds in ((one, 0.004), (one, 0.02), (other, 0.02), (other, 99.0)):
        worker.tallies.turn(seconds)
    await watched.places()
    watched.at += MINUTE_MS
    other.tallies.turn(0.02)
    await watched.places()
    empty, before, present = await watched.board.minutes(3)
    assert (empty.turns, sum(before.turns.values()), sum(present.turns.values())) == ({}, 4, 1)
    assert (before.began, present.began) == (NOON, NOON + MINUTE_MS)
    assert sum(added([before, present]).turns.values()) == 5


@pytest.mark.parametrize(
    ("turns", "half", "most"),
    [
        ({}, None, None),
        ({"turn 0": 1}, 5, 5),
        ({"turn 3": 98, "turn 9": 1, "turn 10": 1}, BOUNDS_MS[3], BOUNDS_MS[9]),
        ({"turn 33": 5}, BOUNDS_MS[-1], BOUNDS_MS[-1]),
        ({"turn 3": 1, "calls": 7}, BOUNDS_MS[3], BOUNDS_MS[3]),
    ],
)
def test_shares_of_turns_are_the_bounds_of_their_classes(
    turns: dict[str, int], half: int | None, most: int | None
) -> None:
    tally = Tally(0, turns)
    assert (tally.quickest(0.5), tally.quickest(0.99)) == (half, most)


def test_a_time_is_counted_in_the_narrowest_class_that_holds_it(watched: Watched) -> None:
    tallies = watched.workers[0].tallies
    for bound in BOUNDS_MS:
        tallies.turn(bound / 1000)
    words = {command.words[2] for command in tallies.commands() if command.words[0] == "HINCRBY"}
    assert words == {f"turn {place}" for place in range(len(BOUNDS_MS))}
