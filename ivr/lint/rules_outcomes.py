"""Rules about outcomes: every way in which a node can end leads somewhere, and no way is written that cannot be."""

from collections.abc import Collection, Iterable, Iterator

from ivr.flow import CallNode, CollectNode, Flow, LookupNode, RecordNode, ReturnNode, TransferNode
from ivr.lint.plan import Found, Plan, targets
from ivr.problems import did_you_mean, listed

RECORD_OUTCOMES = ("recorded", "nothing", "back")
DIAL_OUTCOMES = ("answered", "busy", "no_answer", "failed", "off_duty")


def lookup_outcomes(plan: Plan) -> Iterator[Found]:
    """An outcome that leads nowhere leaves a caller in silence; one that cannot be is a line nobody will ever hear."""
    for flow, name, node in plan.nodes():
        if isinstance(node, LookupNode) and node.call in plan.declared:
            owner = f"Lookup '{name}' ({node.call})"
            expected = plan.declared[node.call].outcomes
            yield from _exactly(plan, flow, ("nodes", name, "outcomes"), node.outcomes, expected, owner)


def transfer_outcomes(plan: Plan) -> Iterator[Found]:
    """A dial can end in five ways, and in each of them the caller has to hear what comes next."""
    for flow, name, node in plan.nodes():
        if isinstance(node, TransferNode):
            owner = f"Transfer '{name}'"
            yield from _exactly(plan, flow, ("nodes", name, "outcomes"), node.outcomes, DIAL_OUTCOMES, owner)


def record_outcomes(plan: Plan) -> Iterator[Found]:
    """A recording ends with a message, with nothing said, or with a star; each has to lead somewhere."""
    for flow, name, node in plan.nodes():
        if isinstance(node, RecordNode):
            owner = f"Record '{name}'"
            yield from _exactly(plan, flow, ("nodes", name, "outcomes"), node.outcomes, RECORD_OUTCOMES, owner)


def entry_outcomes(plan: Plan) -> Iterator[Found]:
    """Every way in which an entry can end has to lead somewhere; others there are none."""
    for flow, name, node in plan.nodes():
        if isinstance(node, CollectNode):
            expected = sorted(plan.entry_outcomes[node.entry])
            yield from _exactly(plan, flow, ("nodes", name, "outcomes"), node.outcomes, expected, f"Collect '{name}'")


def entry_wrongs(plan: Plan) -> Iterator[Found]:
    """Callers who keyed something wrong are told what it is; only that lets them put it right."""
    for flow, name, node in plan.nodes():
        if isinstance(node, CollectNode):
            expected = plan.entry_wrongs[node.entry]
            owner = f"Collect '{name}' ({node.entry})"
            yield from _exactly(plan, flow, ("nodes", name, "wrong"), node.wrong, expected, owner, "reason")


def call_returns(plan: Plan) -> Iterator[Found]:
    """A flow comes back with an outcome; where the calling node has no line for it the call would break off."""
    for flow, name, node in plan.nodes():
        if isinstance(node, CallNode) and (called := plan.library.flows.get(node.flow)):
            owner, expected = f"Call '{name}' of flow '{node.flow}'", _returned(called)
            yield from _exactly(plan, flow, ("nodes", name, "returns"), node.returns, expected, owner, "return")


def return_to_nobody(plan: Plan) -> Iterator[Found]:
    """A hotline's first flow was called by no other flow; a return there has nowhere to go."""
    hotlines = plan.library.hotlines.hotlines
    starting = {first: name for name, hotline in hotlines.items() for first in hotline.first_flows}
    for flow, hotline in starting.items():
        for name, node in plan.library.flows[flow].nodes.items() if flow in plan.library.flows else ():
            if isinstance(node, ReturnNode) and ((flow, name),) in plan.calls.edges:
                yield plan.in_flow(
                    flow,
                    ("nodes", name),
                    f"Return '{name}' is reached in flow '{flow}', with which hotline '{hotline}' starts.",
                    "Hang up instead, or lead to a menu.",
                    key=True,
                )


def _returned(flow: Flow) -> list[str]:
    """Give the outcomes that a flow can return, by the nodes that can be reached inside it."""
    entries = [flow.start, *([flow.lost] if flow.lost else []), *flow.keys.values()]
    by_node: dict[str, list[str]] = {}
    for target in targets(flow):
        if target.path[0] == "nodes":
            by_node.setdefault(str(target.path[1]), []).append(target.name)
    seen: set[str] = set()
    while entries:
        name = entries.pop()
        if name not in seen and name in flow.nodes:
            seen.add(name)
            entries += by_node.get(name, [])
    return sorted({node.outcome for name in seen if isinstance(node := flow.nodes[name], ReturnNode)})


def _exactly(
    plan: Plan,
    flow: Flow,
    path: tuple[str, ...],
    given: Iterable[str],
    expected: Collection[str],
    owner: str,
    what: str = "outcome",
) -> Iterator[Found]:
    given = list(given)
    missing = [name for name in expected if name not in given]
    remedy = f"Its {what}s are {listed(expected)}."
    if missing:
        plural = "s" if len(missing) > 1 else ""
        message = f"{owner} lacks the {what}{plural} {listed(repr(name) for name in missing)}."
        yield plan.in_flow(flow.flow, path, message, remedy, key=True)
    for name in given:
        if name not in expected:
            message = f"{owner} has no {what} '{name}'.{did_you_mean(name, missing or expected)}"
            yield plan.in_flow(flow.flow, (*path, name), message, remedy, key=True)
