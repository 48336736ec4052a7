"""What a turn asks the queue before it is made, and tells it before it is committed."""

from typing import Final

from msgspec.structs import replace

from ivr.call import Enqueue, Event, Garbled, Hold, Keyed, Leave, NoAnswer, QueueLeft, Session, Silence, Turn, Waited
from ivr.pages import Call
from ivr.seals import Position
from ivr.stepping import Step, Stepping
from ivr.store import Kept

MOST_ROUNDS: Final = 10_000
"""More rounds than any wait has."""


def beyond(position: Position) -> Position:
    """Go on after a wait that began with this turn, above the turns of all its rounds, which are not known here.

    A round of it that comes late is then a turn that has been, and no call goes on from it.
    """
    return replace(position, turn=position.turn + MOST_ROUNDS)


def waited(session: Session, event: Event) -> Event:
    """Read what happened in the queue: a round that is over, or the one key that ended it. Who is next nobody knows."""
    waits = session.place is not None and session.place.waits
    if not waits or not isinstance(event, Keyed | Silence | Garbled | NoAnswer):
        return event
    return Waited(event.keys[:1] or "#" if isinstance(event, Keyed) else "")


async def looked(stepping: Stepping, call: str, session: Session, event: Event) -> Event:
    """Give the event of a turn in the queue with where the caller stands, or of its end with what comes of it.

    Any other stays as it is. May raise StoreAway.
    """
    if isinstance(event, QueueLeft):
        return await _ended(stepping, call, session, event)
    event = waited(session, event)
    if not isinstance(event, Waited):
        return event
    standing = await stepping.desk.places.stands(call, session, stepping.library_of(session))
    served = session.place is not None and _is_served(stepping, session.hotline, session.place.group)
    return replace(event, ahead=standing.ahead, minutes=standing.minutes, served=served)


def _is_served(stepping: Stepping, hotline: str, group: str) -> bool:
    """Tell whether agents still see who waits for a group: they go by the flows of today, and not by the call's."""
    there = stepping.versions.current.hotlines.hotlines.get(hotline)
    return there is not None and group in there.agents and there.agents[group].queue


async def placed(stepping: Stepping, call: str, before: Session, session: Session, turn: Turn) -> Session:
    """Note where in the call the carrier's queue begins; who leaves it is nobody's to take. May raise StoreAway.

    Whoever has heard what is said before the queue comes into it with the first turn there. An agent may take a caller
    right after a key that changed the language: the card tells it at once.
    """
    match turn.next:
        case Enqueue() if session.place is not None:
            return replace(session, place=replace(session.place, turn=session.turn + 1))
        case Leave():
            await stepping.desk.places.aside(call, session)
        case Hold() if (before.lang, before.slow, before.all_repeats) != (
            session.lang,
            session.slow,
            session.all_repeats,
        ):
            await stepping.desk.places.stands(call, session, stepping.library_of(session))
    return session


async def _ended(stepping: Stepping, call: str, session: Session, event: QueueLeft) -> QueueLeft:
    """Tell the queue how a wait has ended, and learn whether the agent has handed over."""
    if event.outcome == "answered":
        return replace(event, to=event.to or await stepping.desk.places.served(call, session))
    if event.outcome == "failed":
        await stepping.desk.places.gone(call, session)
    return event


async def broken_off(stepping: Stepping, call: Call, here: Position, kept: Kept | None, arrived: float) -> Step | None:
    """Give the step of a wait whose webhook failed: a talk, a key that leaves, or else back into the queue.

    None where the call does not wait, or its last reply is what puts it into the queue. May raise StoreAway.
    """
    if here.place is None or (kept is not None and here.place.turn > kept.turn):
        return None
    session = stepping.session_at(here) if kept is None else kept.session
    event = QueueLeft("left" if here.place.choice else "again")
    if event.outcome == "again" and await stepping.desk.places.speaks(call.sid, session):
        event = QueueLeft("answered")
    return Step(call, session, None if kept is None else kept.turn, event, arrived)
