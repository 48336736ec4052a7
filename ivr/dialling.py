"""How often humans are rung, in one call, by one caller and for all callers of a day; never without an end."""

from typing import Final

from msgspec.structs import replace

from ivr.attempts import DAY_SECONDS
from ivr.call import Dial, DialEnded, End, Enqueue, Session, Turn
from ivr.calling_numbers import is_telephone
from ivr.counters import Reserved, Window
from ivr.engine import step
from ivr.flow import Limits
from ivr.inquiry import Desk
from ivr.redis_line import StoreAway
from ivr.stepping import Stepping

SHARE_OF_ONE: Final = 5
SHARE_OF_WITHHELD: Final = 2
"""What one calling number, and all that withhold theirs together, may take of a hotline's day of dials: a fifth, half.

Without it a single caller who hangs up and calls again would leave nobody to ring for all others.
"""

_REFUSALS = 3
"""Flows that try another group where one cannot be reached come to an end all the same."""


async def dialled(stepping: Stepping, sid: str, before: Session, session: Session, turn: Turn) -> tuple[Session, Turn]:
    """Count a turn's way to a human; once there were too many, go on as where nobody can be reached.

    The same turn counts once, however often it is made, and so does a place in a queue, however often it is left.
    Where Redis cannot count, humans are rung all the same. Whoever comes into a queue for which no agent can be rung is
    put through as where there is none.
    """
    if isinstance(turn.next, Enqueue) and not stepping.desk.places.offered:
        session, turn = replace(session, place=None), turn._replace(next=Dial(turn.next.group))
    if isinstance(turn.next, Enqueue) and before.place is not None:
        return session, turn
    desk, library = stepping.desk, stepping.library_of(session)
    for _ in range(_REFUSALS):
        if not isinstance(turn.next, Dial | Enqueue):
            return session, turn
        if await _may_dial(desk, sid, session, library.hotlines.hotlines[session.hotline].limits):
            return replace(session, dials=session.dials + 1), turn
        flow, node = session.stack[-1]
        announced = getattr(library.flows[flow].nodes[node], "say", ())
        moved, after = step(library, replace(session, place=None), DialEnded("failed"), desk.now())
        session = replace(moved, turn=session.turn)
        say = tuple(one for one in turn.say if one.prompt not in announced)
        turn = Turn(say + after.say, after.next, turn.path + after.path)
    return session, turn if not isinstance(turn.next, Dial | Enqueue) else turn._replace(next=End())


async def _may_dial(desk: Desk, sid: str, session: Session, limits: Limits) -> bool:
    if session.dials >= limits.dials_per_call:
        return False
    today = Window("dials", session.hotline, limits.dials_a_day, DAY_SECONDS)
    try:
        counted = await desk.counters.reserve([_of_caller(session, limits), today], f"{sid}.{session.turn}")
    except StoreAway:
        return True
    return isinstance(counted, Reserved)


def _of_caller(session: Session, limits: Limits) -> Window:
    calling, _ = session.parties
    known = is_telephone(calling)
    share = limits.dials_a_day // (SHARE_OF_ONE if known else SHARE_OF_WITHHELD)
    value = f"{session.hotline}\n{calling if known else ''}"
    return Window("caller_dials", value, max(limits.dials_per_call, share), DAY_SECONDS)
