"""Check whether an account service honours the contract: one small function a rule, for a bureau's own developers."""

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Literal, NamedTuple

from ivr.accounts.check import door, members, verification, writing
from ivr.accounts.check.visit import DEADLINE, Broken, Member, NotChecked, Visit

__all__ = ["READING", "WRITING", "Finding", "Member", "Rule", "check", "sentence"]

Rule = Callable[[Visit], Awaitable[None]]

READING: Final[tuple[Rule, ...]] = (
    door.is_healthy,
    door.asks_for_the_token,
    door.knows_its_token,
    verification.verifies,
    verification.verifies_with_a_region,
    verification.verifies_by_card,
    verification.gives_opaque_references,
    verification.refuses_a_wrong_password,
    verification.refuses_an_unknown_number,
    verification.refuses_an_unknown_card,
    verification.refuses_in_the_same_words,
    verification.refuses_in_the_same_time,
    door.refuses_malformed_verifications,
    door.refuses_malformed_code_requests,
    members.tells_the_balance,
    members.tells_the_years,
    members.tells_contributions,
    members.tells_credits,
    members.tells_transactions,
    members.tells_coverage,
    members.tells_transfers,
    members.tells_family_sharing,
    members.names_the_member,
    members.tells_the_newest_first,
    members.keeps_to_the_limit,
    members.refuses_other_limits,
    members.asks_for_the_call,
    members.refuses_another_call,
    members.refuses_an_unknown_reference,
)
"""Rules whose check changes nothing: a few failed verifications are counted, and a right one follows each."""

WRITING: Final[tuple[Rule, ...]] = (
    writing.sends_codes_alike,
    writing.takes_a_code_key_again,
    writing.texts_an_answer,
    writing.refuses_a_long_text,
    writing.texts_in_the_call_alone,
    writing.refuses_malformed_passwords,
    writing.refuses_weak_passwords,
    writing.changes_in_the_call_alone,
    writing.changes_the_password,
)
"""Rules whose check sends a code and a text message, and changes the password and changes it back."""


class Finding(NamedTuple):
    """What came of one rule; ``why`` is a sentence where it did not pass, and holds no secret."""

    rule: str
    verdict: Literal["passed", "FAILED", "not checked"]
    why: str = ""

    def __str__(self) -> str:
        return f"{self.verdict + ':':<13}{self.rule} {self.why}".rstrip()


async def check(
    url: str,
    token: str,
    member: Member,
    rules: Sequence[Rule] = READING,
    *,
    deadline: float = DEADLINE,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Finding]:
    """Ask the service at ``url`` what the contract speaks of, and give a finding for each rule, one by one.

    ``member`` is one of the service's own, who may be verified. ``rules`` are in the order of `READING`: what a rule
    finds out, later ones use. ``deadline`` is in seconds, for each request, as is ``clock``, by which is told how long
    answers took. A service that cannot be reached is a finding, no error.
    """
    async with Visit(url, token, member, deadline, clock) as visit:
        for place, rule in enumerate(rules):
            if place and not visit.answered:
                yield Finding(sentence(rule), "not checked", "Nothing answers there.")
            else:
                yield _clean(await _looked_at(visit, rule), visit)


async def _looked_at(visit: Visit, rule: Rule) -> Finding:
    said = sentence(rule)
    try:
        await rule(visit)
    except Broken as broken:
        return Finding(said, "FAILED", str(broken))
    except NotChecked as reason:
        return Finding(said, "not checked", str(reason))
    return Finding(said, "passed")


def sentence(rule: Rule) -> str:
    """Give what a rule asks of a service: its docstring."""
    return " ".join((inspect.getdoc(rule) or "").split())


def _clean(finding: Finding, visit: Visit) -> Finding:
    # The rules put no secret into their sentences; a service that answers with one in odd places gets no further.
    why = finding.why
    for secret in visit.secrets():
        why = why.replace(secret, "…")
    return finding._replace(why=why)
