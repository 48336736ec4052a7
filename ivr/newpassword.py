"""A new password: judged, keyed twice, then changed in the bureau's system."""

import contextlib
import hmac

from ivr.accounts.client import Outage, ReferenceExpired
from ivr.call import Answered, Changes, Member, Owes
from ivr.deadline import Within
from ivr.identity import birth_of, owing
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.weakness import weak_reason


async def judge_password(inquiry: Inquiry) -> Answered:
    """Refuse a weak new password with its reason; keep one that is not, until it is keyed again."""
    member, credential, digits = whose(inquiry), inquiry.session.credential, inquiry.secret
    if member is None or credential is None or digits is None:
        return Answered("expired", forget=True)
    reason = weak_reason(
        digits,
        birth=birth_of(credential, member.birth_year),
        numbers=inquiry.session.tails,
        listed=inquiry.library.hotlines.weak_passwords,
    )
    if reason is not None:
        return Answered(reason)
    try:
        await inquiry.desk.kept_passwords.keep(inquiry.call, digits)
    except StoreAway:
        return Answered("error")
    return Answered("ok")


async def change_password(inquiry: Inquiry) -> Answered:
    """Change the password where it was keyed the same twice; only then is a member verified who had to change it."""
    member, digits = whose(inquiry), inquiry.secret
    if member is None or digits is None:
        return Answered("expired", forget=True)
    try:
        first = await inquiry.desk.kept_passwords.take(inquiry.call)
        if first is None:
            return Answered("late")
        if not hmac.compare_digest(first.encode(), digits.encode()):
            return Answered("different")
        with Within.until(inquiry.until):
            changed = await inquiry.desk.accounts.change_pin(member.ref, digits, call_id=inquiry.call)
    except ReferenceExpired:
        return Answered("expired", forget=True)
    except (Outage, StoreAway, TimeoutError):
        return Answered("error")
    if changed == "weak":
        return Answered("weak")
    return Answered("changed", changes=Changes(member=member, pending=None, owes=_owes_no_more(inquiry)))


def _owes_no_more(inquiry: Inquiry) -> Owes:
    session = inquiry.session
    paid = owing(inquiry, session.credential)[0] if session.credential is not None else ""
    return {name: attempts for name, attempts in session.owes.items() if name != paid}


async def drop_password(inquiry: Inquiry) -> Answered:
    """Forget the first entry, because the caller goes back. Where the store is away it ends by itself."""
    with contextlib.suppress(StoreAway):
        await inquiry.desk.kept_passwords.drop(inquiry.call)
    return Answered("done")


def whose(inquiry: Inquiry) -> Member | None:
    """Give whose password may be changed: a verified member, or one whom an SMS code has proved."""
    member = inquiry.session.member or inquiry.session.pending
    if member is None or not member.verified_at <= inquiry.desk.now() < member.expires_at:
        return None
    return member
