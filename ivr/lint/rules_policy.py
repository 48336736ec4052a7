"""Rules about policy: every figure comes from a reviewed fact, no two facts disagree, and what is doubtful is not said."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Final

from ivr.flow import LookupNode, SayNode
from ivr.library import POLICY_FACTS
from ivr.lint.plan import Found, Plan
from ivr.policy import GIVEN, PLACE, TOPIC
from ivr.policyfacts import KINDS, PLACED, SPOKEN_AS, PolicyFact, Refused, canonical
from ivr.problems import did_you_mean, listed
from ivr.speech import words
from ivr.yamlfile import Path

ENDING: Final = "policy.ending"
"""The sentence that ends every policy answer."""

ANSWERS: Final = frozenset({"policy", "policy_withdrawal"})
"""The lookups whose rows are policy answers."""

_FIGURE_WORDS: Final = {
    "zh": re.compile(r"[零一二两三四五六七八九十百千万]+(年|个月|个?工作日|天|元|块|周?岁|折)|百分之|成以上"),
    "yue": re.compile(r"[零一二兩三四五六七八九十百千萬]+(年|個月|個?工作日|日|元|蚊|周?歲|折)|百分之"),
    "en": re.compile(
        r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|\w+teen|\w+ty|hundred|thousand)"
        r"[ -](years?|months?|(working )?days?|yuan|percent)\b",
        re.IGNORECASE,
    ),
}


def policy_kind(plan: Plan) -> Iterator[Found]:
    """The kind of a fact chooses its sentence; what has no sentence cannot be said, and no other topic may say it."""
    for name, fact in _facts(plan):
        kinds = [kind for kind, one in KINDS.items() if one.topic == fact.topic]
        if fact.kind not in kinds:
            message = f"Fact '{name}' has the kind '{fact.kind}', which is no sentence about {fact.topic}."
            near = did_you_mean(fact.kind, kinds)
            yield _in_facts(plan, ("facts", name, "kind"), message + near, f"Its kinds are {listed(kinds)}.")


def policy_city(plan: Plan) -> Iterator[Found]:
    """What differs by city is said of a city alone: two general rules contradict each other, and neither is spoken."""
    places = plan.library.policy.places
    for name, fact in _known(plan):
        path: Path = ("facts", name, "city")
        if KINDS[fact.kind].placed and fact.city is None:
            message = f"Fact '{name}' names no city, but '{fact.kind}' holds for one city or province only."
            yield _in_facts(plan, path, message, "Write 'city: …', or take the fact out.")
        elif fact.city is not None and not KINDS[fact.kind].placed:
            message = f"Fact '{name}' names the city '{fact.city}', but '{fact.kind}' is said of everybody."
            yield _in_facts(plan, path, message, "Take the city out.")
        elif fact.city is not None and fact.city not in places:
            message = f"Fact '{name}' names '{fact.city}', which is no place.{did_you_mean(fact.city, places)}"
            yield _in_facts(plan, path, message, f"Write it under 'places'; there are {listed(sorted(places))}.")


def policy_places_alike(plan: Plan) -> Iterator[Found]:
    """A member's region leads to one place; where two have the same, nobody can tell which is meant."""
    places = plan.library.policy.places
    for (one, first), (other, second) in combinations(places.items(), 2):
        if first.region == second.region:
            message = f"The places '{one}' and '{other}' have the same region {first.region}."
            yield _in_facts(plan, ("places", other, "region"), message, "Keep one of them.")


def policy_values(plan: Plan) -> Iterator[Found]:
    """A sentence with a value too few cannot be spoken, and one that does not fit would be read out all the same."""
    for name, fact in _known(plan):
        needs, path = KINDS[fact.kind].needs, ("facts", name, "values")
        remedy = f"'{fact.kind}' needs {listed(f'{one} ({measure})' for one, measure in needs.items())}."
        for missing in (one for one in needs if one not in fact.values):
            yield _in_facts(plan, path, f"Fact '{name}' lacks the value '{missing}'.", remedy, key=True)
        for given, value in fact.values.items():
            here: Path = (*path, given)
            if given not in needs:
                message = f"Fact '{name}' has no value '{given}'.{did_you_mean(given, needs)}"
                yield _in_facts(plan, here, message, remedy, key=True)
            elif fault := _unfit(fact, given):
                yield _in_facts(plan, here, f"In fact '{name}' the value '{given}' cannot be said: {fault}", remedy)
        if not any(True for _ in _misfits(fact)) and fact.kind in _SOUND and not _SOUND[fact.kind](fact.spoken_values()):
            message = f"The values of fact '{name}' contradict each other: {listed(map(str, fact.values.values()))}."
            yield _in_facts(plan, path, message, "Look the figures up in the source again.")


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
                yield _in_facts(plan, ("facts", name, last), message, "Put the days in order.")


