"""Rules whose check leaves something behind: a code, a text message, a password changed and changed back."""

import secrets
from typing import Final

from ivr.accounts import contract
from ivr.accounts.check.expectations import expect_fit, expect_like_times, expect_problem, expect_status
from ivr.accounts.check.visit import Answer, Broken, NotChecked, Visit, about, credential, raised
from ivr.accounts.reference.pins import LISTED
from ivr.weakness import is_weak

_LEAST_DIFFERENCE: Final = 0.1
"""Seconds by which the two answers about codes may differ; each can be asked only once."""

_LONGEST: Final = 500
_WEAKEST: Final = "123456"


async def sends_codes_alike(visit: Visit) -> None:
    """A request for a code is answered 202 (or 429, too_many_codes), in the same time for a number that nobody has."""
    _ = visit.verified
    # In turn nobody's first: whatever a first request costs shows as a difference where there is none to hide.
    await _code(visit, visit.nobody, "warm-up")
    unknown, known = [await _code(visit, number, "k") for number in (visit.nobody, visit.member.id_number)]
    for name, answer in (("an unknown number", unknown), ("the member's number", known)):
        _accepted_or_too_many(answer, name)
    names = ("an unknown number", "the member's number")
    expect_like_times(unknown, known, names, least=_LEAST_DIFFERENCE)


async def takes_a_code_key_again(visit: Visit) -> None:
    """The same idempotency key of a code is accepted again."""
    _ = visit.verified
    _accepted_or_too_many(await _code(visit, visit.member.id_number, "k"), "the same key again")


async def texts_an_answer(visit: Visit) -> None:
    """A text message is accepted with 202, and so it is when the same key comes again."""
    for name in ("the first request", "the same key again"):
        answer = await _text(visit, "账户服务检查 account service check", "text")
        expect_status(answer, 202, name)
        _about_the_member(visit, answer)


async def refuses_a_long_text(visit: Visit) -> None:
    """A text of more than 500 characters is answered with a problem, bad_request."""
    expect_problem(await _text(visit, "检" * (_LONGEST + 1), "long"), "bad_request")


async def texts_in_the_call_alone(visit: Visit) -> None:
    """A text message in another call is answered with a problem, reference_expired."""
    body = {"text": "account service check", "idempotency_key": secrets.token_hex(8)}
    answer = await visit.ask("POST", about(visit.ref, "messages"), body=body, call=visit.other_call)
    expect_problem(answer, "reference_expired")


async def refuses_malformed_passwords(visit: Visit) -> None:
    """A new password that is not six digits is answered with a problem, bad_request."""
    _another_password(visit)
    for name, pin in (("five digits", "84627"), ("seven digits", "8462753"), ("letters", "abcdef")):
        expect_problem(await _refused_change(visit, pin, pin), "bad_request", what=name)


async def refuses_weak_passwords(visit: Visit) -> None:
    """A new password that is easily guessed is answered 422 with the code weak_pin."""
    _another_password(visit)
    answer = await _refused_change(visit, _WEAKEST, _WEAKEST)
    expect_status(answer, 422, f"the new password {_WEAKEST}")
    expect_problem(answer, "weak_pin")


async def changes_in_the_call_alone(visit: Visit) -> None:
    """A change of password in another call is answered with a problem, reference_expired."""
    new, described = _another_password(visit)
    expect_problem(await _refused_change(visit, new, described, visit.other_call), "reference_expired")


async def changes_the_password(visit: Visit) -> None:
    """A new password is accepted with 204, holds at once in place of the old one, and can be changed back."""
    new, described = _another_password(visit)
    try:
        answer = await _change(visit, visit.ref, new, visit.call)
        expect_status(answer, 204, "a new password")
        _about_the_member(visit, answer)
        expect_status(await visit.verify(visit.member.id_number, visit.member.password), 401, "the old password")
        told = await visit.verify(visit.member.id_number, new)
        if expect_fit(told, contract.read_verified, "the new password").must_change_pin:
            raise Broken("Expected must_change_pin to be false after the change; came true.")
    finally:
        await _change_back(visit, new, described)


# --- one step each ---------------------------------------------------------------------------------------------------


async def _code(visit: Visit, number: str, key: str) -> Answer:
    # The same key in one visit is the same request; in another visit it is another one.
    body = {
        "credential": credential(number),
        "call_id": visit.call,
        "idempotency_key": f"{visit.call}-{number == visit.nobody}-{key}",
    }
    return await visit.ask("POST", "/v1/sms-codes", body=body)


def _accepted_or_too_many(answer: Answer, name: str) -> None:
    if answer.status == 429:
        expect_problem(answer, "too_many_codes", what=name)
    else:
        expect_status(answer, 202, name)


async def _text(visit: Visit, text: str, key: str) -> Answer:
    body = {"text": text, "idempotency_key": f"{visit.call}-{key}"}
    return await visit.ask("POST", about(visit.ref, "messages"), body=body, call=visit.call)


async def _change(visit: Visit, ref: str, pin: str, call: str) -> Answer:
    return await visit.ask("PUT", about(ref, "pin"), body={"new_pin": pin}, call=call)


async def _refused_change(visit: Visit, pin: str, described: str, call: str | None = None) -> Answer:
    """Ask for a change that is to be refused; where it may have been made, it is changed back."""
    refused = False
    try:
        answer = await _change(visit, visit.ref, pin, call or visit.call)
        refused = 400 <= answer.status < 500
    finally:
        if not refused:
            await _change_back(visit, pin, described)
    return answer


def _about_the_member(visit: Visit, answer: Answer) -> None:
    if answer.refs not in {(), (visit.ref,)}:
        raise Broken("Expected no header Member-Ref, or the reference asked about; came another one.")


def _another_password(visit: Visit) -> tuple[str, str]:
    """Give a password that is not weak, and how it comes of the member's own; see that there is a way back."""
    _ = visit.verified
    member = visit.member
    birth, numbers = member.id_number[6:14], [member.id_number, *([member.card_number] if member.card_number else [])]

    def weak(pin: str) -> bool:
        return is_weak(pin, birth=birth, numbers=numbers, listed=LISTED)

    if weak(member.password):
        raise NotChecked("The password is one that services refuse as weak, so it could not be changed back.")
    by = next(by for by in range(1, 10) if not weak(raised(member.password, by)))
    return raised(member.password, by), f"the one given with every digit raised by {by} (0 follows 9)"


async def _change_back(visit: Visit, now: str, described: str) -> None:
    """Set the member's own password again where it is ``now``.

    Raises:
        Broken: the member is left with a password that nobody was told; ``described`` says which.
    """
    try:
        told = await visit.verify(visit.member.id_number, now)
        if told.status != 200 and (await visit.verify(visit.member.id_number, visit.member.password)).status == 200:
            return
        ref = expect_fit(told, contract.read_verified, "a verification with it").member_ref
        expect_status(await _change(visit, ref, visit.member.password, visit.call), 204, "changing it back")
        again = await visit.verify(visit.member.id_number, visit.member.password)
        visit.verified = expect_fit(again, contract.read_verified, "the password changed back")
    except Broken as broken:
        left = f"The password was not changed back: the member's may now be {described}. {broken}"
    else:
        return
    raise Broken(left)
