"""The named lookups that a flow may ask: each with the function that answers, its outcomes and their facts."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ivr import records
from ivr.accounts.contract import Balance, ContributionYears
from ivr.agents.callbacks import book_callback, callback_offer
from ivr.agents.survey import note_survey
from ivr.call import Answered, Session
from ivr.codes import send_code
from ivr.flow import CallNode, LookupNode, MenuNode
from ivr.identity import gate, may_try, verify, verify_code
from ivr.inquiry import Inquiry
from ivr.library import Library
from ivr.newpassword import change_password, drop_password, judge_password
from ivr.policy import POLICY_ROWS, TERMS, WITHDRAWAL_ROWS, policy, policy_city, policy_topic, policy_withdrawal
from ivr.records import RELATIVES, SCHEMES, read_record
from ivr.texting import text_answer, text_page
from ivr.weakness import WEAK_REASONS


class Declared(NamedTuple):
    """What a lookup promises: its outcomes with their facts, and how the driver has to treat it.

    `personal`: its facts are a member's, so it needs a verification. `remote`: it leaves the process, so the turn is
    claimed first. `verifies`: it consumes a secret and an attempt. `refusals`: outcomes that are sent on the fixed
    time step, so that one refusal cannot be told from another by its time. `takes_secret`: it is handed the six digits
    just keyed. `hushed`: nothing that is heard before a verification may tell which outcome it was. `proves`: outcomes
    after which a member is verified. `forgets`: outcomes that end the verification, and
    all facts with it. `rows`: outcomes that bring a list, with the kinds of its entries and the facts of each.
    `terms`: facts that are ids of prompts, with every id that they can be. `audited_as`: the field that its audit
    entries name, where that is not the lookup's own name. `acts`: it does something that cannot be taken back, so an
    audit entry is written before it does.
    """

    answer: Callable[[Inquiry], Awaitable[Answered]]
    outcomes: Mapping[str, frozenset[str]]
    personal: bool = False
    remote: bool = False
    verifies: bool = False
    refusals: frozenset[str] = frozenset()
    takes_secret: bool = False
    hushed: bool = False
    proves: frozenset[str] = frozenset()
    forgets: frozenset[str] = frozenset()
    rows: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({})
    terms: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    audited_as: str = ""
    acts: bool = False


async def forget(inquiry: Inquiry) -> Answered:
    """End the verification, because another number is to be asked about; with it goes what was keyed of a password."""
    await drop_password(inquiry)
    return Answered("done", forget=True)


SERVICES = ("balance", "years", "details", "status")
"""Choices in the main menu that a call which broke off goes on with, by the names of their nodes.

All of them ask for a verification, so none is named before it. Policy needs none, and would name itself; so would the
password menu, whose callers may have no password to verify with.
"""


def unfinished(library: Library, session: Session) -> str:
    """Give the choice that a call ends in the middle of, also where it had been gone on with; nothing where none."""
    if session.answered or session.hotline not in library.hotlines.hotlines:
        return ""
    ways = [node.outcomes for node in _goes_on(library, session.hotline)]
    return next((one for one in SERVICES if session.asked in (one, *(way.get(one) for way in ways))), "")


async def dropped(inquiry: Inquiry) -> Answered:
    """Say whether this caller's last call broke off before its answer, and can be gone on with at this hotline."""
    chosen = inquiry.session.facts.get("dropped", "")
    return Answered("yes" if chosen in SERVICES and _has(inquiry, chosen) else "no")


def _has(inquiry: Inquiry, service: str) -> bool:
    """Tell whether a menu of the hotline's first flow leads to a service; the call may have broken off at another."""
    nodes = inquiry.library.flows[inquiry.hotline.flow].nodes
    chosen = {to for node in nodes.values() if isinstance(node, MenuNode) for to in node.keys.values()}
    ways = (node.outcomes[service] for node in _goes_on(inquiry.library, inquiry.session.hotline))
    return service in chosen and any(isinstance(nodes[way], CallNode) for way in ways)


def _goes_on(library: Library, hotline: str) -> list[LookupNode]:
    """Give the nodes of a hotline's first flow that lead to what had been chosen."""
    nodes = library.flows[library.hotlines.hotlines[hotline].flow].nodes.values()
    return [node for node in nodes if isinstance(node, LookupNode) and node.call == "go_on"]


async def go_on(inquiry: Inquiry) -> Answered:
    """Say what was chosen in the call that broke off; it is named to nobody before the verification."""
    chosen = inquiry.session.facts.get("dropped", "")
    return Answered(chosen if chosen in SERVICES else SERVICES[0])


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


def _outcomes(**facts: str) -> Mapping[str, frozenset[str]]:
    return {outcome: frozenset(names.split()) for outcome, names in facts.items()}