def policy_disagreement(plan: Plan) -> Iterator[Found]:
    """Two facts that disagree about the same people at the same time: one of them is wrong, and callers hear both."""
    for (one, first), (other, second) in combinations(_known(plan), 2):
        about = KINDS[first.kind]
        same = (about.topic, about.says) == (KINDS[second.kind].topic, KINDS[second.kind].says)
        schemes = first.scheme == second.scheme or "any" in (first.scheme, second.scheme)
        differ = (first.kind, first.values) != (second.kind, second.values)
        if same and schemes and differ and first.city == second.city and first.overlaps(second):
            where = f"'{first.city}'" if first.city else "every place"
            line = plan.library.files[POLICY_FACTS].key_at(("facts", one)).line
            message = f"Fact '{other}' disagrees with '{one}' (line {line}) about {about.says} in {where}."
            yield _in_facts(plan, ("facts", other), message, "Keep the right one, or end one before the other.", key=True)


def policy_refused(plan: Plan) -> Iterator[Found]:
    """What the sources contradict or do not support is spoken to nobody until somebody has settled it."""
    for name, fact in _known(plan):
        place = plan.library.policy.places.get(fact.city or "")
        for refused in plan.library.policy.refused:
            if _refuses(refused, fact, place.region if place else None):
                message = f"Fact '{name}' says what must not be spoken: {refused.why}"
                remedy = "Take the fact out; or settle the question, and take the line out of 'refused'."
                yield _in_facts(plan, ("facts", name), message, remedy, key=True)


def policy_refusal_of_nothing(plan: Plan) -> Iterator[Found]:
    """A refusal that names a kind which does not exist refuses nothing."""
    for place, refused in enumerate(plan.library.policy.refused):
        kinds = [kind for kind, one in KINDS.items() if one.topic == refused.topic]
        for at, kind in enumerate(refused.kinds):
            if kind not in kinds:
                message = f"'{kind}' is no sentence about {refused.topic}.{did_you_mean(kind, kinds)}"
                yield _in_facts(plan, ("refused", place, "kinds", at), message, f"Its kinds are {listed(kinds)}.")


def policy_words(plan: Plan) -> Iterator[Found]:
    """Some sentences are never said, whoever rewords a prompt: they are wrong, or nobody can answer for them."""
    for voice in plan.voices():
        text = voice.segment.text.casefold()
        for never in plan.library.policy.never_said:
            if never.words.casefold() in text:
                message = f"The prompt '{voice.prompt.id}' says '{never.words}', which is never said: {never.why}"
                yield plan.in_catalog(voice.lang, voice.path, message, "Take it out.")


def policy_figure_in_text(plan: Plan) -> Iterator[Found]:
    """A figure in a sentence has no source and no day of review; it stays when the rule changes."""
    rows = {prompt for _, node in _tellers(plan) for prompt in node.rows.values()}
    for voice in plan.voices():
        if voice.prompt.id in rows and (match := _FIGURE_WORDS[voice.segment.lang].search(voice.segment.text)):
            message = f"The prompt '{voice.prompt.id}' has the figure '{match[0]}' in its text."
            yield plan.in_catalog(voice.lang, voice.path, message, "Make it a value of the fact: {years:span}.")


def policy_types(plan: Plan) -> Iterator[Found]:
    """A value is said as what it measures: years as a duration, a sum as money."""
    told: set[tuple[str, str]] = set()
    for kind, prompt_id in {row for _, node in _tellers(plan) for row in node.rows.items() if row[0] in KINDS}:
        for lang, catalog in plan.library.catalogs.items():
            prompt = catalog.prompts.get(prompt_id)
            for name, spoken in sorted(prompt.variables) if prompt else ():
                measure = KINDS[kind].needs.get(name)
                if measure and spoken not in SPOKEN_AS[measure] and (lang, prompt_id) not in told:
                    told.add((lang, prompt_id))
                    message = f"The prompt '{prompt_id}' says {{{name}:{spoken}}}, but '{name}' is {measure}."
                    remedy = f"Write {listed(f'{{{name}:{one}}}' for one in sorted(SPOKEN_AS[measure]))}."
                    yield plan.in_catalog(lang, (prompt_id,), message, remedy)


def policy_unsaid_value(plan: Plan) -> Iterator[Found]:
    """A value that the sentence leaves out changes what is said: half a rule is another rule."""
    for kind, prompt_id in sorted({row for _, node in _tellers(plan) for row in node.rows.items() if row[0] in KINDS}):
        for lang, catalog in plan.library.catalogs.items():
            prompt = catalog.prompts.get(prompt_id)
            said = {name for name, _ in prompt.variables} if prompt else set(KINDS[kind].needs)
            if left_out := sorted(set(KINDS[kind].needs) - said):
                message = f"The prompt '{prompt_id}' does not say {listed(left_out)}."
                remedy = f"Say all values of '{kind}': {listed(KINDS[kind].needs)}."
                yield plan.in_catalog(lang, (prompt_id,), message, remedy, key=True)


