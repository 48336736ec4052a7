"""Cards: what an agent sees of a caller, made of the call's session. Pure."""

from typing import Final

from msgspec.structs import replace

from ivr.agents.queue import Waiter
from ivr.call import Session
from ivr.calling_numbers import is_telephone
from ivr.engine import verification_is_over
from ivr.going_on import service_of, services_of
from ivr.library import Library
from ivr.walk import Walk

SENIOR: Final = "60+"


def card_of(call: str, session: Session, library: Library, now: int) -> Waiter:
    """Make the card of a caller who waits, or asks to be called back. `now` is ms since 1970."""
    if session.member is not None and verification_is_over(session, now):
        session = replace(session, member=None, credential=None)
    calling, _ = session.parties
    return Waiter(
        call=call,
        hotline=session.hotline,
        group=session.place.group if session.place else "",
        joined_at=session.place.joined if session.place else now,
        since=session.place.since if session.place else 0,
        lang=session.lang,
        slow=session.slow,
        verified=session.member is not None,
        age_band=SENIOR if Walk(library, session, now).senior() else "",
        path=services_of(library, session),
        asked=service_of(library, session.hotline, session.asked),
        answered=session.answered,
        repeats=session.all_repeats,
        silences=session.all_silences,
        caller_tail=calling[-4:] if is_telephone(calling) else "",
        keyed_tail=session.credential.number[-4:] if session.credential else "",
        version=session.version,
    )
