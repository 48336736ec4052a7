"""Fill the reference service's empty tables with the sample members, their dates counted back from today."""

import asyncio
from datetime import date, timedelta
from typing import Final

from sqlalchemy import func, select

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
from ivr.accounts.reference.members import Sample
from ivr.accounts.reference.pins import Pins

_LONG_AFTER: Final = 4_102_444_800  # 2100-01-01: a sample that is locked stays so


async def seed(sessions: Sessions, samples: tuple[Sample, ...], pins: Pins, today: date) -> None:
    """Write the sample members that are not there yet, with their dates counted back from ``today``."""
    async with sessions() as db:
        known = set(await db.scalars(select(MemberRow.id_number)))
        last = await db.scalar(select(func.max(MemberRow.id))) or 0
    missing = [sample for sample in samples if sample.id_number not in known]
    hashes = await asyncio.gather(*(pins.hash(sample.pin) for sample in missing))
    async with sessions.begin() as db:
        for number, (sample, pin_hash) in enumerate(zip(missing, hashes, strict=True), start=last + 1):
            db.add(_member(number, sample, pin_hash, today))
        await db.flush()
        for number, sample in enumerate(missing, start=last + 1):
            db.add_all(_entries(number, sample, today))


def _member(number: int, sample: Sample, pin_hash: str, today: date) -> MemberRow:
    born = sample.id_number[6:14]
    told = not sample.barely_known
    last = month_before(today, 1 + sample.paused_months)
    return MemberRow(
        id=number,
        id_number=sample.id_number,
        card_number=sample.card_number,
        by_telephone=sample.by_telephone,
        pin_hash=pin_hash,
        pin_is_initial=sample.pin_is_initial,
        failures=0,
        locked_until=_LONG_AFTER if sample.locked else None,
        mobile=f"139{number:04d}{number * 7:04d}" if sample.mobile else None,
        surname=sample.surname if told else None,
        gender=("male" if int(sample.id_number[16]) % 2 else "female") if told else None,
        birth_year=int(born[:4]) if told else None,
        region=sample.region if told else None,
        scheme=sample.scheme,
        account_status=sample.account,
        balance_fen=fen(sample.balance),
        as_of=today - timedelta(days=1),
        actual_months=sample.actual,
        deemed_months=sample.deemed,
        first_month=month_before(today, sample.actual + sample.paused_months) if sample.actual and told else None,
        last_month=last if sample.actual and told else None,
        required_months=sample.required,
        required_actual_months=sample.required_actual,
        coverage=sample.coverage,
        covered_since=month_before(today, sample.since) if sample.since and told else None,
        retired=sample.retired if told else None,
        family_sharing=sample.family_sharing,
    )


def _entries(number: int, sample: Sample, today: date) -> list[Base]:
    def ago(days: int) -> date:
        return today - timedelta(days=days)

    statuses = (*sample.unpaid, *["paid"] * (sample.contribution_months - len(sample.unpaid)))
    return [
        *(
            ContributionRow(
                member_id=number,
                month=month_before(today, back + sample.paused_months),
                fen=fen(sample.contribution),
                status=status,
            )
            for back, status in enumerate(statuses, start=1)
        ),
        *(
            CreditRow(
                member_id=number,
                month=month_before(today, back),
                fen=fen(sample.credit),
                credited_on=None if sample.barely_known else date.fromisoformat(month_before(today, back) + "-15"),
            )
            for back in range(1, sample.credit_months + 1)
        ),
        *(
            TransactionRow(member_id=number, date=ago(days), fen=fen(amount), kind=kind)
            for days, amount, kind in sample.payments
        ),
        *(
            TransferRow(
                member_id=number,
                case_number=case.number,
                from_region=case.origin,
                to_region=case.target,
                stage=case.stage,
                submitted_on=ago(case.submitted),
                due_by=None if case.due is None else ago(case.submitted - case.due),
                balance_arrived=case.arrived,
                fen=None if case.amount is None else fen(case.amount),
            )
            for case in sample.transfers
        ),
        *(
            RelativeRow(
                member_id=number, surname=surname, relation=relation, bound_on=None if days is None else ago(days)
            )
            for surname, relation, days in sample.relatives
        ),
    ]


def month_before(today: date, months: int) -> str:
    """Return the month that lies ``months`` before that of ``today``, as YYYY-MM."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return f"{year:04d}-{month + 1:02d}"


def fen(yuan: str) -> int:
    """Return the fen of a sum such as ``-12.30``."""
    return int(yuan.replace(".", ""))
