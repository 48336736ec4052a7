"""The named lookups that a flow may ask: each with the function that answers, its outcomes and their facts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ivr import records
from ivr.agents.callbacks import book_callback, callback_offer, goes_on_waiting
from ivr.agents.messages import message_offer, note_message
from ivr.agents.survey import SCORE, note_survey
from ivr.attempts import counted
from ivr.balance_and_years import balance, deemed, gap, paid, years
from ivr.call import Answered
from ivr.codes import send_code
from ivr.counters import Window
from ivr.going_on import SERVICES, dropped, go_on
from ivr.identity import counted_by_password, gate, may_try, verify, verify_code
from ivr.inquiry import Inquiry
from ivr.newpassword import change_password, drop_password, judge_password
from ivr.policy import POLICY_ROWS, TERMS, WITHDRAWAL_ROWS, policy, policy_city, policy_topic, policy_withdrawal
from ivr.records import RELATIVES, SCHEMES
from ivr.surveys import SCORES
from ivr.texting import text_answer, text_page
from ivr.weakness import WEAK_REASONS

Counts = Callable[[Inquiry], Sequence[Window]]
"""Gives the counters at which an attempt takes its places."""


class Declared(NamedTuple):
    """What a lookup promises: its outcomes with their facts, and how the driver has to treat it.

    `personal`: its facts are a member's, so it needs a verification. `remote`: it leaves the process, so the turn is
    claimed first. `counts`: it consumes a secret and an attempt, which takes places at these counters before it is
    asked; none where nothing could be tried. `refusals`: outcomes that are sent on the fixed
    time step, so that one refusal cannot be told from another by its time. `takes_secret`: it is handed the six digits
    just keyed. `hushed`: nothing that is heard before a verification may tell which outcome it was. `proves`: outcomes
    after which a member is verified. `forgets`: outcomes that end the verification, and
    all facts with it. `rows`: outcomes that bring a list, with the kinds of its entries and the facts of each.
    `terms`: facts that are ids of prompts, with every id that they can be. `takes`: facts that a flow has to give it,
    with every word that each can be. `audited_as`: the field that its audit
    entries name, where that is not the lookup's own name. `acts`: it does something that cannot be taken back, so an
    audit entry is written before it does.
    """

    answer: Callable[[Inquiry], Awaitable[Answered]]
    outcomes: Mapping[str, frozenset[str]]
    personal: bool = False
    remote: bool = False
    counts: Counts | None = None
    refusals: frozenset[str] = frozenset()
    takes_secret: bool = False
    hushed: bool = False
    proves: frozenset[str] = frozenset()
    forgets: frozenset[str] = frozenset()
    rows: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({})
    terms: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    takes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    audited_as: str = ""
    acts: bool = False

    @property
    def verifies(self) -> bool:
        """Whether it consumes a secret and an attempt."""
        return self.counts is not None


async def forget(inquiry: Inquiry) -> Answered:
    """End the verification, because another number is to be asked about; with it goes what was keyed of a password."""
    await drop_password(inquiry)
    return Answered("done", forget=True)


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
        counts=counted_by_password,
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
        counts=counted,
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
    "paid": Declared(paid, _outcomes(some="", none=""), personal=True),
    "gap": Declared(gap, _outcomes(total="", actual="", total_first="", actual_first=""), personal=True),
    "callback_offer": Declared(callback_offer, _outcomes(own="phone_tail", other="", booked="", closed="")),
    "goes_on_waiting": Declared(goes_on_waiting, _outcomes(yes="", no="")),
    "book_callback": Declared(book_callback, _outcomes(ok="code", booked="", enough="", error=""), remote=True),
    "message_offer": Declared(message_offer, _outcomes(open="", enough="", closed="")),
    "note_message": Declared(note_message, _outcomes(noted="", nothing="", error="")),
    "note_survey": Declared(note_survey, _outcomes(noted=""), takes={SCORE: SCORES}),
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
