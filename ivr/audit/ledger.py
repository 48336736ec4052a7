"""Which answers leave an audit entry, and that none of them is told without it."""

from ivr.attempts import account_of
from ivr.audit.trail import AuditAwayError, AuditTrail
from ivr.call import Answered
from ivr.inquiry import Inquiry
from ivr.lookups import DECLARED, Declared
from ivr.seals import Seals

BEGUN = "begun"
"""Outcome of the entry before something that cannot be taken back; another one tells how it ended."""


class Ledger:
    """Asks lookups, and enters what came of them before anybody hears it.

    An entry is left by every verification, whatever came of it, by every answer that was read from a member's record,
    and twice by what cannot be taken back (a text message, a code, a new password): before it is begun, and when it is
    done. What a record told may be told again in the same call without another entry: by key 9, in another language,
    or by lookups inside the process that sort the same facts.
    """

    def __init__(self, trail: AuditTrail, seals: Seals) -> None:
        self._trail = trail
        self._seals = seals

    async def ask(self, lookup: str, inquiry: Inquiry) -> Answered:
        """Answer a lookup; ``error`` instead where its entry cannot be written."""
        declared = DECLARED[lookup]
        field = declared.audited_as or lookup
        if declared.acts and not await self._enter(inquiry, field, BEGUN):
            return Answered("error")
        answered = await declared.answer(inquiry)
        if not leaves_entry(declared, answered) or await self._enter(inquiry, field, answered.outcome):
            return answered
        if declared.acts:
            return answered  # it is done, and that it was begun is written: untold it would be done twice
        # A refused attempt stays counted, and a weak password stays one that has to be changed: where the disk is full,
        # nobody may try more, or get around more, than elsewhere.
        refused = answered.outcome in declared.refusals
        return Answered("error", gives_back=min(1, answered.gives_back), changes=answered.changes if refused else None)

    async def _enter(self, inquiry: Inquiry, field: str, outcome: str) -> bool:
        try:
            await self._trail.enter(inquiry.call, self._whose(inquiry), field, outcome, until=inquiry.until)
        except AuditAwayError:
            return False
        return True

    def _whose(self, inquiry: Inquiry) -> str:
        """Name the member: by the account that was keyed, else by the reference; only a keyed hash is written."""
        session = inquiry.session
        member = session.member or session.pending
        if session.credential is not None:
            whose = account_of(session.credential)
        else:
            whose = "" if member is None else f"ref:{member.ref}"
        return self._seals.name("audit", whose) if whose else ""


def leaves_entry(declared: Declared, answered: Answered) -> bool:
    """Tell whether an answer is a verification, an act, or something read from a member's record."""
    return declared.verifies or declared.acts or (declared.personal and declared.remote and answered.personal)
