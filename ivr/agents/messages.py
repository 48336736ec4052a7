"""The lookups of a message: whether one may be left, and noting it once it is spoken."""

from typing import Final

from ivr.attempts import left_in_a_day
from ivr.call import Answered
from ivr.calling_numbers import is_telephone
from ivr.counters import Refused
from ivr.going_on import service_of
from ivr.inquiry import Inquiry
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
    if session.recording is None:  # Redis has lost it meanwhile
        return Answered("error")
    recording, seconds = session.recording
    if seconds < SHORTEST_S:
        return Answered("nothing")
    calling, _ = session.parties
    message = Message(
        recording=recording,
        seconds=seconds,
        call=inquiry.call,
        hotline=session.hotline,
        number=calling if is_telephone(calling) else "",
        lang=session.lang,
        asked=service_of(inquiry.library, session.hotline, session.asked),
        verified=session.member is not None,
        at=inquiry.desk.now(),
    )
    try:
        await inquiry.desk.messages.note(message)
    except StoreAway:
        return Answered("error")
    return Answered("noted")
