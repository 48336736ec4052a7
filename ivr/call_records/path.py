"""The path of a call as it grows in its session: a few bytes a turn, by the numbers of places and ways.

It lies in the session, so it is committed with the turn that it tells of or not at all, costs no step on Redis, and is
sealed as all that a session knows.
"""

import struct
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from ivr.ages import is_senior
from ivr.call import Edge, Event, Session, Silence, Turn
from ivr.call_records.ways import Place, Ways
from ivr.speech import LANGUAGES
from ivr.walk import china_day

Slip = Literal["", "silence", "wrong", "again"]
"""What a caller did who did not go on: nothing, a key or an entry that was not asked for, or key 9."""

AgeBand = Literal["", "under 60", "60+"]

LONGEST: Final = 2000
"""Bytes of a path. A call of 60 key turns stays below; what comes after is left out but for the last turn, so that the
record misses some and says so."""

_HEAD: Final = struct.Struct("<H")
_PASSAGE: Final = struct.Struct("<BHHBHHB")
_FORM: Final = 1
_LATEST: Final = 0xFFFFFF
"""Ms, a little more than four and a half hours: no call is that long."""
MOST_EDGES: Final = 200
"""A turn walks 100 nodes at most, and a lookup may follow."""
_SLIPS: Final[tuple[Slip, ...]] = ("", "silence", "wrong", "again")
_SILENCE, _WRONG, _AGAIN = 1, 2, 3
_AGES: Final[tuple[AgeBand, ...]] = ("", "under 60", "60+")
_LANGS: Final = ("", *LANGUAGES)
_VERIFIED, _SLOW, _TOLD, _HUMAN, _SPOKE, _LEFT_WORD, _PUBLIC = (1 << bit for bit in range(6, 13))


class Passage(Struct, frozen=True, array_like=True):
    """One turn of a call: what happened at the place before, and where the call went.

    `at` is ms after the call's start, `took` the ms that the answer to the webhook took. `here` is where the call then
    listened, nowhere where it was over. `told`: it stood at an answer; `human`: it was at a human, waited for one
    or left word; `spoke`: it had spoken with one; `left_word`: a callback was booked or a message left.
    """

    turn: int
    at: int
    took: int
    here: Place
    edges: tuple[Edge, ...] = ()
    slip: Slip = ""
    lang: str = ""
    age: AgeBand = ""
    verified: bool = False
    slow: bool = False
    told: bool = False
    human: bool = False
    spoke: bool = False
    left_word: bool = False
    public: bool = False


def gone_on(before: Session, session: Session, turn: Turn, event: Event, ways: Ways, *, now: int, took: int) -> bytes:
    """Give the path of a call after a turn: that of the session before it, and what the turn was.

    `now` is ms since 1970, `took` ms. A path of another version (the call's own was lost) is begun anew.
    """
    path, head = session.path, _head(ways)
    if not path.startswith(head):
        path = head
    if _only_waits(before, session, turn):
        return path
    flags = _slip(before, session, turn, event) | _LANGS.index(session.lang) << 2
    if len(path) > LONGEST:
        last = _last_of(path)
        flags |= _PASSAGE.unpack_from(path, last)[1] & (_SPOKE | _LEFT_WORD)
        path = path[:last]
    if session.credential is not None or session.member is not None:
        flags |= _age(session, now) << 4
        if session.member is not None:
            flags |= _VERIFIED
    if session.slow:
        flags |= _SLOW
    if session.public:
        flags |= _PUBLIC
    if ways.for_a_human(session.stack):
        flags |= _HUMAN
    elif session.answered and session.in_service:
        flags |= _TOLD
    numbers = []
    for edge in turn.path[:MOST_EDGES]:
        numbers.append(ways.number_of_edge.get(edge, 0))
        if edge in ways.answered:
            flags |= _SPOKE
        elif edge in ways.left_word:
            flags |= _LEFT_WORD
    at = min(max(now - session.started, 0), _LATEST)
    return path + struct.pack(
        f"{_PASSAGE.format}{len(numbers)}H",
        session.turn & 0xFF,
        flags,
        at & 0xFFFF,
        at >> 16,
        min(took, 0xFFFF),
        ways.number_of_place.get(session.stack[-1], 0) if session.stack else 0,
        len(numbers),
        *numbers,
    )


def passages(path: bytes, ways: Ways) -> tuple[Passage, ...]:
    """Read a path; nothing where it is of another version, or was numbered by another release."""
    return tuple(_read(path, ways)) if path.startswith(_head(ways)) else ()


def ends_with(path: bytes, turn: int) -> bool:
    """Tell whether a path ends with this turn."""
    return len(path) > _HEAD.size and path[_last_of(path)] == turn & 0xFF


def joined(path: bytes, after: bytes) -> bytes:
    """Give one path of two of the same call that follow each other; of two versions the later one."""
    return path + after[_HEAD.size :] if path[: _HEAD.size] == after[: _HEAD.size] else after


def _head(ways: Ways) -> bytes:
    """Give how a path begins: it says by which numbers it goes."""
    return _HEAD.pack((ways.check + _FORM) & 0xFFFF)


def _read(path: bytes, ways: Ways) -> Iterator[Passage]:
    at, turn = _HEAD.size, 0
    while at < len(path):
        low, flags, ms, high, took, here, count = _PASSAGE.unpack_from(path, at)
        turn += (low - turn) & 0xFF  # who waits for a human may come to more than 255
        at += _PASSAGE.size
        edges = struct.unpack_from(f"<{count}H", path, at)
        at += 2 * count
        yield Passage(
            turn=turn,
            at=high << 16 | ms,
            took=took,
            here=ways.places[here],
            edges=tuple(ways.edges[number] for number in edges),
            slip=_SLIPS[flags & 3],
            lang=_LANGS[flags >> 2 & 3],
            age=_AGES[flags >> 4 & 3],
            verified=bool(flags & _VERIFIED),
            slow=bool(flags & _SLOW),
            told=bool(flags & _TOLD),
            human=bool(flags & _HUMAN),
            spoke=bool(flags & _SPOKE),
            left_word=bool(flags & _LEFT_WORD),
            public=bool(flags & _PUBLIC),
        )


def _last_of(path: bytes) -> int:
    """Give where the last turn of a path begins."""
    at = after = _HEAD.size
    while after < len(path):
        at, after = after, after + _PASSAGE.size + 2 * _PASSAGE.unpack_from(path, after)[-1]
    return at


def _only_waits(before: Session, session: Session, turn: Turn) -> bool:
    """Tell whether a caller has heard another round in the queue: of these there may be hundreds."""
    return before.place is not None and before.place.waits and not turn.path and before.stack == session.stack


def _slip(before: Session, session: Session, turn: Turn, event: Event) -> int:
    if session.silences > before.silences:
        return _SILENCE
    lost = "lost" in (edge.via for edge in turn.path[:2])  # the first may tell what was wrong
    if isinstance(event, Silence):
        return 0 if turn.path and not lost else _SILENCE  # a silence that leads on is what the menu asks for
    if session.wrongs > before.wrongs or lost:
        return _WRONG
    return _AGAIN if session.repeats > before.repeats else 0


def _age(session: Session, now: int) -> int:
    senior = is_senior(session, china_day(now))
    return 0 if senior is None else 2 if senior else 1