def policy_without_ending(plan: Plan) -> Iterator[Found]:
    """A policy answer is for reference: it ends with the sentence that the rules of the region are decisive."""
    for flow, name, node in plan.nodes():
        for outcome, target in node.outcomes.items() if isinstance(node, LookupNode) and node.call in ANSWERS else ():
            last: str | None = None
            seen: set[str] = set()
            while target not in seen and isinstance(say := flow.nodes.get(target), SayNode):
                seen.add(target)
                last = [*say.say, *say.rows.values()][-1] if say.say or say.rows else last
                target = say.to
            if last != ENDING:
                message = f"The policy answer of lookup '{name}' does not end with '{ENDING}'."
                remedy = f"Lead to {{kind: say, say: {ENDING}, to: …}} after its rows."
                yield plan.in_flow(flow.flow, ("nodes", name, "outcomes", outcome), message, remedy)


def policy_given(plan: Plan) -> Iterator[Found]:
    """What a flow gives to a lookup has to be something that the lookup takes, and that is on file."""
    policy = plan.library.policy
    topics = {fact.topic for fact in policy.facts.values()}
    for flow, name, node in plan.nodes():
        if not isinstance(node, LookupNode):
            continue
        wanted, path = GIVEN.get(node.call, frozenset()), ("nodes", name, "give")
        if node.give.keys() != wanted:
            message = f"Lookup '{name}' ({node.call}) takes {listed(sorted(wanted), nothing='nothing')}"
            message += f", but the flow gives {listed(sorted(node.give), nothing='nothing')}."
            yield plan.in_flow(flow.flow, path, message, "Give just what it takes.")
            continue
        for fact, known in ((TOPIC, topics), (PLACE, policy.places.keys())):
            if fact in node.give and node.give[fact] not in known:
                message = f"Lookup '{name}' gives the {fact} '{node.give[fact]}', of which no fact is on file."
                near = did_you_mean(node.give[fact], known)
                remedy = f"On file are {listed(sorted(known))}."
                yield plan.in_flow(flow.flow, (*path, fact), message + near, remedy)


def policy_place_not_offered(plan: Plan) -> Iterator[Found]:
    """Callers may ask about any place that is on file; one that no menu offers they cannot come to."""
    gives = [node.give for _, _, node in plan.nodes() if isinstance(node, LookupNode)]
    asked = {give[TOPIC] for give in gives if TOPIC in give}
    offered = {(give[TOPIC], give[PLACE]) for give in gives if {TOPIC, PLACE} <= give.keys()}
    told: set[tuple[str, str]] = set()
    for name, fact in _known(plan):
        here = (fact.topic, fact.city or "")
        if fact.city and fact.topic in asked & PLACED.keys() and here not in offered | told:
            told.add(here)
            message = f"No menu offers '{fact.city}' for {fact.topic}, but fact '{name}' is about it."
            remedy = f"Write a key that leads to {{call: policy_city, give: {{topic: {fact.topic}, place: {fact.city}}}}}."
            yield _in_facts(plan, ("facts", name, "city"), message, remedy)


RULES: Final[tuple[Callable[[Plan], Iterator[Found]], ...]] = (
    policy_kind,
    policy_city,
    policy_places_alike,
    policy_values,
    policy_days,
    policy_disagreement,
    policy_refused,
    policy_refusal_of_nothing,
    policy_words,
    policy_figure_in_text,
    policy_types,
    policy_unsaid_value,
    policy_without_ending,
    policy_given,
    policy_place_not_offered,
)


def _rises(*names: str) -> Callable[[Mapping[str, str]], bool]:
    """Tell that the values of these names rise: days and numbers alike."""

    def rises(values: Mapping[str, str]) -> bool:
        found = [values[name] for name in names]
        pairs = zip(found, found[1:], strict=False)
        return all(one < other if "-" in one else Decimal(one) < Decimal(other) for one, other in pairs)

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


def _known(plan: Plan) -> Iterator[tuple[str, PolicyFact]]:
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


def _tellers(plan: Plan) -> Iterator[tuple[str, SayNode]]:
    """Give the say nodes that say the rows of policy answers."""
    for flow, _, node in plan.nodes():
        if isinstance(node, LookupNode) and node.call in ANSWERS:
            for target in node.outcomes.values():
                if isinstance(say := flow.nodes.get(target), SayNode):
                    yield target, say


def _in_facts(plan: Plan, path: Path, message: str, remedy: str, *, key: bool = False) -> Found:
    file = plan.library.files[POLICY_FACTS]
    line, column = file.key_at(path) if key else file.at(path)
    return Found(file.name, line, column, message, remedy)
