"""Rules about what is told of a verified member, and that it is told in the call of the verification alone."""

import json
from collections.abc import Callable
from typing import Any, Final

from ivr.accounts import contract
from ivr.accounts.check.expectations import expect_fit, expect_problem
from ivr.accounts.check.visit import Broken, NotChecked, Visit, about

MOST: Final = 24
USUAL: Final = 3

READS: Final[dict[str, Callable[[bytes], Any]]] = {
    "balance": contract.read_balance,
    "contribution-years": contract.read_years,
    "contributions": contract.read_contributions,
    "credits": contract.read_credits,
    "transactions": contract.read_transactions,
    "coverage": contract.read_coverage,
    "transfers": contract.read_transfers,
    "family-sharing": contract.read_family_sharing,
}
"""All that can be asked about a member, with the strict reader of each answer."""

LISTS: Final = {"contributions": "month", "credits": "month", "transactions": "date"}
"""Lists that keep to a limit, by the field that orders them."""

ORDERED: Final = LISTS | {"transfers": "submitted_on"}


async def tells_the_balance(visit: Visit) -> None:
    """…/balance: a sum such as 20180.05, the day that it is of, and the status."""
    await _fits(visit, "balance")


async def tells_the_years(visit: Visit) -> None:
    """…/contribution-years: scheme, actual and deemed months, and the day that they are of."""
    await _fits(visit, "contribution-years")


async def tells_contributions(visit: Visit) -> None:
    """…/contributions: a list of month, amount and status."""
    await _fits(visit, f"contributions?limit={MOST}")


async def tells_credits(visit: Visit) -> None:
    """…/credits: a list of month and amount."""
    await _fits(visit, f"credits?limit={MOST}")


async def tells_transactions(visit: Visit) -> None:
    """…/transactions: a list of date, amount and kind."""
    await _fits(visit, f"transactions?limit={MOST}")


async def tells_coverage(visit: Visit) -> None:
    """…/coverage: scheme, status, and the day that they are of."""
    await _fits(visit, "coverage")


async def tells_transfers(visit: Visit) -> None:
    """…/transfers: a list of case number, stage and day of submission."""
    await _fits(visit, "transfers")


async def tells_family_sharing(visit: Visit) -> None:
    """…/family-sharing: whether it is on, and a list of relatives."""
    await _fits(visit, "family-sharing")


async def _fits(visit: Visit, what: str) -> None:
    expect_fit(await visit.read(what), READS[what.partition("?")[0]])


async def names_the_member(visit: Visit) -> None:
    """Every 200 about a member has the header Member-Ref once, with the reference that was asked about."""
    answers = {what: await visit.read(what) for what in READS}
    told = {what: answer for what, answer in answers.items() if answer.status == 200}
    if not told:
        raise NotChecked("Nothing about the member was answered with 200.")
    for what, answer in told.items():
        if answer.refs != (visit.ref,):
            came = "another reference" if len(answer.refs) == 1 else f"{len(answer.refs)} of them"
            raise Broken(f"For {what}: expected the header Member-Ref with the reference asked about; came {came}.")


async def tells_the_newest_first(visit: Visit) -> None:
    """Lists come newest first."""
    for what, field in ORDERED.items():
        times = [str(entry[field]) for entry in await _list(visit, f"{what}?limit={MOST}" if what in LISTS else what)]
        if times != sorted(times, reverse=True):
            raise Broken(f"For {what}: expected the newest {field} first; came another order.")


async def keeps_to_the_limit(visit: Visit) -> None:
    """Lists have the latest entries up to the limit asked for, and up to 3 where none is."""
    for what, field in LISTS.items():
        whole = [entry[field] for entry in await _list(visit, f"{what}?limit={MOST}")]
        for limit, query in ((MOST, f"?limit={MOST}"), (1, "?limit=1"), (2, "?limit=2"), (USUAL, "")):
            found = [entry[field] for entry in await _list(visit, what + query)]
            asked = f"For {what}{query}: expected the latest {min(limit, len(whole))} entries"
            if len(found) != min(limit, len(whole)):
                raise Broken(f"{asked}; came {len(found)}.")
            if found != whole[:limit]:
                raise Broken(f"{asked}; came others.")


async def refuses_other_limits(visit: Visit) -> None:
    """A limit that is no whole number from 1 to 24 is answered with a problem, bad_request."""
    for what in LISTS:
        for limit in ("0", "25", "-1", "many"):
            answer = await visit.read(f"{what}?limit={limit}")
            expect_problem(answer, "bad_request", what=f"{what}?limit={limit}")


async def asks_for_the_call(visit: Visit) -> None:
    """Without the header Call-Id nothing is told about a member."""
    for what in READS:
        answer = await visit.ask("GET", about(visit.ref, what))
        expect_problem(answer, "bad_request", "reference_expired", what=what)


async def refuses_another_call(visit: Visit) -> None:
    """A reference is worthless in another call: a problem, reference_expired."""
    for what in READS:
        answer = await visit.read(what, call=visit.other_call)
        expect_problem(answer, "reference_expired", what=what)


async def refuses_an_unknown_reference(visit: Visit) -> None:
    """A reference that was never given is answered with a problem, reference_expired or not_found."""
    # Changed in the middle: the last sign of base64 may hold bits that nobody reads.
    middle = len(visit.ref) // 2
    unknown = visit.ref[:middle] + ("A" if visit.ref[middle] != "A" else "B") + visit.ref[middle + 1 :]
    for what in READS:
        answer = await visit.read(what, ref=unknown)
        expect_problem(answer, "reference_expired", "not_found", what=what)


async def _list(visit: Visit, what: str) -> list[dict[str, Any]]:
    answer = await visit.read(what)
    expect_fit(answer, READS[what.partition("?")[0]], what)
    entries: list[dict[str, Any]] = json.loads(answer.raw)
    return entries
