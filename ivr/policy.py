"""Policy answers: which place is meant, and what of the facts on file is spoken today; nothing here needs a member."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple, cast

from ivr.call import Answered, Facts, Rows
from ivr.inquiry import Inquiry
from ivr.policyfacts import CITY, KINDS, PLACED, UNNAMED, PolicyFact, PolicyFacts, Topic, named
from ivr.walk import china_day

TOPIC: Final = "topic"
PLACE: Final = "place"
"""Facts that a flow gives: what is asked about, and the place that the caller chose."""

GIVEN: Final[Mapping[str, frozenset[str]]] = {
    "policy_topic": frozenset({TOPIC}),
    "policy_city": frozenset({TOPIC, PLACE}),
}
"""The facts that a flow has to give to these lookups."""

CHOSEN_BY: Final = "chosen_by"
MEMBER: Final = "member"
CALLER: Final = "caller"
"""Who chose the place: a member's own choice outdoes the member's region, an earlier one of the call does not."""

WITHHELD: Final = "withheld"
"""The row that stands for facts which may not be spoken today: it offers an agent instead."""

AS_OF: Final = "as_of"

WITHDRAWAL_ROWS: Final[Mapping[str, frozenset[str]]] = {
    **{kind: frozenset(one.needs) for kind, one in KINDS.items() if one.topic == "withdrawal"},
    AS_OF: frozenset({AS_OF}),
}
POLICY_ROWS: Final[Mapping[str, frozenset[str]]] = {
    **{
        kind: frozenset(one.needs) | ({CITY} if one.placed else set())
        for kind, one in KINDS.items()
        if one.topic != "withdrawal"
    },
    **{missing: frozenset({CITY}) for missing in PLACED.values()},
    WITHHELD: frozenset({CITY}),
    AS_OF: frozenset({AS_OF}),
}
"""The kinds of rows that the lookups bring, with the facts of each."""

TERMS: Final[Mapping[str, tuple[str, ...]]] = {CITY: (UNNAMED,)}
"""The names of the other places are in the file of facts."""


class Meant(NamedTuple):
    """The region that an answer is about, and whether only the verification told it."""

    region: str
    personal: bool = False


async def policy_topic(_: Inquiry) -> Answered:
    """Take note of the topic that the flow gives; it stays a fact of the call."""
    return Answered("chosen")


async def policy_city(inquiry: Inquiry) -> Answered:
    """Take note of the place that the caller chose: it holds for later topics as well."""
    return Answered("chosen", {CHOSEN_BY: MEMBER if inquiry.session.member else CALLER})


async def policy(inquiry: Inquiry) -> Answered:
    """Answer the topic from the facts that may be spoken today.

    What is not on file, and what may not be spoken, has a row that says so and offers an agent.
    """
    topic = cast("Topic", inquiry.session.facts[TOPIC])
    meant = _meant(inquiry)
    rows = rows_about(inquiry.library.policy, topic, meant.region, china_day(inquiry.desk.now()))
    return Answered("told", rows=rows, personal=meant.personal and topic in PLACED)


async def policy_withdrawal(inquiry: Inquiry) -> Answered:
    """Say the two sentences that may be said of withdrawals; everything else of them is for an agent."""
    rows = rows_about(inquiry.library.policy, "withdrawal", "", china_day(inquiry.desk.now()))
    return Answered("told", rows=tuple(row for row in rows if row[0] in WITHDRAWAL_ROWS))


def rows_about(policy: PolicyFacts, topic: Topic, region: str, today: date) -> Rows:
    """Give the sentences of an answer, by kind and in their order, each with its facts.

    Last comes the day as of which all of it is known: that of the oldest fact spoken.
    """
    on_file = policy.about(topic, region, today)
    said = _said(on_file, today)
    rows = _once((fact.kind, _facts(fact)) for fact in said)
    if topic in PLACED and not any(fact.city for fact in on_file):
        rows.insert(_place_for_city(rows), (PLACED[topic], {CITY: _name(policy, region)}))
    withheld = _withheld(on_file, said)
    if city := next((fact.city for fact in withheld if fact.city), None):
        place = max((at + 1 for at, row in enumerate(rows) if CITY in row[1]), default=_place_for_city(rows))
        rows.insert(place, (WITHHELD, {CITY: named(city)}))
    elif withheld or not on_file:
        rows.append((WITHHELD, {CITY: UNNAMED}))
    if days := [day for fact in said if (day := fact.checked_on())]:
        rows.append((AS_OF, {AS_OF: min(days).isoformat()}))
    return tuple(rows)


def _said(on_file: list[PolicyFact], today: date) -> list[PolicyFact]:
    """Give what is spoken: what may be, has its necessary company, and is not outdone by a rule of the place."""
    said = [fact for fact in on_file if fact.speakable(today)]
    kinds = {fact.kind for fact in said}
    said = [fact for fact in said if KINDS[fact.kind].beside in ("", *kinds)]
    about = {KINDS[fact.kind].says for fact in said}
    return [fact for fact in said if KINDS[fact.kind].unless not in about]


def _withheld(on_file: list[PolicyFact], said: list[PolicyFact]) -> list[PolicyFact]:
    """Give what is kept back and nothing spoken makes up for."""
    about = {(fact.scheme, KINDS[fact.kind].says) for fact in said}
    outdone = {KINDS[fact.kind].says for fact in said}
    return [
        fact
        for fact in on_file
        if (fact.scheme, KINDS[fact.kind].says) not in about and KINDS[fact.kind].unless not in outdone
    ]


def _facts(fact: PolicyFact) -> Facts:
    return fact.spoken_values() | ({CITY: named(fact.city)} if fact.city else {})


def _once(rows: Iterable[tuple[str, Facts]]) -> list[tuple[str, Facts]]:
    """Drop what a second source says in the same words."""
    found: list[tuple[str, Facts]] = []
    for row in rows:
        if row not in found:
            found.append(row)
    return found


def _place_for_city(rows: list[tuple[str, Facts]]) -> int:
    """Give where the sentence about the place stands: first, but after who is concerned at all."""
    return next((place + 1 for place, (kind, _) in enumerate(rows) if kind == "credit_who"), 0)


def _name(policy: PolicyFacts, region: str) -> str:
    return next((named(place) for place in policy.places_of(region)), UNNAMED)


def _meant(inquiry: Inquiry) -> Meant:
    """Find the place: a member's choice, the member's region, a choice of the call, or the hotline's region."""
    facts, member = inquiry.session.facts, inquiry.session.member
    chosen = inquiry.library.policy.places.get(facts.get(PLACE, ""))
    if chosen and (facts.get(CHOSEN_BY) == MEMBER or member is None or member.region is None):
        return Meant(chosen.region)
    if member is not None and member.region is not None:
        return Meant(member.region, personal=True)
    return Meant(inquiry.hotline.region)
