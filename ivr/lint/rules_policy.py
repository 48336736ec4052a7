"""Rules about the policy facts: complete, in order, of one mind, and without what nobody may say."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Final

from ivr.library import POLICY_FACTS
from ivr.lint.plan import Found, Plan
from ivr.policyfacts import KINDS, SPOKEN_AS, PolicyFact, Refused, canonical
from ivr.problems import did_you_mean, listed
from ivr.speech import words
from ivr.yamlfile import Path


def policy_kind(plan: Plan) -> Iterator[Found]:
    """The kind of a fact chooses its sentence; what has no sentence cannot be said, and no other topic may say it."""
    for name, fact in _facts(plan):
        kinds = [kind for kind, one in KINDS.items() if one.topic == fact.topic]
        if fact.kind not in kinds:
            message = f"Fact '{name}' has the kind '{fact.kind}', which is no sentence about {fact.topic}."
            near = did_you_mean(fact.kind, kinds)
            yield in_facts(plan, ("facts", name, "kind"), message + near, f"Its kinds are {listed(kinds)}.")


def policy_city(plan: Plan) -> Iterator[Found]:
    """What differs by city is said of a city alone: two general rules contradict each other, and neither is spoken."""
    places = plan.library.policy.places
    for name, fact in known_facts(plan):
        path: Path = ("facts", name, "city")
        if KINDS[fact.kind].placed and fact.city is None:
            message = f"Fact '{name}' names no city, but '{fact.kind}' holds for one city or province only."
            yield in_facts(plan, ("facts", name), message, "Write 'city: …', or take the fact out.", key=True)
        elif fact.city is not None and not KINDS[fact.kind].placed:
            message = f"Fact '{name}' names the city '{fact.city}', but '{fact.kind}' is said of everybody."
            yield in_facts(plan, path, message, "Take the city out.")
        elif fact.city is not None and fact.city not in places:
            message = f"Fact '{name}' names '{fact.city}', which is no place.{did_you_mean(fact.city, places)}"
            yield in_facts(plan, path, message, f"Write it under 'places'; there are {listed(sorted(places))}.")


def policy_places_alike(plan: Plan) -> Iterator[Found]:
    """A member's region leads to one place; where two have the same, nobody can tell which is meant."""
    places = plan.library.policy.places
    for (one, first), (other, second) in combinations(places.items(), 2):
        if first.region == second.region:
            message = f"The places '{one}' and '{other}' have the same region {first.region}."
            yield in_facts(plan, ("places", other, "region"), message, "Keep one of them.")


def policy_values(plan: Plan) -> Iterator[Found]:
    """A sentence with a value too few cannot be spoken, and one that does not fit would be read out all the same."""
    for name, fact in known_facts(plan):
        needs, path = KINDS[fact.kind].needs, ("facts", name, "values")
        remedy = f"'{fact.kind}' needs {listed(f'{one} ({measure})' for one, measure in needs.items())}."
        for missing in (one for one in needs if one not in fact.values):
            yield in_facts(plan, path, f"Fact '{name}' lacks the value '{missing}'.", remedy, key=True)
        for given in fact.values:
            here: Path = (*path, given)
            if given not in needs:
                message = f"Fact '{name}' has no value '{given}'.{did_you_mean(given, needs)}"
                yield in_facts(plan, here, message, remedy, key=True)
            elif fault := _unfit(fact, given):
                yield in_facts(plan, here, f"In fact '{name}' the value '{given}' cannot be said: {fault}", remedy)
        sound = _SOUND.get(fact.kind)
        if sound and next(_misfits(fact), None) is None and not sound(fact.spoken_values()):
            message = f"The values of fact '{name}' contradict each other: {listed(map(str, fact.values.values()))}."
            yield in_facts(plan, path, message, "Look the figures up in the source again.")


def policy_days(plan: Plan) -> Iterator[Found]:
    """A fact whose days are in the wrong order is spoken too long, or never."""
    for name, fact in _facts(plan):
        for first, last in (
            ("effective_from", "effective_to"),
            ("reviewed_on", "review_by"),
            ("source_date", "reviewed_on"),
        ):
            begin, end = getattr(fact, first), getattr(fact, last)
            if isinstance(begin, date) and isinstance(end, date) and begin > end:
                message = f"In fact '{name}' {last} ({end}) is before {first} ({begin})."
                yield in_facts(plan, ("facts", name, last), message, "Put the days in order.")


def policy_disagreement(plan: Plan) -> Iterator[Found]:
    """Two facts that disagree about the same people at the same time: one of them is wrong, and callers hear both."""
    for (one, first), (other, second) in combinations(known_facts(plan), 2):
        about = KINDS[first.kind]
        same = (about.topic, about.says) == (KINDS[second.kind].topic, KINDS[second.kind].says)
        schemes = first.scheme == second.scheme or "any" in (first.scheme, second.scheme)
        differ = (first.kind, first.values) != (second.kind, second.values)
        if same and schemes and differ and first.city == second.city and first.overlaps(second):
            where = f"'{first.city}'" if first.city else "every place"
            line = plan.library.files[POLICY_FACTS].key_at(("facts", one)).line
            message = f"Fact '{other}' disagrees with '{one}' (line {line}) about {about.says} in {where}."
            remedy = "Keep the right one, or end one before the other begins."
            yield in_facts(plan, ("facts", other), message, remedy, key=True)


