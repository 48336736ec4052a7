"""Rules about the keys that do the same everywhere: 0 a human, 9 hear again, star one level back, # for a code."""

from collections.abc import Iterator

from ivr.flow import AGAIN, CallNode, CollectNode, Flow, HangupNode, MenuNode, TransferNode
from ivr.lint.calls import Stack
from ivr.lint.plan import Found, Plan
from ivr.yamlfile import Path


def agent_key_astray(plan: Plan) -> Iterator[Found]:
    """Key 0 is a human, everywhere; whoever presses it and comes to something else looks for a human in vain."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if not isinstance(node, MenuNode):
            continue
        flow, name = stack[-1]
        own, led = node.target("0"), plan.calls.key(stack, node, "0")
        if led is None or (node.any and not own) or _comes_to_a_human(plan, led):
            continue  # where any key returns, 0 does too
        owner = flow if own else next(one for one, _ in reversed(stack) if plan.library.flows[one].target("0"))
        target = own or plan.library.flows[owner].target("0")
        where = f"menu '{name}'" if own else f"flow '{owner}'"
        if (owner, where) not in told:
            told.add((owner, where))
            path: Path = ("nodes", name, "keys", "0") if own else ("keys", "0")
            message = f"Key 0 of {where} leads to '{target}', from where no call comes to a human by itself."
            yield plan.in_flow(owner, path, message, "Lead to a transfer, and give what it did another key.")


def again_key_taken(plan: Plan) -> Iterator[Found]:
    """Key 9 is hear again, everywhere; where it does something else, who did not understand gets lost."""
    for flow, path, target in _fixed(plan, "9"):
        if target != AGAIN:
            message = f"Key 9 leads to '{target}', but it is hear again in every menu."
            yield plan.in_flow(flow.flow, path, message, f"Write \"9\": {AGAIN}, and give '{target}' another key.")


def star_key_astray(plan: Plan) -> Iterator[Found]:
    """The star key is one level back, everywhere: it neither goes on to another service nor ends the call."""
    for flow, path, target in _fixed(plan, "*"):
        node = flow.nodes.get(target)
        wrong = "is hear again, which is key 9" if target == AGAIN else ""
        if isinstance(node, CallNode):
            wrong = f"goes on into flow '{node.flow}'"
        elif isinstance(node, TransferNode):
            wrong = "asks for a human, who is key 0"
        elif isinstance(node, HangupNode):
            wrong = "ends the call"
        if wrong:
            message = f"The star key leads to '{target}', which {wrong}; it is one level back in every menu."
            yield plan.in_flow(flow.flow, path, message, "Lead to the menu before this one, or to a return.")


def unconfirmed_code(plan: Plan) -> Iterator[Found]:
    """A # alone at the password is often a habit; a code that nobody wanted costs money and frightens its owner."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if not isinstance(node, CollectNode) or node.entry != "password" or stack[-1] in told:
            continue
        led = [edge.target for edge in plan.calls.edges[stack] if edge.label == "code"]
        come_to = [plan.calls.node(place) for target in led for place in plan.calls.by_itself(target)]
        if any(isinstance(one, CollectNode) and one.entry == "code" for one in come_to):
            flow, name = stack[-1]
            told.add((flow, name))
            message = f"The # alone at collect '{name}' leads to a code without a key that confirms it."
            yield plan.in_flow(flow, ("nodes", name, "outcomes", "code"), message, "Let a menu come in between.")


def _fixed(plan: Plan, key: str) -> Iterator[tuple[Flow, Path, str]]:
    """Give every place where a flow or a menu of it says what a key does."""
    for flow in plan.library.flows.values():
        if (target := flow.target(key)) is not None:
            yield flow, ("keys", key), target
        for name, node in flow.nodes.items():
            if isinstance(node, MenuNode) and (target := node.target(key)) is not None:
                yield flow, ("nodes", name, "keys", key), target
            waiting = node.waiting if isinstance(node, TransferNode) else None
            if waiting is not None and (target := waiting.target(key)) is not None:
                yield flow, ("nodes", name, "waiting", "keys", key), target


def _comes_to_a_human(plan: Plan, start: Stack) -> bool:
    """Tell whether a call comes to a human from here by itself, or is with the humans' own flow already."""
    if any(isinstance(node, TransferNode) for node in plan.library.flows[start[-1][0]].nodes.values()):
        return True
    return any(isinstance(plan.calls.node(stack), TransferNode) for stack in plan.calls.by_itself(start))
