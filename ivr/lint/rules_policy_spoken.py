"""Rules about policy answers: what flows ask and prompts say of the facts, no figure of their own, and their ending."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from ivr.flow import LookupNode, SayNode
from ivr.lint.plan import Found, Plan
from ivr.lint.rules_policy import FACT_RULES, in_facts, known_facts
from ivr.policy import GIVEN, PLACE, TOPIC
from ivr.policyfacts import KINDS, PLACED, SPOKEN_AS
from ivr.problems import did_you_mean, listed

ENDING: Final = "policy.ending"
"""The sentence that ends every policy answer."""

ANSWERS: Final = frozenset({"policy", "policy_withdrawal"})
"""The lookups whose rows are policy answers."""

_FIGURE_WORDS: Final = {
    "zh": re.compile(r"[零一二两三四五六七八九十百千万]+(年|个月|个?工作日|天|元|块|周?岁|折)|百分之"),
    "yue": re.compile(r"[零一二兩三四五六七八九十百千萬]+(年|個月|個?工作日|日|元|蚊|周?歲|折)|百分之"),
    "en": re.compile(
        r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|\w+teen|\w+ty|hundred|thousand)"
        r"[ -](years?|months?|(working )?days?|yuan|percent)\b",
        re.IGNORECASE,
    ),
}


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


def values_said(plan: Plan) -> set[tuple[str, str]]:
    """Give the prompts that say values of policy facts, with the names of those values."""
    rows = {row for _, node in _tellers(plan) for row in node.rows.items() if row[0] in KINDS}
    return {(prompt, name) for kind, prompt in rows for name in KINDS[kind].needs}


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
        if not isinstance(node, LookupNode) or node.call not in ANSWERS | GIVEN.keys():
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
    for name, fact in known_facts(plan):
        here = (fact.topic, fact.city or "")
        if fact.city and fact.topic in asked & PLACED.keys() and here not in offered | told:
            told.add(here)
            message = f"No menu offers '{fact.city}' for {fact.topic}, but fact '{name}' is about it."
            give = f"{{topic: {fact.topic}, place: {fact.city}}}"
            remedy = f"Write a key that leads to {{kind: lookup, call: policy_city, give: {give}, …}}."
            yield in_facts(plan, ("facts", name, "city"), message, remedy)


def policy_without_topic(plan: Plan) -> Iterator[Found]:
    """An answer needs its topic, and a topic that was given before a key may be forgotten with the verification."""
    waiting = deque((stack, False) for stack in plan.calls.starts())
    seen = set(waiting)
    told: set[tuple[str, str]] = set()
    while waiting:
        stack, given = waiting.popleft()
        node = plan.calls.node(stack)
        call = node.call if isinstance(node, LookupNode) else ""
        if call == "policy" and not given and stack[-1] not in told:
            told.add(stack[-1])
            flow, name = stack[-1]
            message = f"A call can come to lookup '{name}' of flow '{flow}' without a topic."
            remedy = f"Lead to it from {listed(sorted(GIVEN))} alone, with no menu in between."
            yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)
        for edge in plan.calls.edges.get(stack, ()):
            then = (edge.target, TOPIC in GIVEN.get(call, ()) or (given and edge.way != "key"))
            if then not in seen:
                seen.add(then)
                waiting.append(then)


POLICY_RULES: Final[tuple[Callable[[Plan], Iterator[Found]], ...]] = (
    *FACT_RULES,
    policy_words,
    policy_figure_in_text,
    policy_types,
    policy_unsaid_value,
    policy_without_ending,
    policy_given,
    policy_place_not_offered,
)
"""Rules that look at each place by itself."""

POLICY_CALL_RULES: Final[tuple[Callable[[Plan], Iterator[Found]], ...]] = (policy_without_topic,)
"""Rules that walk every way a call can take."""


def _tellers(plan: Plan) -> Iterator[tuple[str, SayNode]]:
    """Give the say nodes that say the rows of policy answers."""
    for flow, _, node in plan.nodes():
        if isinstance(node, LookupNode) and node.call in ANSWERS:
            for target in node.outcomes.values():
                if isinstance(say := flow.nodes.get(target), SayNode):
                    yield target, say
