"""Text the answer just heard to the member's registered mobile, whose number the hotline never learns."""

from typing import Final

from ivr.accounts.client import Outage, ReferenceExpired
from ivr.attempts import account_of
from ivr.call import Answered, Changes, Session
from ivr.deadline import Within
from ivr.inquiry import Inquiry

WRITTEN: Final = "text."
"""The written form of a prompt has its id with this before it."""

WRITTEN_LANGUAGES: Final = {"zh": "zh", "yue": "zh", "en": "en"}
"""What is spoken in Cantonese is written in the standard language."""

LONGEST: Final = 500
"""Characters of a message, by the contract."""

_NAME_LENGTH: Final = 10
"""Characters kept of what names a message sent in this call: a call sends a few, and each takes room in the session."""


async def text_answer(inquiry: Inquiry) -> Answered:
    """Text what the caller heard last, once in a call.

    ``sent``: the service took it. ``done``: it was sent in this call before. ``nothing``: no prompt that was heard has
    a written form. ``expired``: the verification has ended. ``error``: it is not known to be sent; trying again is
    safe, because the service knows the message by its key.
    """
    session, desk = inquiry.session, inquiry.desk
    member = session.member
    if member is None or not member.verified_at <= desk.now() < member.expires_at:
        return Answered("expired", forget=True)
    text = message(inquiry)
    if not text:
        return Answered("nothing")
    names = desk.seals.names("text", f"{inquiry.call}\n{_whose(session)}\n{text}")
    if any(name[:_NAME_LENGTH] in session.texted for name in names):
        return Answered("done")
    key = names[0]
    try:
        with Within.until(inquiry.until):
            await desk.accounts.send_message(member.ref, text, call_id=inquiry.call, idempotency_key=key)
    except ReferenceExpired:
        return Answered("expired", forget=True)
    except (Outage, TimeoutError):
        return Answered("error")
    return Answered("sent", changes=Changes(texted=(*session.texted, key[:_NAME_LENGTH])))


async def text_page(inquiry: Inquiry) -> Answered:
    """Text the page of a list that the caller heard last, as `text_answer` does, but never with ``nothing``.

    Every entry has a written form; where a hotline's own prompts lack them all, nothing is sent, and that is told.
    """
    answered = await text_answer(inquiry)
    return Answered("error") if answered.outcome == "nothing" else answered


def message(inquiry: Inquiry) -> str:
    """Compose the message of what was heard that has a written form; whole sentences, at most `LONGEST` characters."""
    catalogs = inquiry.library.catalogs
    lang = WRITTEN_LANGUAGES[inquiry.session.lang]
    if lang not in catalogs:
        return ""
    prompts, hotline = catalogs[lang].prompts, inquiry.hotline.facts(lang)
    between = " " if lang == "en" else ""
    text = ""
    for said in inquiry.session.said:
        written = prompts.get(WRITTEN + said.prompt)
        if not said.lead or written is None:
            continue
        longer = text + (between if text else "") + written.written({**hotline, **said.facts}, catalogs)
        if len(longer) > LONGEST:
            break
        text = longer
    return text


def _whose(session: Session) -> str:
    """Name the account, so that the same words about another one are another message."""
    if session.credential is not None:
        return account_of(session.credential)
    return session.member.ref if session.member else ""
