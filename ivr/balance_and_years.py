"""The lookups of the personal account's balance and of the contribution years."""

from ivr.accounts.contract import Balance, ContributionYears
from ivr.call import Answered
from ivr.inquiry import Inquiry
from ivr.records import read_record


async def balance(inquiry: Inquiry) -> Answered:
    """Look up the balance of the personal account."""
    read = inquiry.desk.accounts.balance
    return await read_record(inquiry, lambda ref: read(ref, call_id=inquiry.call), _told_balance)


async def years(inquiry: Inquiry) -> Answered:
    """Look up the contribution time, in months, and what is missing for lifetime cover."""
    read = inquiry.desk.accounts.years
    return await read_record(inquiry, lambda ref: read(ref, call_id=inquiry.call), _told_years)


async def deemed(inquiry: Inquiry) -> Answered:
    """Say whether any of the contribution time is deemed."""
    return Answered("some" if inquiry.session.facts.get("deemed", "0") != "0" else "none", personal=True)


async def paid(inquiry: Inquiry) -> Answered:
    """Say whether any of the contribution time was paid: where all of it is deemed, no zero months are read out."""
    return Answered("some" if inquiry.session.facts.get("actual", "0") != "0" else "none", personal=True)


async def gap(inquiry: Inquiry) -> Answered:
    """Say what is short, total or actual time; the larger gap first where both are."""
    total, actual = (int(inquiry.session.facts.get(name, "0")) for name in ("missing", "missing_actual"))
    if not actual:
        return Answered("total", personal=True)
    if not total:
        return Answered("actual", personal=True)
    return Answered("total_first" if total >= actual else "actual_first", personal=True)


def _told_balance(record: Balance) -> Answered:
    if record.status == "none":
        return Answered("none")
    if record.status != "normal":
        return Answered("frozen")
    facts = {"balance": f"{record.balance:.2f}", "as_of": record.as_of.isoformat()}
    return Answered("negative" if record.balance < 0 else "ok", facts)


def _told_years(record: ContributionYears) -> Answered:
    total = record.actual_months + record.deemed_months
    facts = {"total": str(total), "as_of": record.as_of.isoformat()}
    if total == 0:
        return Answered("none", facts)
    if record.required_months is None:
        return Answered("plain", facts)
    missing = max(0, record.required_months - total)
    missing_actual = max(0, (record.required_actual_months or 0) - record.actual_months)
    if not missing and not missing_actual:
        return Answered("enough", facts)
    short = {
        "actual": str(record.actual_months),
        "deemed": str(record.deemed_months),
        "missing": str(missing),
        "missing_actual": str(missing_actual),
    }
    return Answered("short", facts | short)
