"""Rules about facts: each is said as what it is, wherever a prompt names it."""

from collections.abc import Iterator

from ivr.facts import FACTS, SAID_AS
from ivr.flow import LookupNode
from ivr.lint.plan import Found, Plan
from ivr.lint.rules_policy_spoken import values_said
from ivr.problems import did_you_mean, listed
from ivr.prompts import TERM


def fact_as_another_type(plan: Plan) -> Iterator[Found]:
    """A fact is said as what it is; a sum that is read as a date cannot be said, and breaks the call off."""
    measured = values_said(plan)
    for voice in plan.voices():
        for variable in voice.segment.variables():
            form = FACTS.get(variable.name)
            if form is None or variable.type in (TERM, *SAID_AS[form]) or (voice.prompt.id, variable.name) in measured:
                continue  # what says a term that is none, and text messages, have rules of their own
            message = f"The prompt '{voice.prompt.id}' says {{{variable.name}:{variable.type}}}, "
            message += f"but '{variable.name}' is {form}."
            types = [f"{{{variable.name}:{one}}}" for one in SAID_AS[form]]
            remedy = f"Write {listed(types)}." if types else "It is for lookups alone: take it out."
            yield plan.in_catalog(voice.lang, voice.path, message, remedy)


def given_in_place_of_a_fact(plan: Plan) -> Iterator[Found]:
    """A flow gives words, such as the name of a place; one that replaces a sum or a day could not be said."""
    for flow, name, node in plan.nodes():
        give = node.give if isinstance(node, LookupNode) else {}
        for fact in give:
            if (form := FACTS.get(fact, "a word")) != "a word":
                message = f"Lookup '{name}' gives '{give[fact]}' for '{fact}', which is {form}."
                yield plan.in_flow(flow.flow, ("nodes", name, "give", fact), message, "Give it another name.", key=True)


def given_what_is_not_taken(plan: Plan) -> Iterator[Found]:
    """A lookup that is not given what it takes does nothing, and nobody hears of it."""
    for flow, name, node in plan.nodes():
        if not isinstance(node, LookupNode) or node.call not in plan.declared:
            continue
        takes, here, gives = plan.declared[node.call].takes, ("nodes", name), ("nodes", name, "give")
        for fact in (one for one in node.give if takes and one not in takes):
            message = f"Lookup '{name}' gives '{fact}', which '{node.call}' does not take.{did_you_mean(fact, takes)}"
            yield plan.in_flow(flow.flow, (*gives, fact), message, f"It takes {listed(takes)}.", key=True)
        for fact, known in takes.items():
            word = node.give.get(fact)
            if word is None:
                message = f"Lookup '{name}' does not give '{fact}', which '{node.call}' takes."
                remedy = f"Write 'give: {{{fact}: …}}', with one of {listed(known)}."
                yield plan.in_flow(flow.flow, gives if node.give else here, message, remedy, key=True)
            elif word not in known:
                message = f"Lookup '{name}' gives '{word}' for '{fact}', which '{node.call}' does not know."
                remedy = f"It knows {listed(known)}."
                yield plan.in_flow(flow.flow, (*gives, fact), message + did_you_mean(word, known), remedy)
