"""Who is calling: the gate before the number is asked, and the verification of number and password."""

import asyncio
from secrets import token_hex

from ivr.accounts.client import Outage, Refused, Verified
from ivr.call import Answered, Credential, Member
from ivr.counters import Reserved
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.validators import is_weak

DAY_SECONDS = 24 * 3600
VERIFIED_MS = 15 * 60_000
"""A verification ends after fifteen minutes, whatever the account service allows."""


async def gate(inquiry: Inquiry) -> Answered:
    """Say whether the caller has to identify, and whether that is possible now."""
    session = inquiry.session
    if session.member is not None:
        return Answered("verified")
    if session.failed >= inquiry.hotline.limits.failed_per_call:
        return Answered("spent")
    if session.public or not await _countable(inquiry):
        return Answered("closed")
    return Answered("open")


async def verify(inquiry: Inquiry) -> Answered:
    """Check the keyed number and password: reserve the account's attempt first, ask the service once, then judge.

    The call's attempt has been reserved with the turn's claim. Unknown number, wrong password, a locked account and
    our own limit give the same outcomes. A weak password opens nothing, whatever the service says.
    """
    session, desk = inquiry.session, inquiry.desk
    credential = session.credential
    if credential is None or inquiry.secret is None or session.public:
        return Answered("closed")
    if inquiry.spent:
        await asyncio.sleep(desk.recent_refusal.seconds)
        return Answered("spent")
    account = f"{credential.kind}:{credential.number}"
    reservation = f"{inquiry.call}-{token_hex(6)}"
    try:
        if not await desk.counters.epoch_confirmed():
            return Answered("closed")
        reserved = await desk.counters.reserve(
            "account",
            account,
            limit=inquiry.hotline.limits.failed_per_account_a_day,
            window_s=DAY_SECONDS,
            reservation=reservation,
        )
    except StoreAway:
        return Answered("closed")
    weak = _is_weak(inquiry, credential, birth_year=None)
    if not isinstance(reserved, Reserved):
        await asyncio.sleep(desk.recent_refusal.seconds)
        return Answered("too_simple" if weak else _refused(inquiry))
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        async with asyncio.timeout_at(inquiry.until):
            answer = await desk.accounts.verify(
                credential, "pin", inquiry.secret, call_id=inquiry.call, region=inquiry.hotline.region
            )
    except (Outage, TimeoutError):
        await _give_back(inquiry, account, reservation)
        return Answered("error")
    if isinstance(answer, Refused):
        desk.recent_refusal.seconds = loop.time() - asked
        return Answered("too_simple" if weak else _refused(inquiry))
    if weak or answer.must_change_pin or _is_weak(inquiry, credential, birth_year=answer.birth_year):
        return Answered("too_simple")
    await _give_back(inquiry, account, reservation)
    return Answered("ok", member=_member(answer, desk.now()))


def _member(answer: Verified, now: int) -> Member:
    lasts = min(VERIFIED_MS, answer.expires_in * 1000)
    return Member(answer.member_ref, now, now + lasts, birth_year=answer.birth_year, region=answer.region)


def _refused(inquiry: Inquiry) -> str:
    failed, limit = inquiry.session.failed, inquiry.hotline.limits.failed_per_call
    if failed >= limit:
        return "spent"
    return "refused" if failed <= 1 else "refused_again"


def _is_weak(inquiry: Inquiry, credential: Credential, birth_year: int | None) -> bool:
    birth = credential.number[6:14] if credential.kind == "id_card" else str(birth_year) if birth_year else None
    return is_weak(inquiry.secret or "", birth=birth, numbers=inquiry.session.tails, listed=inquiry.desk.weak_passwords)


async def _countable(inquiry: Inquiry) -> bool:
    """Without a confirmed count there is no verification, so nobody is asked for a number in vain."""
    try:
        return await inquiry.desk.counters.epoch_confirmed()
    except StoreAway:
        return False


async def _give_back(inquiry: Inquiry, account: str, reservation: str) -> None:
    try:
        await inquiry.desk.counters.give_back("account", account, reservation)
    except StoreAway:
        return  # the attempt stays counted, which errs on the safe side and ends after a day
