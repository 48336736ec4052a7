"""One attempt at a password or a code: reserved at every counter, asked about once, given back where it must be."""

import asyncio
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ivr.accounts.client import Outage, Refused
from ivr.accounts.contract import Verified
from ivr.call import Credential, Session
from ivr.calling_numbers import is_telephone
from ivr.counters import Reserved, Window
from ivr.deadline import Within
from ivr.flow import Limits
from ivr.inquiry import Inquiry
from ivr.redis_line import Command
from ivr.refusal_times import Question

DAY_SECONDS = 24 * 3600
HOUR_SECONDS = 3600
WEAK_COUNTS = 2
"""A weak password is what is tried at many numbers, so the whole hotline counts it twice."""


def left_in_a_day(kind: str, session: Session, *, each: int, withheld: int) -> Window:
    """Count what callers leave for agents to do: by calling number, and together for all who withhold theirs."""
    calling, _ = session.parties
    if is_telephone(calling):
        return Window(kind, calling, each, DAY_SECONDS)
    return Window(kind, f"withheld {session.hotline}", withheld, DAY_SECONDS)


class Tried(NamedTuple):
    """What came of an attempt: what the service said, `Refused` by our own count too, or an outcome that ends it.

    `giving_back` are the steps that give it back everywhere, for `Inquiry.settles`; a later turn finds them by the
    name of the `reservation`.
    """

    answer: Verified | Refused | Literal["closed", "spent", "error"]
    reservation: str = ""
    giving_back: tuple[Command, ...] = ()


def counted(inquiry: Inquiry, *, weak: bool = False) -> tuple[Window, ...]:
    """Give the counters of an attempt: account, calling number, whole hotline; none where nothing can be tried.

    The call's own is reserved with its claim, and in the same trip as these.
    """
    session = inquiry.session
    if session.credential is None or inquiry.secret is None or session.public:
        return ()
    return _counters(inquiry, session.credential, WEAK_COUNTS if weak else 1)


async def attempt(inquiry: Inquiry, kind: Literal["pin", "sms_code"]) -> Tried:
    """Ask the service once, where the attempt has its places at every counter.

    A refusal of ours makes no request, takes as long as a recent refusal of the service, and leaves nothing counted but
    the call's attempt: else attackers would spend the owner's. An outage gives everything back.
    """
    session, desk, reserved = inquiry.session, inquiry.desk, inquiry.attempt
    if session.credential is None or inquiry.secret is None or reserved is None:
        return Tried("closed")
    if not isinstance(reserved, Reserved):
        await as_long_as_a_refusal(inquiry, "verification")
        return Tried("spent" if reserved == "spent" else Refused(locked=False))
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        with Within.until(inquiry.until):
            answer = await desk.accounts.verify(
                session.credential, kind, inquiry.secret, call_id=inquiry.call, region=inquiry.hotline.region
            )
    except (Outage, TimeoutError):
        inquiry.settles.extend(reserved.giving_back)
        return Tried("error")
    if isinstance(answer, Refused):
        await desk.refusal_times.note("verification", loop.time() - asked)
    return Tried(answer, reserved.reservation, reserved.giving_back)


def give_back(inquiry: Inquiry, reservations: Sequence[str]) -> None:
    """Give earlier attempts at the number that is keyed now back everywhere, with the commit of this turn.

    Without one they stay counted, and end after a day.
    """
    credential = inquiry.session.credential
    if credential is None:
        return
    counters = _counters(inquiry, credential, WEAK_COUNTS)
    for reservation in reservations:
        inquiry.settles.extend(inquiry.desk.counters.giving_back(counters, reservation))


async def as_long_as_a_refusal(inquiry: Inquiry, question: Question) -> None:
    """Wait as long as the service last took to refuse, at most for as long as this work may take."""
    recent = await inquiry.desk.refusal_times.recent(question)
    await asyncio.sleep(max(0.0, min(recent, inquiry.until - asyncio.get_running_loop().time())))


def account_of(credential: Credential) -> str:
    """Name an account for its counters; the counters keep a keyed HMAC of it alone."""
    return f"{credential.kind}:{credential.number}"


def hotline_counter(name: str, limits: Limits, places: int = 1) -> Window:
    """Give the counter of all failed credentials of a hotline: it tells passwords that are tried at many numbers."""
    return Window("hotline", name, limits.failed_per_hotline, limits.failed_per_hotline_minutes * 60, places=places)


def _counters(inquiry: Inquiry, credential: Credential, hotline_places: int) -> tuple[Window, ...]:
    limits, account = inquiry.hotline.limits, account_of(credential)
    calling, _ = inquiry.session.parties
    number = Window("number", calling, limits.failed_accounts_per_number_an_hour, HOUR_SECONDS, of=account)
    return (
        Window("account", account, limits.failed_per_account_a_day, DAY_SECONDS),
        *((number,) if is_telephone(calling) else ()),
        hotline_counter(inquiry.session.hotline, limits, hotline_places),
    )
