"""Text messages: what goes into one, that it is sent once, and that nothing else than what was heard is sent."""

import asyncio
from typing import Any

import pytest
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import BALANCE, calling, kept_of, words
from test_records import LIBRARY, inquiry_of, session_of

from ivr.call import Answered, Changes, Credential, Said, Session
from ivr.texting import LONGEST, message, text_answer

TOLD = Said("balance.tell", {"balance": "20180.05", "as_of": "2026-11-20"}, lead=True, personal=True)
TEXT = "您的医保个人账户余额20180.05元，截至2026-11-20。"
ENGLISH = "Your medical insurance account balance is 20180.05 yuan as of 2026-11-20."


@pytest.fixture(scope="module")
def running(hurried: UnderTest) -> UnderTest:
    return hurried


# --- what goes into a message ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "text"), [("zh", TEXT), ("yue", TEXT), ("en", ENGLISH)])
async def test_it_is_written_in_the_language_heard_and_cantonese_in_the_standard_one(lang: str, text: str) -> None:
    assert message(inquiry_of({}, session_of(lang=lang, said=(TOLD,)))) == text


@pytest.mark.parametrize(
    "said",
    [
        (),
        (Said("balance.frozen", {}, lead=True, personal=True),),  # no written form
        (Said("balance.tell", TOLD.facts, lead=False, personal=True),),  # no answer
        (Said("identify.expired", {}, lead=True), Said("after.menu", {}), Said("goodbye", {})),
    ],
)
async def test_only_answers_with_a_written_form_are_written(said: tuple[Said, ...]) -> None:
    assert message(inquiry_of({}, session_of(said=said))) == ""
    assert await text_answer(inquiry_of({}, session_of(said=said))) == Answered("nothing")


async def test_a_message_ends_with_a_whole_sentence_before_it_gets_too_long() -> None:
    text = message(inquiry_of({}, session_of(said=(TOLD,) * 40)))
    assert text == TEXT * (LONGEST // len(TEXT))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_written_form_is_of_a_prompt_that_is_said_and_has_no_link(lang: str) -> None:
    prompts = LIBRARY.catalogs[lang].prompts
    written = {name: prompt for name, prompt in prompts.items() if name.startswith("text.")}
    assert len(written) > 60
    for name, prompt in written.items():
        assert name.removeprefix("text.") in prompts
        assert not any(mark in prompt.segments[0].text for mark in ("http", "www", "://", "请按", "press"))


# --- sent once -------------------------------------------------------------------------------------------------------


async def sent(session: Session, messages: list[str]) -> tuple[Answered, list[dict[str, Any]]]:
    """Give what comes of a wish for a text, and the bodies that reach the account service."""
    inquiry = inquiry_of({"messages": messages}, session)
    answered = await text_answer(inquiry)
    accounts = inquiry.desk.accounts._accounts  # type: ignore[attr-defined]
    return answered, [body for _, _, body in accounts.asked if body]


async def test_what_was_sent_is_remembered_and_not_sent_again() -> None:
    answered, [body] = await sent(session_of(said=(TOLD,)), ["sent"])
    assert answered.outcome == "sent"
    assert body["text"] == TEXT
    changes = answered.changes
    assert isinstance(changes, Changes)
    assert isinstance(changes.texted, tuple)
    assert len("".join(changes.texted)) <= 10, "a call sends several, and each takes room in the session"
    assert await sent(session_of(said=(TOLD,), texted=changes.texted), []) == (Answered("done"), [])


async def test_a_message_that_may_be_lost_has_the_same_key_when_it_is_tried_again() -> None:
    lost, [first] = await sent(session_of(said=(TOLD,)), ["outage"])
    again, [second] = await sent(session_of(said=(TOLD,), key_turns=7), ["sent"])
    assert (lost, again.outcome) == (Answered("error"), "sent")
    assert first == second
    assert TOLD.facts["balance"] not in first["idempotency_key"]


@pytest.mark.parametrize(
    "other",
    [
        {"lang": "en"},
        {"credential": Credential("social_security_card", "13912345678")},
        {"credential": Credential("id_card", "110105198503122173")},
    ],
)
async def test_another_text_or_account_is_another_message(other: dict[str, Any]) -> None:
    _, [first] = await sent(session_of(said=(TOLD,)), ["sent"])
    texted = (first["idempotency_key"][:10],)
    answered, [second] = await sent(session_of(said=(TOLD,), texted=texted, **other), ["sent"])
    assert answered.outcome == "sent"
    assert first["idempotency_key"] != second["idempotency_key"]


async def test_an_ended_verification_is_forgotten_and_no_outage() -> None:
    answered, _ = await sent(session_of(said=(TOLD,)), ["expired"])
    assert answered == Answered("expired", forget=True)


async def test_a_service_that_takes_too_long_counts_as_not_known_to_be_sent() -> None:
    inquiry = inquiry_of({}, session_of(said=(TOLD,)), until=-1)

    async def late(*_: object, **__: object) -> None:
        await asyncio.sleep(1)

    inquiry.desk.accounts.send_message = late  # type: ignore[method-assign]
    assert await text_answer(inquiry) == Answered("error")


# --- over HTTP, however often the webhook comes ----------------------------------------------------------------------


def messages_to(hotline: UnderTest) -> list[Any]:
    return [body["text"] for what, _, body in hotline.accounts.asked if what == "messages" and body]


@pytest.mark.parametrize(("delay", "heard"), [(0.0, "texted.sent"), (0.2, "texted.sent"), (3.0, "texted.error")])
async def test_one_message_however_often_the_webhook_comes(
    running: UnderTest, redis: Redis, delay: float, heard: str
) -> None:
    """At once on two workers, while the account service is fast, slow, and slower than work may take."""
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    async with calling(running) as caller:
        menu = await caller.verified()
        running.accounts.delay = delay
        firsts = await asyncio.gather(*(caller.post(menu.next, Digits="1") for _ in range(6)))
        # On a busy machine some may hear the filler first, and all of them the same one.
        assert len({first.body for first in firsts if first.polls}) <= 1
        answers = await asyncio.gather(*map(caller.reply_after, firsts))
        assert len({answer.body for answer in answers}) == 1
        assert words(heard) in answers[0].said
        assert words(heard) in (await caller.post(menu.next, Digits="1")).said
        assert messages_to(running) == [TEXT]
        assert (await kept_of(redis, caller.sid)).turn == 4
