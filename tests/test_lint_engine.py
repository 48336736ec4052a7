"""What the lint says of calls is what the engine does: random callers only take ways that the lint knows."""

from collections.abc import Iterator
from random import Random

import pytest
from lint_examples import HELD, IDENTIFY, LOOKUPS, ZH, Edit, world

from ivr.call import (
    Answered,
    Ask,
    Changes,
    Dial,
    DialEnded,
    DialOutcome,
    End,
    Event,
    Garbled,
    Keyed,
    Listen,
    Member,
    Rows,
    Session,
    Silence,
    Started,
    Turn,
)
from ivr.engine import PHRASES, begin, step
from ivr.entries import ENTRY_WRONGS
from ivr.flow import LookupNode
from ivr.library import Library, build
from ivr.lint import check
from ivr.lint.calls import Calls, Stack

VALID = "11010519491231002*"
"""An ID number as it is keyed; its X is computed."""

FACTS = {"balance": "12034.50", "as_of": "2026-10-31"}
ROWS: Rows = (("paid", {"amount": "12.30", "shop": "place.city"}), ("refund", {"amount": "2.00"}))
MINUTE = 60_000
DIALS: tuple[DialOutcome, ...] = ("answered", "busy", "no_answer", "failed")


@pytest.fixture(scope="module")
def library() -> Library:
    """Give the faultless hotline with all that the engine needs: its phrases, and every reason for a wrong entry."""
    wrongs = ", ".join(f"{reason}: identify.length" for reason in ENTRY_WRONGS["number"] if reason != "check")
    texts = world(Edit(IDENTIFY, "length: identify.length", wrongs))
    for name in (ZH, "prompts/en.yaml"):
        said = "好。" if name == ZH else "Fine."
        texts[name] += "".join(f"{phrase}: {said}\n" for phrase in PHRASES if phrase not in HELD)
    found = build({name: text.encode() for name, text in texts.items()})
    assert check(found, LOOKUPS) == []
    return found


def a_key(random: Random, turn: Listen) -> Event:
    """Do what a caller might do: the right thing, a wrong one, a habit, or nothing."""
    if random.random() < 0.1:
        return Silence() if random.random() < 0.6 else Garbled()
    if turn.mode == "key":
        return Keyed(random.choice("0123456789*#" + "1113##"))
    if turn.mode == "number":
        return Keyed(random.choice([VALID, VALID, VALID, VALID, "0", "*", "12", "", "1", "1"]), ended=True)
    if turn.mode == "eight":
        return Keyed(random.choice([VALID[6:14]] * 4 + ["0", "*", "123"]))
    if turn.mode == "four":
        return Keyed(random.choice([VALID[14:]] * 4 + ["0", "*", "1230"]))
    return Keyed(random.choice([VALID[:6]] * 4 + ["0", "*", "123", "", ""]), ended=random.random() < 0.5)


def an_answer(random: Random, session: Session, lookup: str, now: int) -> Answered:
    """Answer as the real lookups do: the gate knows whether there is a member, and nothing personal comes without."""
    member = Member("ref", now, now + 15 * MINUTE)
    match lookup:
        case "gate":
            return Answered("verified" if session.member else random.choice(["open", "open", "open", "closed"]))
        case "verify":
            return random.choice([Answered("ok", changes=Changes(member=member)), Answered("refused")])
        case "send_code":
            return random.choice([Answered("sent"), Answered("enough")])
        case "verify_code":
            proved = Answered("must_change", changes=Changes(pending=member, owes={"account": ()}))
            return random.choice([Answered("ok", changes=Changes(member=member)), proved, Answered("refused")])
        case "change_password":
            whose = session.member or session.pending
            if whose is None or whose.expires_at <= now:
                return Answered("expired", forget=True)
            changed = Answered("changed", changes=Changes(member=whose, pending=None, owes={}))
            return random.choice([changed, Answered("weak")])
        case "forget":
            return Answered("done", forget=True)
        case _:
            if session.member is None or session.member.expires_at <= now:
                return Answered("expired", forget=True)
            found = Answered("ok", FACTS, rows=ROWS if lookup == "payments" else (), personal=True)
            return random.choice([found, Answered("error")])


def a_call(library: Library, random: Random) -> Iterator[tuple[Session, Turn, Session]]:
    """Play one call to its end; give every step as the session before, the turn it made, and the session after."""
    now = 1_800_000_000_000
    session = begin(library, random.choice(["main", "small"]), now)
    event: Event = Started()
    for _ in range(200):
        before = session
        session, turn = step(library, session, event, now)
        yield before, turn, session
        now += 6 * MINUTE if random.random() < 0.04 else random.choice([1_000, 5_000])
        match turn.next:
            case Listen():
                event = a_key(random, turn.next)
            case Ask(lookup):
                event = an_answer(random, session, lookup, now)
            case Dial():
                event = DialEnded(random.choice(DIALS))
            case End():
                return
            case _:
                pytest.fail(f"{turn.next} is no turn of the engine's")
    pytest.fail("the call came to no end")


def ways_on(calls: Calls, stack: Stack) -> set[Stack]:
    """Give every place that one step can come to, by one edge that waits and all that then happen by themselves."""
    found: set[Stack] = {stack}
    waiting = [edge.target for edge in calls.edges[stack]]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += [edge.target for edge in calls.edges[here] if edge.way == "walk"]
    return found


def test_random_callers_only_take_ways_that_the_lint_knows(library: Library) -> None:
    calls, random = Calls(library), Random(12333)
    seen: set[tuple[str, str]] = set()
    expired = 0
    for _ in range(2000):
        for before, turn, after in a_call(library, random):
            if before.stack:
                assert after.stack in ways_on(calls, before.stack), (before.stack, after.stack)
            assert isinstance(calls.node(after.stack), LookupNode) == isinstance(turn.next, Ask)
            assert "" not in {one.text for one in turn.say}
            seen.add(after.stack[-1])
            expired += before.member is not None and after.member is None
    waiting = {
        (flow.flow, name)
        for flow in library.flows.values()
        for name, node in flow.nodes.items()
        if node.kind in ("menu", "collect", "lookup", "transfer", "hangup")
    }
    assert seen == waiting, "every place that waits was come to, so the comparison means something"
    assert expired > 10