def _list(answer: Callable[[Inquiry], Awaitable[Answered]], audited_as: str, **kinds: str) -> Declared:
    """Declare a lookup that tells a list by the page: `more` follow, or these are the `last`."""
    return Declared(
        answer,
        _outcomes(none="", more="shown", last="shown", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
        rows=dict.fromkeys(("more", "last"), _outcomes(**kinds)),
        audited_as=audited_as,
    )


_CONTRIBUTIONS = dict.fromkeys(("paid", "pending", "overdue", "returned"), "month amount")
_CREDITS = {"dated": "month amount credited_on", "undated": "month amount", "taken_back": "month amount"}
_PAYMENTS = dict.fromkeys(("pharmacy", "outpatient", "inpatient", "family", "other", "refund"), "date amount")
_TRANSFERS = {
    "numbered": "case_tail submitted_on",
    "unnumbered": "submitted_on",
    **dict.fromkeys(("submitted", "accepted", "sending_out", "receiving", "done", "rejected"), ""),
    "due_in": "due_by left",
    "due_by": "due_by",
    "overdue": "due_by",
    "arrived": "",
    "arrived_sum": "amount",
    "awaited": "",
    "awaited_sum": "amount",
}
_INSURED = ("active", "suspended", "overdue", "transferred_out")

DECLARED: Mapping[str, Declared] = {
    "gate": Declared(
        gate, _outcomes(verified="", open="", spent="", closed="", error=""), proves=frozenset({"verified"})
    ),
    "may_try": Declared(may_try, _outcomes(open="", spent="", closed="", error="")),
    "verify": Declared(
        verify,
        _outcomes(ok="", refused="", refused_again="", spent="", too_simple="", closed="", error=""),
        remote=True,
        verifies=True,
        refusals=frozenset({"refused", "refused_again", "spent", "too_simple"}),
        takes_secret=True,
        proves=frozenset({"ok"}),
        audited_as="verification",
    ),
    "send_code": Declared(
        send_code,
        _outcomes(sent="", enough="", closed="", error=""),
        remote=True,
        refusals=frozenset({"sent"}),
        audited_as="code request",
        acts=True,
    ),
    "verify_code": Declared(
        verify_code,
        _outcomes(ok="", must_change="", refused="", refused_again="", spent="", closed="", error=""),
        remote=True,
        verifies=True,
        refusals=frozenset({"refused", "refused_again", "spent"}),
        takes_secret=True,
        proves=frozenset({"ok"}),
        audited_as="code verification",
    ),
    "judge_password": Declared(
        judge_password,
        _outcomes(ok="", expired="", error="", **dict.fromkeys(WEAK_REASONS, "")),
        remote=True,
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
        audited_as="password change",
        acts=True,
    ),
    "drop_password": Declared(drop_password, _outcomes(done="")),
    "dropped": Declared(dropped, _outcomes(no="", yes="")),
    "go_on": Declared(go_on, _outcomes(**dict.fromkeys(SERVICES, "")), hushed=True),
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
    "callback_offer": Declared(callback_offer, _outcomes(own="phone_tail", other="", booked="", closed="")),
    "book_callback": Declared(book_callback, _outcomes(ok="code", booked="", enough="", error=""), remote=True),
    "note_survey": Declared(note_survey, _outcomes(noted="")),
    "policy_topic": Declared(policy_topic, _outcomes(chosen="")),
    "policy_city": Declared(policy_city, _outcomes(chosen="")),
    "policy": Declared(policy, _outcomes(told=""), rows={"told": POLICY_ROWS}, terms=TERMS),
    "policy_withdrawal": Declared(policy_withdrawal, _outcomes(told=""), rows={"told": WITHDRAWAL_ROWS}),
    "contributions": _list(records.contributions, "contributions", **_CONTRIBUTIONS),
    "contributions_more": _list(records.contributions_more, "contributions", **_CONTRIBUTIONS),
    "credits": _list(records.monthly_credits, "credits", **_CREDITS),
    "credits_more": _list(records.monthly_credits_more, "credits", **_CREDITS),
    "payments": _list(records.payments, "payments", **_PAYMENTS),
    "payments_more": _list(records.payments_more, "payments", **_PAYMENTS),
    "transfers": _list(records.transfers, "transfers", **_TRANSFERS),
    "transfers_more": _list(records.transfers_more, "transfers", **_TRANSFERS),
    "coverage": Declared(
        records.coverage,
        _outcomes(**dict.fromkeys(_INSURED, "scheme"), none="as_of", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
        rows=dict.fromkeys(_INSURED, _outcomes(since="since", retired="", as_of="as_of")),
        terms={"scheme": tuple(SCHEMES.values())},
    ),
    "family": Declared(
        records.family,
        _outcomes(off="", nobody="", on="", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
        rows={"on": _outcomes(**dict.fromkeys(RELATIVES, "bound"))},
    ),
    "text_answer": Declared(
        text_answer,
        _outcomes(sent="", done="", nothing="", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
        audited_as="text message",
        acts=True,
    ),
    "text_page": Declared(
        text_page,
        _outcomes(sent="", done="", expired="", error=""),
        personal=True,
        remote=True,
        forgets=frozenset({"expired"}),
        audited_as="text message",
        acts=True,
    ),
}
