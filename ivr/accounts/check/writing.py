"""Rules whose check leaves something behind: a code, a text message, a password changed and changed back."""

import secrets
from typing import Final

from ivr.accounts import contract
from ivr.accounts.check.visit import (
    Answer,
    Broken,
    NotChecked,
    Visit,
    about,
    credential,
    expect_fit,
    expect_like_times,
    expect_problem,
    expect_status,
    raised,
)
from ivr.validators import is_weak

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
    """The same idempotency key of a code is answered as before."""
    _ = visit.verified
    first = await _code(visit, visit.member.id_number, "k")
    second = await _code(visit, visit.member.id_number, "k")
    _accepted_or_too_many(first, "the first request")
    if second.status != first.status:
        raise Broken(f"Expected status {first.status} again; came {second.told()}.")


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


async def refuses_weak_passwords(visit: Visit) -> None:
    """A new password that is easily guessed is answered 422 with the code weak_pin."""
    _can_be_changed_back(visit)
    answer = await _change(visit, visit.ref, _WEAKEST)
    if 200 <= answer.status < 300:
        await _back(visit, _WEAKEST, "123456")
    expect_status(answer, 422, "the new password 123456")
    expect_problem(answer, "weak_pin")


async def refuses_malformed_passwords(visit: Visit) -> None:
    """A new password that is not six digits is answered with a problem, bad_request."""
    _can_be_changed_back(visit)
    for name, pin in (("five digits", "84627"), ("seven digits", "8462753"), ("letters", "abcdef")):
        answer = await _change(visit, visit.ref, pin)
        if 200 <= answer.status < 300:
            await _back(visit, pin, f"one of {name}, {pin}")
        expect_problem(answer, "bad_request", about=f"for {name}: ")


async def changes_in_the_call_alone(visit: Visit) -> None:
    """A change of password in another call is answered with a problem, reference_expired."""
    by, new = _can_be_changed_back(visit)
    answer = await _change(visit, visit.ref, new, call=visit.other_call)
    if 200 <= answer.status < 300:
        await _back(visit, new, _raised(by))
    expect_problem(answer, "reference_expired")


async def changes_the_password(visit: Visit) -> None:
    """A new password is accepted with 204, holds at once in place of the old one, and can be changed back."""
    by, new = _can_be_changed_back(visit)
    answer = await _change(visit, visit.ref, new)
    expect_status(answer, 204, "a new password")
    found: Broken | None = None
    try:
        _about_the_member(visit, answer)
        expect_status(await visit.verify(visit.member.id_number, visit.member.password), 401, "the old password")
        told = await visit.verify(visit.member.id_number, new)
        if expect_fit(told, contract.read_verified, "for the new password: ").must_change_pin:
            raise Broken("Expected must_change_pin to be false after the change; came true.")
    except Broken as broken:
        found = broken
    await _back(visit, new, _raised(by))
    if found:
        raise found


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
        expect_problem(answer, "too_many_codes", about=f"for {name}: ")
    else:
        expect_status(answer, 202, name)


async def _text(visit: Visit, text: str, key: str) -> Answer:
    body = {"text": text, "idempotency_key": f"{visit.call}-{key}"}
    return await visit.ask("POST", about(visit.ref, "messages"), body=body, call=visit.call)


async def _change(visit: Visit, ref: str, pin: str, call: str | None = None) -> Answer:
    return await visit.ask("PUT", about(ref, "pin"), body={"new_pin": pin}, call=call or visit.call)


def _about_the_member(visit: Visit, answer: Answer) -> None:
    if answer.refs not in {(), (visit.ref,)}:
        raise Broken("Expected no header Member-Ref, or the reference asked about; came another one.")


def _can_be_changed_back(visit: Visit) -> tuple[int, str]:
    """Give another password that is not weak, and by how much its digits are raised; see that there is a way back."""
    _ = visit.verified
    member = visit.member
    birth, numbers = member.id_number[6:14], [member.id_number, *([member.card_number] if member.card_number else [])]

    def weak(pin: str) -> bool:
        return is_weak(pin, birth=birth, numbers=numbers, listed=())

    if weak(member.password):
        raise NotChecked("The password is one that services refuse as weak, so it could not be changed back.")
    by = next(by for by in range(1, 10) if not weak(raised(member.password, by)))
    return by, raised(member.password, by)


def _raised(by: int) -> str:
    return f"the one given with every digit raised by {by} (0 follows 9)"


async def _back(visit: Visit, now: str, described: str) -> None:
    """Set the member's own password again, by a verification with the one that holds now."""
    # Without it the member would be left with a password that nobody was told, so it says which.
    left = f"The password was not changed back: the member's is now {described}"
    told = await visit.verify(visit.member.id_number, now)
    try:
        verified = expect_fit(told, contract.read_verified)
    except Broken:
        still = await visit.verify(visit.member.id_number, visit.member.password)
        if still.status == 200:
            return
        raise Broken(f"{left}. Expected a verification with it; came {told.told()}.") from None
    answer = await _change(visit, verified.member_ref, visit.member.password)
    if answer.status != 204:
        raise Broken(f"{left}. Expected status 204 for changing it back; came {answer.told()}.")
    again = await visit.verify(visit.member.id_number, visit.member.password)
    visit.verified = expect_fit(again, contract.read_verified, "for the password changed back: ")