def policy_refused(plan: Plan) -> Iterator[Found]:
    """What the sources contradict or do not support is spoken to nobody until somebody has settled it."""
    for name, fact in known_facts(plan):
        place = plan.library.policy.places.get(fact.city or "")
        for refused in plan.library.policy.refused:
            if _refuses(refused, fact, place.region if place else None):
                message = f"Fact '{name}' says what must not be spoken: {refused.why}"
                remedy = "Take the fact out; or settle the question, and take the line out of 'refused'."
                yield in_facts(plan, ("facts", name), message, remedy, key=True)


def policy_refusal_of_nothing(plan: Plan) -> Iterator[Found]:
    """A refusal that names a kind which does not exist refuses nothing."""
    for place, refused in enumerate(plan.library.policy.refused):
        kinds = [kind for kind, one in KINDS.items() if one.topic == refused.topic]
        for at, kind in enumerate(refused.kinds):
            if kind not in kinds:
                message = f"'{kind}' is no sentence about {refused.topic}.{did_you_mean(kind, kinds)}"
                yield in_facts(plan, ("refused", place, "kinds", at), message, f"Its kinds are {listed(kinds)}.")


FACT_RULES: Final[tuple[Callable[[Plan], Iterator[Found]], ...]] = (
    policy_kind,
    policy_city,
    policy_places_alike,
    policy_values,
    policy_days,
    policy_disagreement,
    policy_refused,
    policy_refusal_of_nothing,
)


def _rises(*names: str) -> Callable[[Mapping[str, str]], bool]:
    """Tell that the values of these names rise: days and numbers alike."""

    def rises(values: Mapping[str, str]) -> bool:
        found = [values[name] for name in names]
        return all(one < other if "-" in one else Decimal(one) < Decimal(other) for one, other in pairwise(found))

    return rises


_SOUND: Final[Mapping[str, Callable[[Mapping[str, str]], bool]]] = {
    "years_by_sex_actual": lambda values: int(values["actual"]) <= min(int(values["men"]), int(values["women"])),
    "years_by_date": lambda values: (
        _rises("until", "since")(values)
        and int(values["early_actual"]) <= int(values["early"])
        and int(values["late_actual"]) <= int(values["late"])
    ),
    "years_by_joining": _rises("until", "since"),
    "transfer_days": lambda values: int(values["old_days"]) <= int(values["all_days"]),
    "credit_rates": _rises("low", "high"),
    "credit_example": lambda values: (
        Decimal(values["pension"]) * Decimal(values["rate"]) / 100 == Decimal(values["amount"])
    ),
}
"""What must hold between the values of a kind, as far as it can be reckoned."""


def _facts(plan: Plan) -> Iterator[tuple[str, PolicyFact]]:
    yield from plan.library.policy.facts.items()


def known_facts(plan: Plan) -> Iterator[tuple[str, PolicyFact]]:
    """Give the facts whose kind exists; of the others only that is told."""
    return ((name, fact) for name, fact in _facts(plan) if fact.kind in KINDS and KINDS[fact.kind].topic == fact.topic)


def _misfits(fact: PolicyFact) -> Iterator[str]:
    needs = KINDS[fact.kind].needs
    yield from (name for name in {*needs, *fact.values} if name not in fact.values or name not in needs)
    yield from (name for name in fact.values if name in needs and _unfit(fact, name))


def _unfit(fact: PolicyFact, name: str) -> str:
    """Say why a value cannot be spoken; nothing where it can."""
    measure = KINDS[fact.kind].needs[name]
    try:
        words(canonical(measure, fact.values[name]), min(SPOKEN_AS[measure]), "zh")
    except ValueError as error:
        return str(error)
    return ""


def _refuses(refused: Refused, fact: PolicyFact, region: str | None) -> bool:
    """Tell whether a refusal meets a fact; a fact of a whole province is spoken in its cities as well."""
    if refused.topic != fact.topic or (refused.kinds and fact.kind not in refused.kinds):
        return False
    if refused.scheme is not None and refused.scheme != fact.scheme:
        return False
    if refused.region is not None:
        here = region or ""
        if not here or not (here.startswith(refused.region) or refused.region.startswith(here)):
            return False
    values = {str(value) for value in fact.values.values()}
    return not refused.values or not values.isdisjoint(map(str, refused.values))


def in_facts(plan: Plan, path: Path, message: str, remedy: str, *, key: bool = False) -> Found:
    """Note something in the file of facts: at the value of ``path``, or at its key."""
    file = plan.library.files[POLICY_FACTS]
    line, column = file.key_at(path) if key else file.at(path)
    return Found(file.name, line, column, message, remedy)
