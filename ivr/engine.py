"""The whole call logic: `step` takes a session and an event and gives the next session and turn. Pure, no I/O.

A call is a stack of (flow, node). One step walks nodes until the call has to wait for something: keys, a lookup, a
human, or its end.
"""

from typing import Literal, assert_never

from msgspec import UNSET
from msgspec.structs import asdict

from ivr import flow as nodes
from ivr.call import (
    Answered,
    DialEnded,
    Edge,
    Event,
    Garbled,
    Keyed,
    NoAnswer,
    QueueLeft,
    Recorded,
    Said,
    Session,
    Silence,
    Started,
    Turn,
    Waited,
)
from ivr.entries import take_entry
from ivr.flow import AGAIN, LANGUAGE_KEYS
from ivr.lasting import is_over, nothing_left, self_service_is_over
from ivr.library import Library
from ivr.pace import heard_again
from ivr.waiting import left, queued, waits
from ivr.walk import FlowStuckError, Walk
from ivr.whispers import WHISPERS

PHRASES = (
    "silence.first",
    "silence.again",
    "silence.spent",
    "silence.agent",
    "silence.agent_entry",
    "key.wrong",
    "key.spent",
    "call.limit",
    "identify.expired",
    "wait",
    "trouble.retry",
    "trouble.sorry",
    "call.shed",
    "goodbye",
    *WHISPERS,
)
"""Prompts that the engine and the driver speak by themselves; every catalog has them."""

VERIFIED_IDLE_MS = 5 * 60_000
"""A verification ends after five minutes without a key."""

JUMP_MS, LONG_TURN_MS = 3600_000, 5 * 60_000
"""No turn takes an hour: that was the clock's jump, not the caller's time. It counts as a long turn, and no more."""

LONG_ENTRY_MS = 60_000
"""Whoever takes longer to key a number or a password is in slow mode from then on."""

Input = Keyed | Silence | Garbled


def step(library: Library, session: Session, event: Event, now: int) -> tuple[Session, Turn]:
    """Give the session after `event`, and what is said and done next. `now` is milliseconds since 1970."""
    walk = Walk(library, session, now)
    turn = queued(walk, _take(walk, event))
    return walk.session, turn


def begin(library: Library, hotline: str, now: int) -> Session:
    """Give the session of a call that has just come in at a hotline: its greeting will be turn 0."""
    data = library.hotlines.hotlines[hotline]
    return Session(hotline, library.version, started=now, turn=-1, lang=data.languages[0], last_at=now)


def _take(walk: Walk, event: Event) -> Turn:
    match event:
        case Started():
            facts = {"dropped": event.dropped} if event.dropped else {}
            walk.change(stack=(), heard=frozenset(), said=(), facts=facts, place=None)
            return walk.enter((walk.hotline.agents_only if event.agents_only else None) or walk.hotline.flow)
        case Answered():
            return _answered(walk, event)
        case DialEnded():
            return _dial_ended(walk, event)
        case Recorded():
            return _recorded(walk, event)
        case Waited():
            _end_old_verification(walk)
            return waits(walk, event)
        case QueueLeft():
            _end_old_verification(walk)
            return left(walk, event)
        case NoAnswer():
            _end_old_verification(walk)
            walk.change(last_at=walk.now)
            return walk.told(("trouble.retry",), also_prompt=True)
        case Keyed() | Silence() | Garbled():
            return _input(walk, event)
        case _:
            assert_never(event)


def _answered(walk: Walk, event: Answered) -> Turn:
    node = walk.node()
    if not isinstance(node, nodes.LookupNode):
        raise FlowStuckError(f"An answer came where flow '{walk.flow().flow}' asks nothing.")
    if event.forget:
        walk.forget()
    if event.changes is not None:
        walk.change(**{name: value for name, value in asdict(event.changes).items() if value is not UNSET})
    if event.facts:
        walk.change(facts={**walk.session.facts, **event.facts})
    walk.rows, walk.aside = event.rows, node.keep
    walk.leave(event.outcome)
    return walk.go(node.outcomes[event.outcome], personal=event.personal)


def _dial_ended(walk: Walk, event: DialEnded) -> Turn:
    _end_old_verification(walk)
    node = walk.node()
    if not isinstance(node, nodes.TransferNode):
        return walk.hear_again()
    walk.change(last_at=walk.now, said=())
    walk.leave(event.outcome)
    return walk.go(node.outcomes[event.outcome])


def _recorded(walk: Walk, event: Recorded) -> Turn:
    _end_old_verification(walk)
    node = walk.node()
    if not isinstance(node, nodes.RecordNode):
        return walk.hear_again()
    walk.change(recording=(event.recording, event.seconds), swallow="" if event.ended else "#")
    return _record_ended(walk, node, "recorded")


