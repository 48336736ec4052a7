"""The lookups of a callback: which number is meant, and booking it."""

import contextlib
from typing import Final

from ivr.agents.cards import card_of
from ivr.attempts import left_in_a_day
from ivr.bookings import Booking, new_code
from ivr.call import Answered, Changes
from ivr.counters import Refused
from ivr.duty.calendar import on_duty
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.telephones import own_number
from ivr.walk import china_time

BOOKINGS_A_DAY: Final = 3
"""Callbacks that one calling number may book in a day: each may be to another number, and its owner did not ask."""

WITHHELD_A_DAY: Final = 50
"""Callbacks that all callers of a hotline together may book in a day who withhold their numbers."""


async def callback_offer(inquiry: Inquiry) -> Answered:
    """Say which number can be called back: the caller's ``own`` one, or an ``other`` that has to be keyed.

    Without a confirmed count none can be booked, so nobody is asked for a number in vain.
    """
    calling, _ = inquiry.session.parties
    own = own_number(calling)
    try:
        if inquiry.session.public or not await inquiry.desk.counters.epoch_confirmed():
            return Answered("closed")
        if own is None:
            return Answered("other")
        if await inquiry.desk.bookings.is_booked(own):
            return Answered("booked")
    except StoreAway:
        return Answered("closed")
    return Answered("own", {"phone_tail": own[-4:]}, changes=Changes(callback=own))


async def goes_on_waiting(inquiry: Inquiry) -> Answered:
    """Say whether a caller who books nothing goes on waiting: one with a place in a queue that is still served."""
    place, library = inquiry.session.place, inquiry.library
    group = None if place is None else inquiry.hotline.agents.get(place.group)
    served = group is not None and on_duty(group.duty, library.working_days, china_time(inquiry.desk.now()))
    return Answered("yes" if served else "no")


async def book_callback(inquiry: Inquiry) -> Answered:
    """Book a callback to the number that was confirmed; told with the code that the agent has to say first."""
    session, desk = inquiry.session, inquiry.desk
    if session.public or not session.callback:
        return Answered("error")
    now, place = desk.now(), session.place
    card = card_of(inquiry.call, session, inquiry.library, now)
    booking = Booking(
        call=inquiry.call,
        hotline=session.hotline,
        number=session.callback,
        code=new_code(),
        lang=card.lang,
        asked=card.asked,
        verified=card.verified,
        slow=card.slow,
        at=place.joined if place is not None and place.kept(now) else now,
        path=card.path,
        answered=card.answered,
        repeats=card.repeats,
        silences=card.silences,
        age_band=card.age_band,
        keyed_tail=card.keyed_tail,
    )
    try:
        # The same call and number again take no second place.
        reservation = f"{inquiry.call}-{desk.seals.name('callback of a call', booking.number)}"
        window = left_in_a_day("callback", session, each=BOOKINGS_A_DAY, withheld=WITHHELD_A_DAY)
        if isinstance(await desk.counters.reserve([window], reservation), Refused):
            return Answered("enough")
        booked = await desk.bookings.book(booking)
    except StoreAway:
        return Answered("error")
    if booked is None:
        return Answered("booked")
    if place is not None:
        with contextlib.suppress(StoreAway):  # the booking has the time of the place, whatever becomes of that
            name = desk.bookings.names(booked.number)[0]
            await desk.places.to_callback(inquiry.call, session, inquiry.library, name)
    return Answered("ok", {"code": booked.code}, changes=Changes(place=None))
