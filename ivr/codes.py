"""SMS codes: asked for at most so often in a call and per account, and never telling whether a number is known."""

import asyncio

from ivr.accounts.client import Outage
from ivr.attempts import DAY_SECONDS, account_of, as_long_as_a_refusal
from ivr.call import Answered, Changes
from ivr.counters import Reserved, Window
from ivr.deadline import Within
from ivr.inquiry import Inquiry
from ivr.redis_line import StoreAway


async def send_code(inquiry: Inquiry) -> Answered:
    """Have a code sent to the registered mobile. That none was sent, because too many were, sounds the same."""
    session, desk, limits = inquiry.session, inquiry.desk, inquiry.hotline.limits
    if session.credential is None or session.public:
        return Answered("closed")
    if session.codes >= limits.codes_per_call:
        return Answered("enough")
    account = account_of(session.credential)
    counter = Window("code", account, limits.codes_per_account_a_day, DAY_SECONDS)
    key = f"{inquiry.call}-code-{session.codes}"
    sent = Answered("sent", changes=Changes(codes=session.codes + 1))
    loop = asyncio.get_running_loop()
    reserved = None
    try:
        reserved = await desk.counters.reserve([counter], key)
        if not isinstance(reserved, Reserved):
            await as_long_as_a_refusal(inquiry, "code")
            return sent
        asked = loop.time()
        with Within.until(inquiry.until):
            await desk.accounts.send_sms_code(
                session.credential, call_id=inquiry.call, idempotency_key=desk.seals.name("code", f"{key}-{account}")
            )
        await desk.refusal_times.note("code", loop.time() - asked)
    except StoreAway:
        return Answered("closed")
    except (Outage, TimeoutError) as outage:
        if isinstance(outage, Outage) and outage.reason == "not_asked" and isinstance(reserved, Reserved):
            inquiry.settles.extend(reserved.giving_back)  # it was never asked for
        return Answered("error")
    return sent
