"""What the contract expects of an answer, and the sentence about one that is not so."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from ivr.accounts import contract
from ivr.accounts.check.visit import Answer, Broken

T = TypeVar("T")

PROBLEM: Final = "application/problem+json"


def expect_problem(answer: Answer, *means: str, what: str = "") -> None:
    """Expect a problem document that the hotline reads as one of these codes.

    A code that the contract does not know is read by its status, so a service may have codes of its own.
    """
    wanted = f"{_for(what)} a problem with the code {' or '.join(means)}"
    read_as = answer.means()
    if read_as not in means:
        reading = f", which the hotline reads as {read_as}" if 400 <= answer.status < 500 else ""
        raise Broken(f"{wanted}; came {answer.told()}{reading}.")
    if answer.media_type != PROBLEM:
        raise Broken(f"{wanted} as {PROBLEM}; came {answer.told()}.")
    status = 0
    with suppress(contract.ContractFault):
        status = contract.read_problem(answer.raw).status
    if not status:
        raise Broken(f"{wanted}; came {answer.told()}, a document that lacks status or code.")
    if status != answer.status:
        raise Broken(f"{wanted} and in it the status of the answer, {answer.status}; came {status} in it.")


def expect_fit(answer: Answer, read: Callable[[bytes], T], what: str = "") -> T:
    """Expect 200 and JSON that fits the contract."""
    wanted = f"{_for(what)} status 200 and application/json that fits the contract"
    if answer.status != 200 or answer.media_type != "application/json":
        raise Broken(f"{wanted}; came {answer.told()}.")
    try:
        return read(answer.raw)
    except contract.ContractFault as fault:
        misfit = str(fault)
    raise Broken(f"{wanted}; came a body that does not ({misfit}).")


def expect_status(answer: Answer, status: int, what: str = "") -> None:
    """Expect a status."""
    if answer.status != status:
        raise Broken(f"{_for(what)} status {status}; came {answer.told()}.")


def expect_like_times(first: Answer, second: Answer, names: tuple[str, str], *, least: float) -> None:
    """Expect two answers after the same time: at most ``least`` seconds, or a quarter, apart."""
    longer = max(first.seconds, second.seconds)
    if abs(first.seconds - second.seconds) > max(least, longer / 4):
        times = f"{first.seconds:.3f} s for {names[0]} and {second.seconds:.3f} s for {names[1]}"
        raise Broken(f"Expected the same time; came {times}.")


def _for(what: str) -> str:
    return f"For {what}: expected" if what else "Expected"
