"""SMS codes: asked for at most so often in a call and per account, and never telling whether a number is known."""

import asyncio
import contextlib

from ivr.accounts.client import Outage
from ivr.call import Answered, Changes
from ivr.counters import Reserved
from ivr.identity import DAY_SECONDS, account_of
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway

CODES_PER_CALL = 2
CODES_PER_ACCOUNT_A_DAY = 3


async def send_code(inquiry: Inquiry) -> Answered:
    """Have a code sent to the registered mobile. That none was sent, because too many were, sounds the same."""
    session, desk = inquiry.session, inquiry.desk
    if session.credential is None or session.public:
        return Answered("closed")
    if session.codes >= CODES_PER_CALL:
        return Answered("enough")
    account = account_of(session.credential)
    key = f"{inquiry.call}-code-{session.codes}"
    sent = Answered("sent", changes=Changes(codes=session.codes + 1))
    try:
        reserved = await desk.counters.reserve(
            "code",
            account,
            limit=CODES_PER_ACCOUNT_A_DAY,
            window_s=DAY_SECONDS,
            reservation=key,
        )
        if not isinstance(reserved, Reserved):
            await asyncio.sleep(desk.recent_refusal.seconds)
            return sent
        async with asyncio.timeout_at(inquiry.until):
            await desk.accounts.send_sms_code(
                session.credential, call_id=inquiry.call, idempotency_key=desk.seals.name("code", f"{key}-{account}")
            )
    except StoreAway:
        return Answered("closed")
    except (Outage, TimeoutError) as outage:
        if isinstance(outage, Outage) and outage.reason == "not_asked":
            await _give_back(inquiry, account, key)
        return Answered("error")
    return sent


async def _give_back(inquiry: Inquiry, account: str, reservation: str) -> None:
    """Free the place of a code that was never asked for; one that may have been sent stays counted."""
    with contextlib.suppress(StoreAway):
        await inquiry.desk.counters.give_back("code", account, reservation)
