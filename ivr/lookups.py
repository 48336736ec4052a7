"""The named lookups that a flow may ask: each with the function that answers, its outcomes and their facts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ivr.accounts.client import Outage, ReferenceExpired
from ivr.accounts.contract import Balance, ContributionYears
from ivr.call import Answered, Facts
from ivr.codes import send_code
from ivr.identity import gate, verify, verify_code
from ivr.inquiry import Inquiry
from ivr.newpassword import change_password, drop_password, judge_password
from ivr.weakness import WEAK_REASONS

Record = TypeVar("Record")


class Declared(NamedTuple):
    """What a lookup promises: its outcomes with their facts, and how the driver has to treat it.

    `personal`: its facts are a member's, so it needs a verification. `remote`: it leaves the process, so the turn is
    claimed first. `verifies`: it consumes a secret and an attempt. `refusals`: outcomes that are sent on the fixed
    time step, so that one refusal cannot be told from another by its time. `takes_secret`: it is handed the six digits
    just keyed. `proves`: outcomes after which a member is verified. `forgets`: outcomes that end the verification, and
    all facts with it. `rows`: outcomes that bring a list, with the kinds of its entries and the facts of each.
    `terms`: facts that are ids of prompts, with every id that they can be.
    """

    answer: Callable[[Inquiry], Awaitable[Answered]]
    outcomes: Mapping[str, frozenset[str]]
    personal: bool = False
    remote: bool = False
    verifies: bool = False
    refusals: frozenset[str] = frozenset()
    takes_secret: bool = False
    proves: frozenset[str] = frozenset()
    forgets: frozenset[str] = frozenset()
    rows: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({})
    terms: Mapping[str, tuple[str, ...]] = MappingProxyType({})


async def forget(_: Inquiry) -> Answered:
    """End the verification, because another number is to be asked about."""
    return Answered("done", forget=True)


async def balance(inquiry: Inquiry) -> Answered:
    """Look up the balance of the personal account."""
    return await _read(inquiry, inquiry.desk.accounts.balance, _told_balance)


async def years(inquiry: Inquiry) -> Answered:
    """Look up the contribution time, in months, and what is missing for lifetime cover."""
    return await _read(inquiry, inquiry.desk.accounts.years, _told_years)


async def deemed(inquiry: Inquiry) -> Answered:
    """Say whether any of the contribution time is deemed."""
    return Answered("some" if inquiry.session.facts.get("deemed", "0") != "0" else "none", personal=True)


async def gap(inquiry: Inquiry) -> Answered:
    """Say what is short, total or actual time; the larger gap first where both are."""
    total, actual = (int(inquiry.session.facts.get(name, "0")) for name in ("missing", "missing_actual"))
    if not actual:
        return Answered("total", personal=True)
    if not total:
        return Answered("actual", personal=True)
    return Answered("total_first" if total >= actual else "actual_first", personal=True)


async def _read(
    inquiry: Inquiry,
    read: Callable[..., Awaitable[Record]],
    told: Callable[[Record], tuple[str, Facts]],
) -> Answered:
    """Read a record of the verified member. An ended verification is no outage; anything else amiss is one."""
    member = inquiry.session.member
    if member is None or not member.verified_at <= inquiry.desk.now() < member.expires_at:
        return Answered("expired", forget=True)
    try:
        async with asyncio.timeout_at(inquiry.until):
            record = await read(member.ref, call_id=inquiry.call)
    except ReferenceExpired:
        return Answered("expired", forget=True)
    except (Outage, TimeoutError):
        return Answered("error")
    outcome, facts = told(record)
    return Answered(outcome, facts, personal=True)


def _told_balance(record: Balance) -> tuple[str, Facts]:
    if record.status == "none":
        return "none", {}
    if record.status != "normal":
        return "frozen", {}
    facts = {"balance": f"{record.balance:.2f}", "as_of": record.as_of.isoformat()}
    return ("negative" if record.balance < 0 else "ok"), facts


def _told_years(record: ContributionYears) -> tuple[str, Facts]:
    total = record.actual_months + record.deemed_months
    facts = {"total": str(total), "as_of": record.as_of.isoformat()}
    if total == 0:
        return "none", facts
    if record.required_months is None:
        return "plain", facts
    missing = max(0, record.required_months - total)
    missing_actual = max(0, (record.required_actual_months or 0) - record.actual_months)
    if not missing and not missing_actual:
        return "enough", facts
    return "short", facts | {
        "actual": str(record.actual_months),
        "deemed": str(record.deemed_months),
        "missing": str(missing),
        "missing_actual": str(missing_actual),
    }


def _outcomes(**facts: str) -> Mapping[str, frozenset[str]]:
    return {outcome: frozenset(names.split()) for outcome, names in facts.items()}


DECLARED: Mapping[str, Declared] = {
    "gate": Declared(
        gate, _outcomes(verified="", open="", spent="", closed=""), proves=frozenset({"verified"})
    ),
    "verify": Declared(
        verify,
        _outcomes(ok="", refused="", refused_again="", spent="", too_simple="", closed="", error=""),
        remote=True,
        verifies=True,
        refusals=frozenset({"refused", "refused_again", "spent", "too_simple"}),
        takes_secret=True,
        proves=frozenset({"ok"}),
    ),
    "send_code": Declared(
        send_code,
        _outcomes(sent="", enough="", closed="", error=""),
        remote=True,
        refusals=frozenset({"sent"}),
    ),
    "verify_code": Declared(
        verify_code,
        _outcomes(ok="", must_change="", refused="", refused_again="", spent="", closed="", error=""),
        remote=True,
        verifies=True,
        refusals=frozenset({"refused", "refused_again", "spent"}),
        takes_secret=True,
        proves=frozenset({"ok"}),
    ),
    "judge_password": Declared(
        judge_password,
        _outcomes(ok="", expired="", error="", **dict.fromkeys(WEAK_REASONS, "")),
        takes_secret=True,
        forgets=frozenset({"expired"}),
    ),
    "change_password": Declared(
        change_password,
        _outcomes(changed="", different="", late="", weak="", expired="", error=""),
        remote=True,
        takes_secret=True,
        proves=frozenset({"changed"}),
        forgets=frozenset({"expired"}),
    ),
    "drop_password": Declared(drop_password, _outcomes(done="")),
    "forget": Declared(forget, _outcomes(done=""), forgets=frozenset({"done"})),
    "balance": Declared(
        balance,
        _outcomes(ok="balance as_of", negative="balance as_of", none="", frozen="", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
    ),
    "years": Declared(
        years,
        _outcomes(
            none="as_of",
            plain="total as_of",
            enough="total as_of",
            short="total actual deemed missing missing_actual as_of",
            expired="",
            error="",
        ),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
    ),
    "deemed": Declared(deemed, _outcomes(some="", none=""), personal=True),
    "gap": Declared(gap, _outcomes(total="", actual="", total_first="", actual_first=""), personal=True),
}
