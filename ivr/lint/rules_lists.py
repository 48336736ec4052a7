"""Rules about lists: what a lookup finds several of is said entry by entry, each in the words for its kind."""

from collections.abc import Iterator

from ivr.flow import LookupNode, SayNode
from ivr.lint.plan import Found, Plan, targets
from ivr.problems import listed


def silent_say(plan: Plan) -> Iterator[Found]:
    """A node that says nothing is a step that somebody forgot to finish."""
    for flow, name, node in plan.nodes():
        if isinstance(node, SayNode) and not node.say and not node.rows:
            message = f"Say '{name}' of flow '{flow.flow}' says nothing."
            remedy = "Give it 'say' or 'rows', or lead past it."
            yield plan.in_flow(flow.flow, ("nodes", name), message, remedy, key=True)


def list_unsaid(plan: Plan) -> Iterator[Found]:
    """A list lives for one step: what comes right after its lookup has to say it, with a sentence for each kind."""
    for flow, name, node in plan.nodes():
        if not isinstance(node, LookupNode):
            continue
        for outcome, target in node.outcomes.items():
            kinds = set(plan.rows_of(node, outcome))
            say = flow.nodes.get(target)
            given = set(say.rows) if isinstance(say, SayNode) else set()
            if kinds and say is not None and given != kinds:
                yield plan.in_flow(
                    flow.flow,
                    ("nodes", name, "outcomes", outcome),
                    f"Outcome '{outcome}' of lookup '{name}' brings a list of {listed(sorted(kinds))}, but {say.kind} "
                    f"'{target}' has rows for {listed(sorted(given), nothing='nothing')}.",
                    f"Lead to a say node whose rows are {listed(sorted(kinds))}.",
                )


def rows_without_list(plan: Plan) -> Iterator[Found]:
    """Rows are said of a list that was just found; on any other way nothing would be said of it."""
    for flow in plan.library.flows.values():
        for target in targets(flow):
            say = flow.nodes.get(target.name)
            if not isinstance(say, SayNode) or not say.rows:
                continue
            source = flow.nodes[str(target.path[1])] if target.path[0] == "nodes" else None
            if not isinstance(source, LookupNode) or not plan.rows_of(source, str(target.path[-1])):
                yield plan.in_flow(
                    flow.flow,
                    target.path,
                    f"{target.what[0].upper()}{target.what[1:]} to say '{target.name}', which says the rows of a list, "
                    f"but no list is found there.",
                    _who_finds(plan, set(say.rows)),
                )


def _who_finds(plan: Plan, kinds: set[str]) -> str:
    found = [
        f"{name} ({outcome})"
        for name, promise in sorted(plan.declared.items())
        for outcome, rows in promise.rows.items()
        if set(rows) == kinds
    ]
    return f"Such a list is brought by {listed(found)}." if found else "No lookup brings such a list; take them out."
