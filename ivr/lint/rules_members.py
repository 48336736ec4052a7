"""Rules about members: nothing personal without a verification, no password that is kept, no fact that is not there."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from ivr.flow import CollectNode, LookupNode, Node
from ivr.lint.knowledge import (
    ENTERED_FACTS,
    TOLD_FACTS,
    at_the_next_key,
    facts_known,
    heard_unverified,
    unverified_ways,
)
from ivr.lint.plan import HOTLINE_FACTS, QUEUE_FACTS, WHILE_WAITING, Found, Plan, Spoken, targets
from ivr.problems import listed

SECRETS: Final[Mapping[str, str]] = {"password": "password", "code": "code", "new_password": "new password"}
"""The entries of six digits that are a secret, and what they are called."""


def secret_goes_astray(plan: Plan) -> Iterator[Found]:
    """A secret lives for one step: what comes right after its entry has to use it, or it would be lost, or kept."""
    for flow, name, node in plan.nodes():
        if not isinstance(node, CollectNode) or node.entry not in SECRETS:
            continue
        verifies = node.entry != "new_password"
        target = node.outcomes.get("entered", "")
        if target in flow.nodes and not _takes(plan, flow.nodes[target], verifies=verifies):
            message = (
                f"The {SECRETS[node.entry]} of '{name}' leads to {flow.nodes[target].kind} '{target}', "
                f"which does not {'check' if verifies else 'set'} it."
            )
            lookups = sorted(
                name for name, one in plan.declared.items() if one.takes_secret and one.verifies == verifies
            )
            remedy = f"Lead to a lookup that {'checks' if verifies else 'sets'} it: {listed(lookups)}."
            yield plan.in_flow(flow.flow, ("nodes", name, "outcomes", "entered"), message, remedy)


def lookup_without_secret(plan: Plan) -> Iterator[Found]:
    """A lookup that takes the six digits just keyed can only fail without them, and may use up one of three tries."""
    for flow in plan.library.flows.values():
        for target in targets(flow):
            node = flow.nodes.get(target.name)
            if not isinstance(node, LookupNode) or node.call not in plan.declared:
                continue
            source = flow.nodes[str(target.path[1])] if target.path[0] == "nodes" else None
            keyed = isinstance(source, CollectNode) and source.entry in SECRETS and target.path[-1] == "entered"
            if plan.declared[node.call].takes_secret and not keyed:
                yield plan.in_flow(
                    flow.flow,
                    target.path,
                    f"{target.what[0].upper()}{target.what[1:]} to lookup '{target.name}', which needs six digits "
                    f"just keyed.",
                    "Lead to the collect that asks for them.",
                )


def personal_before_verification(plan: Plan) -> Iterator[Found]:
    """What is known of a member is told to nobody who has not proven to be that member."""
    proofs = [f"{name} ({outcome})" for name, one in sorted(plan.declared.items()) for outcome in sorted(one.proves)]
    told: set[tuple[str, str]] = set()
    for way in unverified_ways(plan):
        flow, name = way[-1][-1]
        if (flow, name) not in told:
            told.add((flow, name))
            shown = " → ".join(f"{where}.{node}" for (where, node), _ in groupby(stack[-1] for stack in way))
            message = f"Lookup '{name}' of flow '{flow}' is personal, but a call can come here unverified: {shown}."
            remedy = f"Let every way here pass one of {listed(proofs)}."
            yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)


def choice_named_before_verification(plan: Plan) -> Iterator[Found]:
    """Who calls from the telephone of a call that broke off may be another person, and learns nothing of it."""
    told: set[tuple[str, str]] = set()
    for stack in plan.calls.edges:
        (flow, name), node = stack[-1], plan.calls.node(stack)
        hushed = isinstance(node, LookupNode) and node.call in plan.declared and plan.declared[node.call].hushed
        if not hushed or (flow, name) in told:
            continue
        told.add((flow, name))
        after = {edge.label: heard_unverified(plan, edge) for edge in plan.calls.edges[stack]}
        # An outcome that leads straight to the main menu is one that this hotline does not offer.
        sounds = {outcome: frozenset(places) for outcome, places in after.items() if places}
        usual = max(sounds, key=lambda outcome: list(sounds.values()).count(sounds[outcome]), default="")
        for outcome in (one for one in sounds if sounds[one] != sounds[usual]):
            where, place = after[outcome][0]
            kind = plan.library.flows[where].nodes[place].kind
            yield plan.in_flow(
                flow,
                ("nodes", name, "outcomes", outcome),
                f"Outcome '{outcome}' of lookup '{name}' can be told from '{usual}' before any verification: "
                f"it comes to {kind} '{place}' of flow '{where}'.",
                "Lead every outcome through the same verification first.",
            )


def unknown_fact(plan: Plan) -> Iterator[Found]:
    """A prompt can only say what a lookup or an entry has brought on every way here, and still holds."""
    told: set[tuple[str, Spoken, str]] = set()
    for stack, knowledge in facts_known(plan).items():
        flow, name = stack[-1]
        node = plan.calls.node(stack)
        for spoken in plan.prompts_of(name, node):
            known = HOTLINE_FACTS | knowledge[0]
            if spoken.field == "rows":
                known |= _row_facts(plan, flow, name, str(spoken.path[-1]))
            elif spoken.field in WHILE_WAITING[:3]:
                known |= QUEUE_FACTS
            elif spoken.field in ("wrong", "help", "kept"):
                known = HOTLINE_FACTS | at_the_next_key(knowledge) | TOLD_FACTS
            for fact in sorted(_needed(plan, spoken.prompt) - known):
                if (flow, spoken, fact) not in told:
                    told.add((flow, spoken, fact))
                    yield plan.in_flow(
                        flow,
                        spoken.path,
                        f"{node.kind.capitalize()} '{name}' says '{spoken.prompt}', which needs the fact '{fact}', "
                        f"but not every way here brings it.",
                        _who_brings(plan, node, fact),
                    )
    for name, path, announcement in plan.announcements():
        if needed := _needed(plan, announcement.say) - HOTLINE_FACTS:
            message = f"Hotline '{name}' announces '{announcement.say}', which needs {listed(sorted(needed))}."
            yield plan.in_hotlines((*path, "say"), message, "An announcement is for every caller: take it out.")


def _row_facts(plan: Plan, flow: str, say: str, kind: str) -> frozenset[str]:
    """Give the facts that each entry of a kind has, by every list that comes to a say node."""
    lists = [rows.get(kind, frozenset()) for rows in plan.rows_into(plan.library.flows[flow], say)]
    return frozenset.intersection(*lists) if lists else frozenset()


def _needed(plan: Plan, prompt: str) -> set[str]:
    return {
        name
        for lang in plan.offered
        if lang in plan.library.catalogs and (found := plan.library.catalogs[lang].prompts.get(prompt))
        for name, _ in found.variables
    }


def _who_brings(plan: Plan, node: Node, fact: str) -> str:
    bringing = sorted(
        f"{name} ({outcome})"
        for name, promise in plan.declared.items()
        for outcome, facts in promise.outcomes.items()
        if fact in facts.union(*promise.rows.get(outcome, {}).values())
    )
    entries = sorted(entry for entry, facts in ENTERED_FACTS.items() if fact in facts)
    if entries:
        return f"It is brought by the entries {listed(entries)}, once they are whole."
    if not bringing:
        return "No lookup brings this fact; take it out of the prompt."
    if node.kind in ("menu", "collect"):
        return "Say it in a say node before: when a key comes the verification may have ended, and its facts with it."
    return f"It is brought by {listed(bringing)}."


def _takes(plan: Plan, node: Node, *, verifies: bool) -> bool:
    promise = plan.declared.get(node.call) if isinstance(node, LookupNode) else None
    return promise is not None and promise.takes_secret and promise.verifies == verifies
