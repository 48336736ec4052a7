"""Where the reference service checks callers: number and secret in, a short-lived reference out, and back."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.accounts.contract import Credential, VerificationRequest, Verified
from ivr.accounts.reference.database import CodeRow, MemberRow, ReferenceRow, Sessions
from ivr.accounts.reference.pins import Pins, is_weak
from ivr.accounts.reference.problems import Problem

Clock = Callable[[], datetime]

GOOD_FOR: Final = 900
"""Seconds for which a member reference is good."""
FAILURES: Final = 5
LOCKED_FOR: Final = 24 * 3600
"""After so many wrong secrets in a row an account is locked for so many seconds, right secrets included."""


def seconds(clock: Clock) -> int:
    """Return the clock's instant in whole seconds since 1970."""
    return int(clock().timestamp())


async def find(db: AsyncSession, credential: Credential) -> MemberRow | None:
    """Find who is registered for telephone query under this number."""
    column = MemberRow.id_number if credential.kind == "id_card" else MemberRow.card_number
    found: MemberRow | None = await db.scalar(
        select(MemberRow).where(column == credential.number, MemberRow.by_telephone)
    )
    return found


async def hold_to_step(since: float, step: float) -> None:
    """Wait for the first multiple of ``step`` seconds after ``since`` (loop time) that still lies ahead."""
    if step > 0:
        await asyncio.sleep(step - (asyncio.get_running_loop().time() - since) % step)


class Desk:
    """Verify members and know them again by the reference, within the call for which it was given."""

    def __init__(self, sessions: Sessions, pins: Pins, clock: Clock) -> None:
        self._sessions, self._pins, self._clock = sessions, pins, clock

    async def verify(self, asked: VerificationRequest) -> Verified:
        """Check number and secret.

        An unknown number, one not registered, a wrong secret and a locked account cost the same comparison.

        Raises:
            Problem: 401 ``invalid_credentials``, or 423 ``locked``.
        """
        now = seconds(self._clock)
        async with self._sessions.begin() as db:
            member = await find(db, asked.credential)
            # Taken before anything is compared: guesses that come all at once cannot all be looked at.
            reserved = member is not None and await _reserve(db, member.id, now)
            code = None if member is None else await db.get(CodeRow, member.id)
        by_pin = asked.secret.kind == "pin"
        pin_hash = member.pin_hash if member is not None and reserved and by_pin else None
        right = await self._pins.matches(pin_hash, asked.secret.value)
        if not by_pin and code is not None:
            right = now < code.expires_at and hmac.compare_digest(code.code, asked.secret.value)
        if member is None:
            raise _not_known()
        if not reserved:
            wait = max(1, (member.locked_until or 0) - now)
            raise Problem(423, "locked", "The account takes no verification now.", {"Retry-After": str(wait)})
        if not right:
            raise _not_known()
        return await self._known(member, asked, now)

    async def _known(self, member: MemberRow, asked: VerificationRequest, now: int) -> Verified:
        ref = secrets.token_urlsafe(24)
        async with self._sessions.begin() as db:
            if asked.secret.kind == "sms_code":
                used = delete(CodeRow).where(CodeRow.member_id == member.id, CodeRow.code == asked.secret.value)
                if not (await db.scalars(used.returning(CodeRow.member_id))).all():
                    raise _not_known()  # a second verification with the same code was faster
            await db.execute(update(MemberRow).where(MemberRow.id == member.id).values(failures=0, locked_until=None))
            await db.execute(delete(ReferenceRow).where(ReferenceRow.expires_at <= now))
            db.add(
                ReferenceRow(
                    ref_hash=_hashed(ref), member_id=member.id, call_id=asked.call_id, expires_at=now + GOOD_FOR
                )
            )
        return Verified.model_validate(
            {
                "member_ref": ref,
                "expires_in": GOOD_FOR,
                "must_change_pin": member.pin_is_initial,
                "surname": member.surname,
                "gender": member.gender,
                "birth_year": member.birth_year,
                "region": member.region,
            }
        )

    async def recall(self, ref: str, call_id: str) -> MemberRow:
        """Return the member that a reference stands for.

        Raises:
            Problem: 410 ``reference_expired``, alike for one that expired, was never given, or is another call's.
        """
        good = select(ReferenceRow.member_id).where(
            ReferenceRow.ref_hash == _hashed(ref),
            ReferenceRow.call_id == call_id,
            ReferenceRow.expires_at > seconds(self._clock),
        )
        async with self._sessions() as db:
            member: MemberRow | None = await db.scalar(select(MemberRow).where(MemberRow.id.in_(good)))
        if member is None:
            raise Problem(410, "reference_expired", "The member reference is not good, or no longer.")
        return member

    async def change_pin(self, member: MemberRow, new_pin: str) -> None:
        """Set a new password; the initial one is gone with it.

        Raises:
            Problem: 422 ``weak_pin``.
        """
        numbers = [member.id_number, *([member.card_number] if member.card_number else [])]
        if is_weak(new_pin, birth=member.id_number[6:14], numbers=numbers):
            raise Problem(422, "weak_pin", "The password is too easily guessed.")
        pin_hash = await self._pins.hash(new_pin)
        async with self._sessions.begin() as db:
            await db.execute(
                update(MemberRow).where(MemberRow.id == member.id).values(pin_hash=pin_hash, pin_is_initial=False)
            )


def _not_known() -> Problem:
    return Problem(401, "invalid_credentials", "Number and secret do not belong together.")


def _hashed(ref: str) -> str:
    # The reference is 192 random bits, so a plain hash keeps a stolen database from opening calls.
    return hashlib.sha256(ref.encode()).hexdigest()


async def _reserve(db: AsyncSession, member_id: int, now: int) -> bool:
    """Count one more failure in one statement, to be taken back by success; False where the account is locked."""
    after_lock = MemberRow.locked_until.is_not(None)
    counted = case((after_lock, 1), else_=MemberRow.failures + 1)
    reserve = (
        update(MemberRow)
        .where(MemberRow.id == member_id, or_(MemberRow.locked_until.is_(None), MemberRow.locked_until <= now))
        .values(failures=counted, locked_until=case((counted >= FAILURES, now + LOCKED_FOR), else_=None))
        .returning(MemberRow.id)
        .execution_options(synchronize_session=False)
    )
    return bool((await db.scalars(reserve)).all())
