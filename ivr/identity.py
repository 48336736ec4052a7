"""Who is calling: the gate before the number is asked, and the verification by password or SMS code."""

import asyncio
from secrets import token_hex
from typing import Literal, NamedTuple

from ivr.accounts.client import Outage, Refused
from ivr.accounts.contract import Verified
from ivr.call import Answered, Changes, Credential, Member
from ivr.counters import Reserved
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.weakness import is_weak

DAY_SECONDS = 24 * 3600
VERIFIED_MS = 15 * 60_000
"""A verification ends after fifteen minutes, whatever the account service allows."""


class Tried(NamedTuple):
    """What came of an attempt: what the service said, `Refused` by our own count too, or an outcome that ends it."""

    answer: Verified | Refused | Literal["closed", "spent", "error"]
    reservation: str = ""


async def gate(inquiry: Inquiry) -> Answered:
    """Say whether the caller has to identify, and whether that is possible now."""
    return Answered("verified") if inquiry.session.member is not None else await may_try(inquiry)


async def may_try(inquiry: Inquiry) -> Answered:
    """Say whether a password or a code can be checked now, so that nobody is asked for one in vain.

    ``closed``: attempts cannot be counted now. ``error``: the account service is out.
    """
    session = inquiry.session
    if session.failed >= inquiry.hotline.limits.failed_per_call:
        return Answered("spent")
    if session.public or not await _countable(inquiry):
        return Answered("closed")
    return Answered("error" if inquiry.desk.accounts.out else "open")


async def verify(inquiry: Inquiry) -> Answered:
    """Check the keyed number and password, then judge.

    Unknown number, wrong password, a locked account and our own limit give the same outcomes. A weak or initial
    password opens nothing, whatever the service says: its attempt stays counted, and only a code's success returns it.
    """
    tried = await _attempt(inquiry, "pin")
    credential = inquiry.session.credential
    match tried.answer:
        case Verified() as answer if credential is not None:
            if answer.must_change_pin or _is_weak(inquiry, credential, answer.birth_year):
                return _too_simple(inquiry, tried)
            await _give_back(inquiry, tried.reservation)
            member = _member(answer, inquiry.desk.now())
            return Answered("ok", gives_back=1, changes=Changes(member=member, must_change=False))
        case Refused() if credential is not None:
            weak = _is_weak(inquiry, credential, None)
            return _too_simple(inquiry, tried) if weak else Answered(_refused(inquiry))
        case "spent":
            return Answered("spent")
        case "error":
            return Answered("error", gives_back=1)
        case _:
            return Answered("closed", gives_back=1)


async def verify_code(inquiry: Inquiry) -> Answered:
    """Check the keyed number and SMS code. After a weak or initial password the member still has to change it."""
    tried = await _attempt(inquiry, "sms_code")
    session = inquiry.session
    match tried.answer:
        case Verified() as answer:
            for reservation in (tried.reservation, *session.owed):
                await _give_back(inquiry, reservation)
            member = _member(answer, inquiry.desk.now())
            back = 1 + len(session.owed)
            if session.must_change or answer.must_change_pin:
                changes = Changes(pending=member, must_change=True, owed=())
                return Answered("must_change", gives_back=back, changes=changes)
            return Answered("ok", gives_back=back, changes=Changes(member=member, owed=()))
        case Refused():
            return Answered(_refused(inquiry))
        case "spent":
            return Answered("spent")
        case "error":
            return Answered("error", gives_back=1)
        case _:
            return Answered("closed", gives_back=1)


async def _attempt(inquiry: Inquiry, kind: Literal["pin", "sms_code"]) -> Tried:
    """Reserve the account's attempt, then ask the service once. The call's attempt was reserved with its claim.

    A refusal of our own makes no request and takes as long as a recent refusal of the service. An outage gives the
    account's attempt back.
    """
    session, desk = inquiry.session, inquiry.desk
    if session.credential is None or inquiry.secret is None or session.public:
        return Tried("closed")
    if inquiry.spent:
        await asyncio.sleep(desk.recent_refusal.seconds)
        return Tried("spent")
    reservation = f"{inquiry.call}-{token_hex(6)}"
    try:
        reserved = await desk.counters.reserve(
            "account",
            account_of(session.credential),
            limit=inquiry.hotline.limits.failed_per_account_a_day,
            window_s=DAY_SECONDS,
            reservation=reservation,
        )
    except StoreAway:
        return Tried("closed")
    if not isinstance(reserved, Reserved):
        await asyncio.sleep(desk.recent_refusal.seconds)
        return Tried(Refused(locked=False))
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        async with asyncio.timeout_at(inquiry.until):
            answer = await desk.accounts.verify(
                session.credential, kind, inquiry.secret, call_id=inquiry.call, region=inquiry.hotline.region
            )
    except (Outage, TimeoutError):
        await _give_back(inquiry, reservation)
        return Tried("error")
    if isinstance(answer, Refused):
        desk.recent_refusal.seconds = loop.time() - asked
    return Tried(answer, reservation)


def account_of(credential: Credential) -> str:
    """Name an account for its counters; the counters keep a keyed HMAC of it alone."""
    return f"{credential.kind}:{credential.number}"


def birth_of(credential: Credential, birth_year: int | None) -> str | None:
    """Give the birth date that an ID number tells, else the year that the account service told."""
    if credential.kind == "id_card":
        return credential.number[6:14]
    return None if birth_year is None else str(birth_year)


def _too_simple(inquiry: Inquiry, tried: Tried) -> Answered:
    owed = inquiry.session.owed + ((tried.reservation,) if tried.reservation else ())
    return Answered("too_simple", changes=Changes(must_change=True, owed=owed))


def _member(answer: Verified, now: int) -> Member:
    lasts = min(VERIFIED_MS, answer.expires_in * 1000)
    return Member(answer.member_ref, now, now + lasts, birth_year=answer.birth_year, region=answer.region)


def _refused(inquiry: Inquiry) -> str:
    failed, limit = inquiry.session.failed, inquiry.hotline.limits.failed_per_call
    if failed >= limit:
        return "spent"
    return "refused" if failed <= 1 else "refused_again"


def _is_weak(inquiry: Inquiry, credential: Credential, birth_year: int | None) -> bool:
    return is_weak(
        inquiry.secret or "",
        birth=birth_of(credential, birth_year),
        numbers=inquiry.session.tails,
        listed=inquiry.library.hotlines.weak_passwords,
    )


async def _countable(inquiry: Inquiry) -> bool:
    """Without a confirmed count there is no verification, so nobody is asked for a number in vain."""
    try:
        return await inquiry.desk.counters.lately_confirmed()
    except StoreAway:
        return False


async def _give_back(inquiry: Inquiry, reservation: str) -> None:
    credential = inquiry.session.credential
    if not reservation or credential is None:
        return
    try:
        await inquiry.desk.counters.give_back("account", account_of(credential), reservation)
    except StoreAway:
        return  # the attempt stays counted, which errs on the safe side and ends after a day
