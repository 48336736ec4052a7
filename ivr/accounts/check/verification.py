"""Rules about verification: who is known, and that a refusal tells nothing about anybody."""

from typing import Final

from ivr.accounts import contract
from ivr.accounts.check.expectations import expect_fit, expect_like_times, expect_problem, expect_status
from ivr.accounts.check.visit import Answer, Broken, NotChecked, Visit

_LEAST_DIFFERENCE: Final = 0.025
"""Seconds by which answers may differ on any network."""


async def verifies(visit: Visit) -> None:
    """The right ID number and password are verified."""
    answer = await visit.verify(visit.member.id_number, visit.member.password)
    visit.verified = expect_fit(answer, contract.read_verified)


async def verifies_with_a_region(visit: Visit) -> None:
    """The region of the hotline that was dialled may be given."""
    _ = visit.verified
    answer = await visit.verify(visit.member.id_number, visit.member.password, region=visit.member.id_number[:6])
    expect_fit(answer, contract.read_verified)


async def verifies_by_card(visit: Visit) -> None:
    """The social security card's number and the password are verified."""
    if visit.member.card_number is None:
        raise NotChecked("No card number is given.")
    answer = await visit.verify(visit.member.card_number, visit.member.password)
    expect_fit(answer, contract.read_verified)


async def gives_opaque_references(visit: Visit) -> None:
    """The member reference is opaque: neither a number nor the password of the member stands in it."""
    member = visit.member
    numbers = {"ID number": member.id_number, "card number": member.card_number, "password": member.password}
    for name, number in numbers.items():
        if number and number in visit.ref:
            raise Broken(f"Expected a reference that says nothing of the member; came one with the {name} in it.")


async def refuses_a_wrong_password(visit: Visit) -> None:
    """A wrong password is answered 401 with the code invalid_credentials."""
    await _refuses(visit, "a wrong password")


async def refuses_an_unknown_number(visit: Visit) -> None:
    """An ID number that nobody has is answered 401 with the code invalid_credentials."""
    await _refuses(visit, "an unknown number")


async def refuses_an_unknown_card(visit: Visit) -> None:
    """A card number that nobody has is answered 401 with the code invalid_credentials."""
    await _refuses(visit, "an unknown card")


async def refuses_in_the_same_words(visit: Visit) -> None:
    """A wrong password and an unknown number get the same body, to the byte."""
    bodies = {name: {answer.raw for answer in answers} for name, answers in (await visit.refusals()).items()}
    for name, found in bodies.items():
        if len(found) > 1:
            raise Broken(f"Expected one body for {name}, however often it comes; came {len(found)}.")
        if found != bodies["a wrong password"]:
            raise Broken(f"Expected the body of a wrong password for {name}; came another one.")


async def refuses_in_the_same_time(visit: Visit) -> None:
    """A wrong password and an unknown number are refused after the same time."""
    # The fastest of each: whatever disturbs a measurement only makes it longer.
    fastest: dict[str, Answer] = {
        name: min(answers, key=lambda answer: answer.seconds) for name, answers in (await visit.refusals()).items()
    }
    for name, answer in fastest.items():
        wrong = fastest["a wrong password"]
        expect_like_times(wrong, answer, ("a wrong password", name), least=_LEAST_DIFFERENCE)


async def _refuses(visit: Visit, name: str) -> None:
    for answer in (await visit.refusals())[name]:
        expect_status(answer, 401, name)
        expect_problem(answer, "invalid_credentials")