def _record_ended(walk: Walk, node: nodes.RecordNode, outcome: Literal["recorded", "nothing", "back"]) -> Turn:
    walk.change(last_at=walk.now, said=())
    walk.leave(outcome)
    return walk.go(node.outcomes[outcome])


def _input(walk: Walk, event: Input) -> Turn:
    """Take what the caller did, unless the call has lasted long enough or a habitual ``#`` is swallowed.

    What is kept of the limits for humans is no one else's; at the whole of them the call ends, whoever it is with.
    """
    _end_old_verification(walk)
    session, limits = walk.session, walk.hotline.limits
    elapsed = max(0, walk.now - session.last_at)
    elapsed = elapsed if elapsed < JUMP_MS else LONG_TURN_MS
    was_over = self_service_is_over(session, limits)
    walk.change(key_turns=session.key_turns + 1, key_ms=session.key_ms + elapsed, last_at=walk.now)
    if was_over and is_over(walk.session, limits):
        return walk.end(("goodbye",))
    if not was_over and nothing_left(walk.session, limits, walk.library.flows):
        return walk.lost("call.limit")
    node = walk.node()
    if isinstance(event, Keyed) and _swallows(session, node, event):
        walk.change(swallow="")
        return walk.hear_last()
    match node:
        case nodes.MenuNode():
            return _menu_key(walk, node, event)
        case nodes.CollectNode():
            if elapsed > LONG_ENTRY_MS:
                walk.change(slow=True)
            return take_entry(walk, node, event)
        case nodes.TransferNode():  # the carrier came back from a dial without saying how it ended
            return _dial_ended(walk, DialEnded("failed"))
        case nodes.RecordNode():  # the carrier recorded nothing, or the caller dropped it
            dropped = isinstance(event, Keyed) and event.keys.startswith("*")
            return _record_ended(walk, node, "back" if dropped else "nothing")
        case _:  # keys where nothing listens: a document of ours was left half-way
            return walk.hear_again()


def verification_is_over(session: Session, now: int) -> bool:
    """Tell whether a verification was idle too long or has reached its end."""
    member = session.member or session.pending
    return member is not None and (now - session.last_at >= VERIFIED_IDLE_MS or now >= member.expires_at)


def _end_old_verification(walk: Walk) -> None:
    """End a verification that is over; a clock that ran back ends it as well."""
    session = walk.session
    member = session.member or session.pending
    if member is None:
        return
    ran_back = walk.now < max(session.last_at, member.verified_at)
    if not ran_back and not verification_is_over(session, walk.now):
        return
    if session.member is None:
        walk.change(pending=None)  # the number that was keyed stays: it may be tried again
        return
    spoken = any(one.personal for one in session.said)
    walk.forget((Said("identify.expired", {}, lead=True),) if spoken else ())


def _swallows(session: Session, node: nodes.Node, event: Keyed) -> bool:
    """A habitual ``#`` after an entry that needed none, or the late star for X, does no harm."""
    if not session.swallow:
        return False
    if isinstance(node, nodes.MenuNode):
        return _key(event) == "#"
    first_hash = event.keys == "" and event.ended
    return first_hash or (session.swallow == "*#" and event.keys == "*")


def _key(event: Keyed) -> str:
    return event.keys or ("#" if event.ended else "")


def _menu_key(walk: Walk, node: nodes.MenuNode, event: Input) -> Turn:
    if isinstance(event, Silence):
        if not node.silent:
            return walk.silence()
        walk.leave("silent")
        return walk.go(node.silent)
    key = _key(event) if isinstance(event, Keyed) else ""
    walk.change(swallow="" if key in ("", "#") else "#")
    own = node.target(key) or next((one.to for one in node.offers if one.key == key and walk.holds(one)), None)
    if own or (node.any and len(key) == 1):
        walk.leave(key if own else "any")
        return _led(walk, own or str(node.any))
    lang = LANGUAGE_KEYS[walk.session.lang].get(key)
    if lang in walk.hotline.languages:
        walk.change(lang=lang, silences=0, wrongs=0)
        return walk.hear_again()
    target = walk.inherited(key)
    if target is None:
        return walk.wrong(("key.wrong",), also_prompt=True)
    depth, name = target
    if name != AGAIN:
        walk.unwind(depth)
    walk.path.append(Edge(walk.session.stack[depth - 1][0], "", key))
    return _led(walk, name)


def _led(walk: Walk, name: str) -> Turn:
    walk.change(silences=0, wrongs=0)
    return _again(walk) if name == AGAIN else walk.go(name, fresh=True)


def _again(walk: Walk) -> Turn:
    """Give the answer and the menu again."""
    walk.session = heard_again(walk.session)
    return walk.hear_again()
