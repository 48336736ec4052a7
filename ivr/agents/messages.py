"""The lookups of a message: whether one may be left, and noting it once it is spoken."""

from typing import Final

from msgspec.structs import replace

from ivr.attempts import left_in_a_day
from ivr.call import Answered, Event, Recorded, Session
from ivr.calling_numbers import is_telephone
from ivr.counters import Refused
from ivr.flow import RecordNode
from ivr.going_on import service_of
from ivr.inquiry import Inquiry
from ivr.library import Library
from ivr.messages import Message
from ivr.redis_line import StoreAway

MESSAGES_A_DAY: Final = 10
"""Messages that one calling number may leave in a day: agents listen to each."""

WITHHELD_A_DAY: Final = 100
"""Messages that all callers of a hotline together may leave in a day who withhold their numbers."""

SHORTEST_S: Final = 1
"""What is shorter is no message: a cough, or the key that ended it."""


async def message_offer(inquiry: Inquiry) -> Answered:
    """Say whether a message may be left: nobody speaks to a recorder whose tape is then thrown away."""
    if inquiry.session.public:
        return Answered("closed")
    try:
        # The same webhook again takes no second place.
        once = f"{inquiry.call}.{inquiry.session.turn}"
        window = left_in_a_day("message", inquiry.session, each=MESSAGES_A_DAY, withheld=WITHHELD_A_DAY)
        taken = await inquiry.desk.counters.reserve([window], once)
    except StoreAway:
        return Answered("closed")
    return Answered("enough" if isinstance(taken, Refused) else "open")


async def note_message(inquiry: Inquiry) -> Answered:
    """Note the message that was just spoken."""
    session = inquiry.session
    message = message_of(inquiry.call, session, inquiry.library, inquiry.desk.now())
    if message is None:  # Redis has lost it meanwhile
        return Answered("error")
    if message.seconds < SHORTEST_S:
        return Answered("nothing")
    try:
        await inquiry.desk.messages.note(message)
    except StoreAway:
        return Answered("error")
    return Answered("noted")


def message_of(call: str, session: Session, library: Library, now: int) -> Message | None:
    """Give the message that was just spoken in a call; None where there is none. `now` is ms since 1970."""
    if session.recording is None:
        return None
    recording, seconds = session.recording
    calling, _ = session.parties
    return Message(
        recording=recording,
        seconds=seconds,
        call=call,
        hotline=session.hotline,
        number=calling if is_telephone(calling) else "",
        lang=session.lang,
        asked=service_of(library, session.hotline, session.asked),
        verified=session.member is not None,
        at=now,
    )


def message_after(call: str, session: Session, event: Event, library: Library, now: int) -> Message | None:
    """Give the message of a call that was over before the carrier told of it; None where that tells of none."""
    flow, node = session.stack[-1] if session.stack else ("", "")
    is_here = flow in library.flows and isinstance(library.flows[flow].nodes.get(node), RecordNode)
    if not isinstance(event, Recorded) or not is_here or event.seconds < SHORTEST_S:
        return None
    return message_of(call, replace(session, recording=(event.recording, event.seconds)), library, now)
