"""The engine under any sequence of events: it never fails, sessions survive JSON, and every call comes to its end."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ivr.accounts.client import AccountClient
from ivr.agents.calling_off import CallingOff
from ivr.agents.legs import Legs
from ivr.agents.places import Places
from ivr.agents.queue import AgentQueue
from ivr.audit.chain import chain_keys
from ivr.audit.ledger import Ledger
from ivr.audit.trail import AuditTrail
from ivr.bookings import Bookings
from ivr.call import (
    Answered,
    Ask,
    Changes,
    Dial,
    DialEnded,
    End,
    Enqueue,
    Event,
    Facts,
    Garbled,
    Hold,
    Keyed,
    Leave,
    Listen,
    Member,
    NoAnswer,
    QueueLeft,
    Record,
    Recorded,
    Session,
    Silence,
    Started,
    Turn,
    Waited,
)
from ivr.counters import Counters
from ivr.emergency import Emergency
from ivr.engine import begin, step
from ivr.inquiry import Desk
from ivr.kept_password import KeptPasswords
from ivr.library import Library, default_dirs, load
from ivr.lookups import DECLARED
from ivr.messages import Messages
from ivr.metrics import Metrics
from ivr.redis_line import connect
from ivr.refusal_times import RefusalTimes
from ivr.seals import Seals, position_of, session_from
from ivr.speech import TYPES
from ivr.stepping import Stepping
from ivr.surveys import Surveys
from ivr.versions.live import LiveVersions

LIBRARY = load(*default_dirs())
BEGAN = 1_795_000_000_000
SEALS = Seals([bytes(32)])
NUMBER = "110105198503122173"

PLAUSIBLE = {
    "money": "20180.05",
    "money_abs": "-12.30",
    "date": "2026-11-20",
    "month": "2026-10",
    "digits": "2173",
    "percent": "3.8",
    "text": "工作日",
}
"""A fact of each type; all other types are counts of something."""

FACTS: Facts = {
    name: PLAUSIBLE.get(type_, "24")
    for catalog in LIBRARY.catalogs.values()
    for prompt in catalog.prompts.values()
    for name, type_ in prompt.variables
}

VERIFYING = {("verify", "ok"), ("verify_code", "ok"), ("change_password", "changed")}
"""Lookups and their outcomes after which the caller is verified."""

MOST_TURNS = 90
"""Every call ends within 60 key turns; a dial between two of them is a turn as well, and so is the goodbye."""


class Caller:
    """A call on the engine alone. `choices` decide how lookups come back; the session is stored after each step."""

    def __init__(self, hotline: str, choices: Sequence[int], library: Library = LIBRARY) -> None:
        self.library = library
        self.session = begin(library, hotline, BEGAN)
        self.choices = list(choices) or [0]
        self.asked = 0
        self.now = BEGAN
        self.turn = self.takes(Started())

    def takes(self, event: Event) -> Turn:
        """Take an event and all answers up to where the call waits for its caller again."""
        for _ in range(50):
            self.session, self.turn = step(self.library, self.session, event, self.now)
            self._survives()
            if not isinstance(self.turn.next, Ask):
                return self.turn
            event = self._answered(self.turn.next)
        raise AssertionError("One key made the engine ask fifty questions.")

    def _answered(self, ask: Ask) -> Answered:
        declared = DECLARED[ask.lookup]
        assert not (declared.personal and self.session.member is None), "asked about a member whom nobody verified"
        outcomes = sorted(declared.outcomes)
        if ask.lookup == "gate":
            outcomes = ["verified"] if self.session.member else [one for one in outcomes if one != "verified"]
        self.asked += 1
        outcome = outcomes[self.choices[self.asked % len(self.choices)] % len(outcomes)]
        facts = {name: FACTS.get(name, "24") for name in declared.outcomes[outcome]}
        member = Member("ref", self.now, self.now + 900_000, 1985, "110105")
        changes = Changes(member=member) if (ask.lookup, outcome) in VERIFYING else None
        forgets = outcome == "expired" or ask.lookup == "forget"
        return Answered(outcome, facts, personal=declared.personal, forget=forgets, changes=changes)

    def _survives(self) -> None:
        session = self.session
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=Session) == session
        assert msgspec.json.decode(json.dumps(json.loads(msgspec.json.encode(session))), type=Session) == session
        if session.member is None:
            assert not any(one.personal for one in session.said), "what is known of a member outlives the verification"
        token = SEALS.seal_token("turn", "CA", position_of(session))
        assert len(token) < 1024
        assert SEALS.open_token("turn", "CA", token) == position_of(session)

    def answers_the_dial(self, outcome: str) -> None:
        while isinstance(self.turn.next, Dial | Enqueue | Hold | Leave):
            if isinstance(self.turn.next, Dial):
                self.takes(DialEnded(outcome))  # type: ignore[arg-type]
            elif isinstance(self.turn.next, Leave):
                self.takes(QueueLeft("left"))
            else:
                self.takes(QueueLeft("answered" if outcome == "answered" else "failed"))


entries = st.sampled_from(
    ["1", "2", "0", "9", "*", "#", "3", NUMBER, NUMBER[:17], NUMBER[:9], "846275", "123456", "11010519491231002*", "00"]
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Keyed, entries, st.booleans()),
    st.builds(Keyed, entries, st.booleans()),
    st.builds(Keyed, st.text("0123456789*#", max_size=64), st.booleans()),
    st.just(Silence()),
    st.just(Garbled()),
    st.just(NoAnswer()),
    st.builds(DialEnded, st.sampled_from(["answered", "busy", "no_answer", "failed"])),
    st.builds(Waited, st.sampled_from(["", "0", "1", "9", "8", "*", "#"]), st.none() | st.integers(0, 30)),
    st.builds(QueueLeft, st.sampled_from(["answered", "left", "failed", "again"]), st.sampled_from(["", "general"])),
    st.builds(Recorded, st.just("RE" + "0" * 32), st.integers(0, 120), st.booleans()),
    st.just(Started()),
)
seconds = st.sampled_from([0, 3, 3, 3, 30, 299, 301, 3600, -86_400])
hotlines = st.sampled_from(sorted(LIBRARY.hotlines.hotlines))
choices = st.lists(st.integers(0, 20), min_size=1, max_size=8)


@settings(deadline=None, max_examples=250)
@given(hotlines, choices, st.lists(st.tuples(events, seconds), max_size=40))
def test_any_sequence_of_events_is_taken(hotline: str, choices: list[int], story: list[tuple[Event, int]]) -> None:
    caller = Caller(hotline, choices)
    for event, passed in story:
        caller.now += passed * 1000
        turn = caller.takes(event)
        assert isinstance(turn.next, Listen | Dial | Enqueue | Hold | Leave | Record | End)
        if isinstance(turn.next, End):
            break


habits: st.SearchStrategy[Event] = st.one_of(
    st.just(Silence()),
    st.just(Garbled()),
    st.builds(Keyed, entries, st.booleans()),
    st.builds(Keyed, st.text("0123456789*#", min_size=1, max_size=20), st.booleans()),
)


@settings(deadline=None, max_examples=250)
@given(
    hotlines,
    choices,
    st.lists(st.tuples(events, seconds), max_size=12),
    st.lists(habits, min_size=1, max_size=4),
    st.sampled_from(["answered", "busy", "no_answer", "failed"]),
    st.sampled_from([0, 3, 60]),
)
def test_whoever_keeps_doing_the_same_reaches_an_end(
    hotline: str, choices: list[int], before: list[tuple[Event, int]], habit: list[Event], dial: str, pause: int
) -> None:
    caller = Caller(hotline, choices)
    for event, passed in before:
        if isinstance(caller.turn.next, End):
            return
        caller.now += passed * 1000
        caller.takes(event)
    for number in range(MOST_TURNS):
        caller.answers_the_dial(dial)
        if isinstance(caller.turn.next, End):
            break
        caller.now += pause * 1000
        caller.takes(habit[number % len(habit)])
    assert isinstance(caller.turn.next, End)
    assert caller.session.key_turns <= 60 + 5


@pytest.mark.parametrize("hotline", sorted(LIBRARY.hotlines.hotlines))
def test_a_caller_who_says_nothing_reaches_an_end(hotline: str) -> None:
    caller = Caller(hotline, [0])
    turns = 0
    while not isinstance(caller.turn.next, End):
        caller.answers_the_dial("busy")
        if not isinstance(caller.turn.next, End):
            caller.takes(Silence())
        turns += 1
        assert turns < 20


@settings(deadline=None, max_examples=250)
@given(hotlines, choices, st.lists(st.tuples(events, seconds), max_size=15), events)
def test_from_any_token_a_call_goes_on_without_redis_and_without_the_account_service(
    hotline: str, choices: list[int], story: list[tuple[Event, int]], then: Event
) -> None:
    """Public mode: what a token holds is enough to take any event, and says nothing of whom it verified."""
    caller = Caller(hotline, choices)
    for event, passed in story:
        if isinstance(caller.turn.next, End):
            break
        caller.now += passed * 1000
        caller.takes(event)
    session = session_from(position_of(caller.session))
    assert (session.member, session.credential, session.kept, session.facts) == (None, None, "", {})
    session, turn = asyncio.run(_in_public_mode(session, then, caller.now))
    assert isinstance(turn.next, Listen | Dial | Enqueue | Hold | Leave | Record | End)
    assert (session.member, session.facts.get("balance")) == (None, None)


@pytest.mark.parametrize("hotline", ["demo", "no_agents"])
def test_where_nothing_but_tokens_is_kept_a_call_ends_with_its_sixtieth_key(hotline: str) -> None:
    caller = Caller(hotline, [0])
    for _ in range(60):
        caller.answers_the_dial("busy")
        caller.takes(Keyed("9"))
        caller.session = replace(session_from(position_of(caller.session)), public=True, last_at=caller.now)
    assert isinstance(caller.turn.next, End)
    assert caller.session.key_turns == 60


async def _in_public_mode(session: Session, event: Event, now: int) -> tuple[Session, Turn]:
    async with connect("unix:///there/is/no/such.sock") as redis:
        desk = Desk(
            accounts=AccountClient("http://127.0.0.1:9", "unused"),
            counters=Counters(redis, SEALS),
            seals=SEALS,
            kept_passwords=KeptPasswords(redis, SEALS),
            now=lambda: now,
            refusal_times=RefusalTimes(redis),
            bookings=Bookings(redis, SEALS),
            surveys=Surveys(redis),
            messages=Messages(redis, SEALS),
            places=Places(
                AgentQueue(redis, SEALS, lambda: now),
                lambda: now,
                offered=True,
                calling_off=CallingOff(Legs(redis, SEALS), None),
            ),
            trail=SimpleNamespace(takes_entries=True),
        )
        emergency = Emergency(default_dirs()[0])
        trail = AuditTrail(Path("/there/is/no/such"), chain_keys([bytes(32)]), worker="test/0", now=lambda: now)
        ledger = Ledger(trail, SEALS)
        stepping = Stepping(
            LiveVersions(LIBRARY), desk, emergency, Metrics(), ledger, refusal_step=0.01, work_seconds=1
        )
        return await stepping.inside("CA" + "0" * 32, replace(session, public=True), event)


def test_every_type_of_fact_has_a_plausible_value() -> None:
    assert PLAUSIBLE.keys() <= set(TYPES)
