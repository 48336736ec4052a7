"""A member's records as answers: lists by the page, participation status, transfers and family mutual aid.

What can be absent or has several forms is a row with a kind of its own, so that each has its own sentence.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from msgspec.structs import replace

from ivr.accounts.client import Outage, ReferenceExpired
from ivr.accounts.contract import Contribution, Coverage, Credit, FamilySharing, Transaction, TransferCase
from ivr.call import Answered, Facts, Rows
from ivr.deadline import Within
from ivr.duty.working_days import WorkingDays
from ivr.inquiry import Inquiry
from ivr.walk import china_day

PAGE: Final = 3
"""Entries that are said at once; key 2 gives as many more."""

MOST: Final = 24
"""Entries that the account service gives at most; whoever wants to know more asks a human."""

SCHEMES: Final = {
    "employee": "scheme.employee",
    "flexible": "scheme.flexible",
    "resident": "scheme.resident",
}
"""The schemes of the contract, each with the prompt that names it."""

RELATIVES: Final = ("spouse", "parent", "child")

_OPEN: Final = frozenset({"submitted", "accepted", "sending_out", "receiving"})
"""Stages of a transfer that is still under way, so that its due date matters."""

_LAST_FOUR: Final = re.compile(r"[0-9]{4}")

Record = TypeVar("Record")


class _UnsayableError(ValueError):
    """A record holds what fits the form of the contract, but is nothing: as much an outage as one that does not."""


async def read_record(
    inquiry: Inquiry, read: Callable[[str], Awaitable[Record]], told: Callable[[Record], Answered]
) -> Answered:
    """Read a record of the verified member and tell it; ``read`` is handed the member's reference.

    An ended verification is no outage (``expired``); anything else amiss is one (``error``).
    """
    member = inquiry.session.member
    if member is None or not member.verified_at <= inquiry.desk.now() < member.expires_at:
        return Answered("expired", forget=True)
    try:
        with Within.until(inquiry.until):
            record = await read(member.ref)
    except ReferenceExpired:
        return Answered("expired", forget=True)
    except (Outage, TimeoutError):
        return Answered("error")
    try:
        return replace(told(record), personal=True)
    except _UnsayableError:
        return Answered("error")


# --- lists, newest first ---------------------------------------------------------------------------------------------


async def contributions(inquiry: Inquiry) -> Answered:
    """Look up the latest months of contribution."""
    return await _contributions(inquiry, 0)


async def contributions_more(inquiry: Inquiry) -> Answered:
    """Go on with the months of contribution before those that were just told."""
    return await _contributions(inquiry, _shown(inquiry))


async def monthly_credits(inquiry: Inquiry) -> Answered:
    """Look up the latest monthly amounts credited to the personal account."""
    return await _credits(inquiry, 0)


async def monthly_credits_more(inquiry: Inquiry) -> Answered:
    """Go on with the monthly credits before those that were just told."""
    return await _credits(inquiry, _shown(inquiry))


async def payments(inquiry: Inquiry) -> Answered:
    """Look up the latest payments from the personal account, and refunds to it."""
    return await _payments(inquiry, 0)


async def payments_more(inquiry: Inquiry) -> Answered:
    """Go on with the payments before those that were just told."""
    return await _payments(inquiry, _shown(inquiry))


async def transfers(inquiry: Inquiry) -> Answered:
    """Look up the newest cases of moving the insurance between regions."""
    return await _transfers(inquiry, 0)


async def transfers_more(inquiry: Inquiry) -> Answered:
    """Go on with the cases before those that were just told."""
    return await _transfers(inquiry, _shown(inquiry))


async def _contributions(inquiry: Inquiry, start: int) -> Answered:
    read = inquiry.desk.accounts.contributions
    return await read_record(
        inquiry,
        lambda ref: read(ref, _limit(start), call_id=inquiry.call),
        lambda found: _page(found, start, _contribution),
    )


async def _credits(inquiry: Inquiry, start: int) -> Answered:
    read = inquiry.desk.accounts.credits
    return await read_record(
        inquiry,
        lambda ref: read(ref, _limit(start), call_id=inquiry.call),
        lambda found: _page(found, start, _credit),
    )


async def _payments(inquiry: Inquiry, start: int) -> Answered:
    read = inquiry.desk.accounts.transactions
    return await read_record(
        inquiry,
        lambda ref: read(ref, _limit(start), call_id=inquiry.call),
        lambda found: _page(found, start, _payment),
    )


async def _transfers(inquiry: Inquiry, start: int) -> Answered:
    today, working_days = china_day(inquiry.desk.now()), inquiry.library.working_days
    return await read_record(
        inquiry,
        lambda ref: inquiry.desk.accounts.transfers(ref, call_id=inquiry.call),
        lambda found: _page(found, start, lambda case: _case(case, today, working_days)),
    )


def _shown(inquiry: Inquiry) -> int:
    """Say how many entries of the list were told already."""
    return int(inquiry.session.facts.get("shown", "0"))


def _limit(start: int) -> int:
    """Say how many entries to ask for: one more than are told shows whether there are any."""
    return min(MOST, start + PAGE + 1)


def _page(found: Sequence[Record], start: int, told: Callable[[Record], Iterable[tuple[str, Facts]]]) -> Answered:
    """Tell the entries of a page, each as one row or several, and whether there are more behind it."""
    page = found[start : start + PAGE]
    if not page:
        return Answered("none")
    shown = start + len(page)
    rows = tuple(row for one in page for row in told(one))
    return Answered("more" if len(found) > shown else "last", {"shown": str(shown)}, rows)


def _contribution(one: Contribution) -> Rows:
    kind = "returned" if one.amount < 0 else one.status
    return ((kind, {"month": _month(one.month), "amount": _yuan(one.amount)}),)


def _credit(one: Credit) -> Rows:
    facts = {"month": _month(one.month), "amount": _yuan(one.amount)}
    if one.amount < 0:
        return (("taken_back", facts),)
    if one.credited_on is None:
        return (("undated", facts),)
    return (("dated", facts | {"credited_on": one.credited_on.isoformat()}),)


def _payment(one: Transaction) -> Rows:
    # The contract tells a refund by its sign; one that only its kind tells is worded as a refund as well.
    kind = "refund" if one.amount < 0 else one.kind
    return ((kind, {"date": one.date.isoformat(), "amount": _yuan(one.amount)}),)


def _case(one: TransferCase, today: date, working_days: WorkingDays) -> Iterable[tuple[str, Facts]]:
    """Tell a transfer: which one, its stage, until when it takes, and its balance. Regions are free text: not said."""
    submitted = {"submitted_on": one.submitted_on.isoformat()}
    if _LAST_FOUR.fullmatch(one.case_number[-4:]):
        yield "numbered", submitted | {"case_tail": one.case_number[-4:]}
    else:
        yield "unnumbered", submitted
    yield one.stage, {}
    if one.stage in _OPEN and one.due_by is not None:
        yield _due(one.due_by, today, working_days)
    if one.balance_arrived is None or (one.stage == "rejected" and not one.balance_arrived):
        return
    arrival = "arrived" if one.balance_arrived else "awaited"
    if one.amount is None or one.amount < 0:
        yield arrival, {}
    else:
        yield f"{arrival}_sum", {"amount": _yuan(one.amount)}


def _due(due: date, today: date, working_days: WorkingDays) -> tuple[str, Facts]:
    facts = {"due_by": due.isoformat()}
    if due < today:
        return "overdue", facts
    left = working_days.left(today, due)
    return ("due_in", facts | {"left": str(left)}) if left else ("due_by", facts)


# --- status and family -----------------------------------------------------------------------------------------------


async def coverage(inquiry: Inquiry) -> Answered:
    """Look up whether the member is insured, in which scheme and since when."""
    read = inquiry.desk.accounts.coverage
    return await read_record(inquiry, lambda ref: read(ref, call_id=inquiry.call), _told_coverage)


async def family(inquiry: Inquiry) -> Answered:
    """Look up whether family mutual aid is on, and who may use the account; relatives by relation, never by name."""
    read = inquiry.desk.accounts.family_sharing
    return await read_record(inquiry, lambda ref: read(ref, call_id=inquiry.call), _told_family)


def _told_coverage(found: Coverage) -> Answered:
    as_of = {"as_of": found.as_of.isoformat()}
    if found.status == "none":
        return Answered("none", as_of)
    rows: list[tuple[str, Facts]] = []
    if found.since is not None:
        rows.append(("since", {"since": _month(found.since)}))
    if found.retired:
        rows.append(("retired", {}))
    rows.append(("as_of", as_of))
    return Answered(found.status, {"scheme": SCHEMES[found.scheme]}, tuple(rows))


def _told_family(found: FamilySharing) -> Answered:
    if not found.enabled:
        return Answered("off")
    if not found.relatives:
        return Answered("nobody")
    bound = [one.relation for one in found.relatives]
    rows = tuple((kind, {"bound": str(bound.count(kind))}) for kind in RELATIVES if kind in bound)
    return Answered("on", rows=rows)


def _month(month: str) -> str:
    """Pass a month of the calendar; the year 0000, which the contract's form lets through, is none."""
    if month.startswith("0000"):
        raise _UnsayableError(month)
    return month


def _yuan(amount: Decimal) -> str:
    return f"{amount:.2f}"
