"""Who is calling: the gate before the number is asked, and the verification by password or SMS code."""

from ivr.accounts.client import Refused
from ivr.accounts.contract import Verified
from ivr.attempts import Tried, account_of, attempt, counted, give_back, hotline_counter
from ivr.call import Answered, Changes, Credential, Member
from ivr.counters import Window
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway
from ivr.weakness import is_weak

VERIFIED_MS = 15 * 60_000
"""A verification ends after fifteen minutes, whatever the account service allows."""


async def gate(inquiry: Inquiry) -> Answered:
    """Say whether the caller has to identify, and whether that is possible now."""
    return Answered("verified") if inquiry.session.member is not None else await may_try(inquiry)


async def may_try(inquiry: Inquiry) -> Answered:
    """Say whether a password or a code can be checked now, so that nobody is asked for one in vain.

    ``closed``: attempts cannot be counted now, too many fail at this hotline, whoever they are, or the audit trail does
    not take entries: callers are sent to agents before they key anything. ``error``: the account service is out.
    """
    session = inquiry.session
    if session.failed >= inquiry.hotline.limits.failed_per_call:
        return Answered("spent")
    if session.public or not inquiry.desk.trail.takes_entries or not await _countable(inquiry):
        return Answered("closed")
    return Answered("error" if inquiry.desk.accounts.breaker.in_vain() else "open")


def counted_by_password(inquiry: Inquiry) -> tuple[Window, ...]:
    """Give the counters of an attempt at a password; a weak one counts twice for the whole hotline."""
    return counted(inquiry, weak=_keyed_weak(inquiry))


async def verify(inquiry: Inquiry) -> Answered:
    """Check the keyed number and password, then judge.

    Unknown number, wrong password, a locked account and our own limit give the same outcomes. A weak or initial
    password opens nothing, whatever the service says: its attempt stays counted, and only a code's success returns it.
    So it is judged by what was keyed alone: a birth year that only the service's yes brings would tell that it was one.
    """
    credential = inquiry.session.credential
    weak = _keyed_weak(inquiry)
    tried = await attempt(inquiry, "pin")
    match tried.answer:
        case Verified() as answer if credential is not None:
            if weak or answer.must_change_pin:
                return _too_simple(inquiry, credential, tried)
            inquiry.settles.extend(tried.giving_back)
            member = _member(answer, inquiry.desk.now())
            return Answered("ok", gives_back=1, changes=Changes(member=member))
        case Refused() if credential is not None:
            return _too_simple(inquiry, credential, tried) if weak else Answered(_refused(inquiry))
        case "spent":
            return Answered("spent")
        case "error":
            return Answered("error", gives_back=1)
        case _:
            return Answered("closed", gives_back=1)


async def verify_code(inquiry: Inquiry) -> Answered:
    """Check the keyed number and SMS code. After a weak or initial password the member still has to change it."""
    tried = await attempt(inquiry, "sms_code")
    session = inquiry.session
    match tried.answer:
        case Verified() as answer if session.credential is not None:
            name, owed = owing(inquiry, session.credential)
            inquiry.settles.extend(tried.giving_back)
            give_back(inquiry, owed or ())
            member = _member(answer, inquiry.desk.now())
            back = 1 + len(owed or ())
            if owed is None and not answer.must_change_pin:
                return Answered("ok", gives_back=back, changes=Changes(member=member))
            changes = Changes(pending=member, owes={**session.owes, name: ()})
            return Answered("must_change", gives_back=back, changes=changes)
        case Refused():
            return Answered(_refused(inquiry))
        case "spent":
            return Answered("spent")
        case "error":
            return Answered("error", gives_back=1)
        case _:
            return Answered("closed", gives_back=1)


def owing(inquiry: Inquiry, credential: Credential) -> tuple[str, tuple[str, ...] | None]:
    """Say by what name this call knows an account, and what attempts a code gives back there.

    None: no weak or initial password was keyed for it in this call. Else the call owes the account a new password,
    whatever else is keyed in between.
    """
    names = inquiry.desk.seals.names("owes", account_of(credential))
    name = next((name for name in names if name in inquiry.session.owes), names[0])
    return name, inquiry.session.owes.get(name)


def birth_of(credential: Credential, birth_year: int | None) -> str | None:
    """Give the birth date that an ID number tells, else the year that the account service told."""
    if credential.kind == "id_card":
        return credential.number[6:14]
    return None if birth_year is None else str(birth_year)


def _too_simple(inquiry: Inquiry, credential: Credential, tried: Tried) -> Answered:
    name, owed = owing(inquiry, credential)
    reservations = (*(owed or ()), *((tried.reservation,) if tried.reservation else ()))
    return Answered("too_simple", changes=Changes(owes={**inquiry.session.owes, name: reservations}))


def _member(answer: Verified, now: int) -> Member:
    lasts = min(VERIFIED_MS, answer.expires_in * 1000)
    return Member(answer.member_ref, now, now + lasts, birth_year=answer.birth_year, region=answer.region)


def _refused(inquiry: Inquiry) -> str:
    failed, limit = inquiry.session.failed, inquiry.hotline.limits.failed_per_call
    if failed >= limit:
        return "spent"
    return "refused" if failed <= 1 else "refused_again"


def _keyed_weak(inquiry: Inquiry) -> bool:
    credential = inquiry.session.credential
    return credential is not None and is_weak(
        inquiry.secret or "",
        birth=birth_of(credential, None),
        numbers=inquiry.session.tails,
        listed=inquiry.library.hotlines.weak_passwords,
    )


async def _countable(inquiry: Inquiry) -> bool:
    counter = hotline_counter(inquiry.session.hotline, inquiry.hotline.limits)
    try:
        return await inquiry.desk.counters.lately_free(counter)
    except StoreAway:
        return False
