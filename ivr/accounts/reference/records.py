"""What the reference service reads out of its tables about a member it knows, in the shapes of the contract."""

from typing import TypeVar

from sqlalchemy import Select, select

from ivr.accounts import contract
from ivr.accounts.reference.database import (
    Base,
    ContributionRow,
    CreditRow,
    MemberRow,
    RelativeRow,
    Sessions,
    TransactionRow,
    TransferRow,
)

R = TypeVar("R", bound=Base)


class Records:
    """Answer every question about a member; lists come newest first."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def balance(self, member: MemberRow) -> contract.Balance:
        """Return the personal account."""
        return contract.Balance.model_validate(
            {"balance": yuan(member.balance_fen), "as_of": member.as_of, "status": member.account_status}
        )

    def years(self, member: MemberRow) -> contract.ContributionYears:
        """Return the contribution time."""
        return contract.ContributionYears.model_validate(
            {
                "scheme": member.scheme,
                "actual_months": member.actual_months,
                "deemed_months": member.deemed_months,
                "first_month": member.first_month,
                "last_month": member.last_month,
                "as_of": member.as_of,
                "required_months": member.required_months,
                "required_actual_months": member.required_actual_months,
            }
        )

    def coverage(self, member: MemberRow) -> contract.Coverage:
        """Return the participation status."""
        return contract.Coverage.model_validate(
            {
                "scheme": member.scheme,
                "status": member.coverage,
                "since": member.covered_since,
                "retired": member.retired,
                "as_of": member.as_of,
            }
        )

    async def contributions(self, member: MemberRow, limit: int) -> list[contract.Contribution]:
        """Return the latest months of contribution."""
        of_member = select(ContributionRow).where(ContributionRow.member_id == member.id)
        rows = await self._rows(of_member.order_by(ContributionRow.month.desc()).limit(limit))
        return [
            contract.Contribution.model_validate({"month": row.month, "amount": yuan(row.fen), "status": row.status})
            for row in rows
        ]

    async def credits(self, member: MemberRow, limit: int) -> list[contract.Credit]:
        """Return the latest monthly credits."""
        of_member = select(CreditRow).where(CreditRow.member_id == member.id)
        rows = await self._rows(of_member.order_by(CreditRow.month.desc()).limit(limit))
        return [
            contract.Credit.model_validate(
                {"month": row.month, "amount": yuan(row.fen), "credited_on": row.credited_on}
            )
            for row in rows
        ]

    async def transactions(self, member: MemberRow, limit: int) -> list[contract.Transaction]:
        """Return the latest payments."""
        of_member = select(TransactionRow).where(TransactionRow.member_id == member.id)
        rows = await self._rows(of_member.order_by(TransactionRow.date.desc()).limit(limit))
        return [
            contract.Transaction.model_validate({"date": row.date, "amount": yuan(row.fen), "kind": row.kind})
            for row in rows
        ]

    async def transfers(self, member: MemberRow) -> list[contract.TransferCase]:
        """Return the transfer cases."""
        of_member = select(TransferRow).where(TransferRow.member_id == member.id)
        rows = await self._rows(of_member.order_by(TransferRow.submitted_on.desc()))
        return [
            contract.TransferCase.model_validate(
                {
                    "case_number": row.case_number,
                    "from_region": row.from_region,
                    "to_region": row.to_region,
                    "stage": row.stage,
                    "submitted_on": row.submitted_on,
                    "due_by": row.due_by,
                    "balance_arrived": row.balance_arrived,
                    "amount": None if row.fen is None else yuan(row.fen),
                }
            )
            for row in rows
        ]

    async def family_sharing(self, member: MemberRow) -> contract.FamilySharing:
        """Return who is bound for family mutual aid."""
        of_member = select(RelativeRow).where(RelativeRow.member_id == member.id)
        rows = await self._rows(of_member.order_by(RelativeRow.id))
        relatives = [{"surname": row.surname, "relation": row.relation, "bound_on": row.bound_on} for row in rows]
        return contract.FamilySharing.model_validate({"enabled": member.family_sharing, "relatives": relatives})

    async def _rows(self, query: Select[R]) -> list[R]:
        async with self._sessions() as db:
            return list(await db.scalars(query))


def yuan(fen: int) -> str:
    """Return the sum of so many fen as the contract writes it."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02d}"
