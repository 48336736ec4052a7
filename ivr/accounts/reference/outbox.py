"""The text messages of the reference service: codes and answers, kept in an outbox that stands for a gateway."""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from ivr.accounts.contract import ResultMessage, SmsCodeRequest
from ivr.accounts.reference.database import CodeRequestRow, CodeRow, MemberRow, OutboxRow, Sessions
from ivr.accounts.reference.desk import Clock, find, seconds
from ivr.accounts.reference.problems import Problem

CODE_GOOD_FOR: Final = 300
CODES_A_DAY: Final = 3
DAY: Final = 24 * 3600
KEYS_KEPT_FOR: Final = 7 * DAY


class Outbox:
    """Send codes and answers, each idempotency key once; for one process alone, as the reference service is."""

    def __init__(self, sessions: Sessions, clock: Clock, salt: str) -> None:
        self._sessions, self._clock, self._salt = sessions, clock, salt
        self._one_at_a_time = asyncio.Lock()  # so that the day's count cannot be overtaken

    async def send_code(self, asked: SmsCodeRequest) -> None:
        """Send a new code, which takes the place of the last one. Numbers that are nobody's are counted alike.

        Raises:
            Problem: 429 ``too_many_codes``, from the fourth in 24 h.
        """
        now = seconds(self._clock)
        async with self._one_at_a_time, self._sessions.begin() as db:
            if await db.get(CodeRequestRow, asked.idempotency_key):
                return
            member = await find(db, asked.credential)
            subject = f"member {member.id}" if member else self._disguised(asked.credential.number)
            await db.execute(delete(CodeRequestRow).where(CodeRequestRow.at <= now - KEYS_KEPT_FOR))
            today = select(func.count()).where(CodeRequestRow.subject == subject, CodeRequestRow.at > now - DAY)
            if (await db.scalar(today) or 0) >= CODES_A_DAY:
                raise Problem(429, "too_many_codes", "No more codes today.", {"Retry-After": str(DAY)})
            db.add(CodeRequestRow(idempotency_key=asked.idempotency_key, subject=subject, at=now))
            if member is None or member.mobile is None:
                return
            code = f"{secrets.randbelow(10**6):06d}"
            await db.merge(CodeRow(member_id=member.id, code=code, expires_at=now + CODE_GOOD_FOR))
            db.add(
                OutboxRow(
                    at=now,
                    call_id=asked.call_id,
                    kind="code",
                    mobile=member.mobile,
                    text=f"【12333】验证码{code}，5分钟内有效，仅用于本次电话查询。工作人员不会向您索要验证码。",
                    idempotency_key=f"code {asked.idempotency_key}",
                )
            )

    async def send_answer(self, member: MemberRow, call_id: str, message: ResultMessage) -> None:
        """Text an answer to the member's mobile; where none is registered it is dropped, and nobody is told."""
        if member.mobile is None:
            return
        row = OutboxRow(
            at=seconds(self._clock),
            call_id=call_id,
            kind="answer",
            mobile=member.mobile,
            text=message.text,
            idempotency_key=f"answer {member.id} {message.idempotency_key}",
        )
        try:
            async with self._sessions.begin() as db:
                db.add(row)
        except IntegrityError:
            return  # sent before

    async def after(self, number: int) -> list[dict[str, str | int]]:
        """Return what was sent after the message of that number, oldest first, at most 100, mobiles masked."""
        async with self._sessions() as db:
            rows = await db.scalars(select(OutboxRow).where(OutboxRow.id > number).order_by(OutboxRow.id).limit(100))
            return [
                {
                    "id": row.id,
                    "at": row.at,
                    "call_id": row.call_id,
                    "kind": row.kind,
                    "to": f"{row.mobile[:3]}****{row.mobile[-4:]}",
                    "text": row.text,
                }
                for row in rows
            ]

    def _disguised(self, number: str) -> str:
        return hmac.new(self._salt.encode(), number.encode(), hashlib.sha256).hexdigest()
