"""Rules about whole calls: everything can be reached, nothing turns in a circle, nobody is left without a way out."""

from collections.abc import Iterator

from ivr.flow import CallNode, CollectNode, Flow, HangupNode, LookupNode, MenuNode, ReturnNode
from ivr.lint.calls import Stack
from ivr.lint.knowledge import Moment, moment_after
from ivr.lint.plan import Found, Plan, targets
from ivr.yamlfile import Path


def recursion(plan: Plan) -> Iterator[Found]:
    """A flow that calls itself grows with every turn and never comes back to the menu where the caller was."""
    callees = {
        name: {node.flow for node in flow.nodes.values() if isinstance(node, CallNode)}
        for name, flow in plan.library.flows.items()
    }
    for flow, name, node in plan.nodes():
        if isinstance(node, CallNode) and flow.flow in _closure(node.flow, callees):
            through = "itself" if node.flow == flow.flow else f"flow '{node.flow}', which calls '{flow.flow}' again"
            yield plan.in_flow(
                flow.flow,
                ("nodes", name),
                f"Call '{name}' of flow '{flow.flow}' enters {through}.",
                "Return to the flow that called, and let it go on from there.",
                key=True,
            )


def endless_nesting(plan: Plan) -> Iterator[Found]:
    """Where flows call flows in so many ways, nobody can say any more what a caller will meet."""
    if not plan.calls.complete:
        yield plan.in_hotlines((), "The flows call each other in more than 100,000 ways.", "Let fewer flows call.")


def unreachable_flow(plan: Plan) -> Iterator[Found]:
    """No caller will ever come here; either a way is missing, or this is left over."""
    reached = {flow for flow, _ in plan.calls.reached}
    for name in plan.library.flows:
        if name not in reached:
            message = f"No call comes to flow '{name}'."
            yield plan.in_flow(name, ("flow",), message, "Call it from another flow, or take the file out.", key=True)


def unreachable_node(plan: Plan) -> Iterator[Found]:
    """No caller will ever come here; either a way is missing, or this is left over."""
    flows = {flow for flow, _ in plan.calls.reached}
    for flow, name, node in plan.nodes():
        if flow.flow in flows and (flow.flow, name) not in plan.calls.reached:
            message = f"No call comes to {node.kind} '{name}' of flow '{flow.flow}'."
            remedy = "Lead to it from another node, or take it out."
            yield plan.in_flow(flow.flow, ("nodes", name), message, remedy, key=True)


def deaf_circle(plan: Plan) -> Iterator[Found]:
    """A circle without a key never listens: the caller could only hang up, and the line would turn for ever."""
    told: set[frozenset[tuple[str, str]]] = set()
    for circle in _circles(plan):
        places = frozenset(stack[-1] for stack, _ in circle)
        if places in told:
            continue
        told.add(places)
        way = [stack[-1] for stack, _ in circle]
        first = way.index(min(way))
        way = [*way[first:], *way[: first + 1]]
        flow, name = way[0]
        shown = " → ".join(f"{where}.{node}" for where, node in way)
        message = f"These nodes lead to each other without ever listening: {shown}."
        yield plan.in_flow(flow, ("nodes", name), message, "Let a menu come in between, or hang up.", key=True)


def long_walk(plan: Plan) -> Iterator[Found]:
    """One step of a call walks only so many nodes; the fuse that stops it must never blow on a real call."""
    lengths: dict[Stack, int] = {}

    def length(stack: Stack) -> int:
        """Count the nodes from here to the next wait. Iterative, since a long chain is what this looks for."""
        todo = [stack]
        while todo:
            here = todo[-1]
            following = [edge.target for edge in plan.calls.edges.get(here, ()) if edge.way == "walk"]
            open_ = [one for one in following if one not in lengths]
            if open_:
                todo += open_
                continue
            lengths[todo.pop()] = 1 + max((lengths[one] for one in following), default=0)
        return lengths[stack]

    if next(deaf_circle(plan), None):
        return
    longest = max(plan.calls.edges, key=length, default=None)
    if longest is not None and length(longest) > plan.fuse:
        flow, name = longest[-1]
        message = f"From node '{name}' a call walks {length(longest)} nodes without a wait; {plan.fuse} is the most."
        remedy = "Say more prompts in one node, or let a menu come in between."
        yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)


def no_way_when_lost(plan: Plan) -> Iterator[Found]:
    """A caller whose three tries are spent must come to a human or to a goodbye; never to a bare end of the line."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        flow, name = stack[-1]
        answers_all = isinstance(node, MenuNode) and node.silent and node.any
        if plan.calls.lost(stack) is None and not answers_all and (flow, name) not in told:
            told.add((flow, name))
            message = f"{node.kind.capitalize()} '{name}' of flow '{flow}' has no way for the lost{_by(stack)}."
            remedy = f"Write 'lost: …' in flow '{flow}' or in a flow that calls it."
            yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)


def bare_hang_up(plan: Plan) -> Iterator[Found]:
    """A line that ends without a word sounds like a fault: callers hear a goodbye first, whatever they did before."""
    for flow in plan.library.flows.values():
        for path, what, name, _ in targets(flow):
            node = flow.nodes.get(name)
            if isinstance(node, HangupNode) and not node.say and not _after_a_word(plan, flow, path, set()):
                message = f"{what[0].upper()}{what[1:]} to '{name}', which hangs up without a word."
                remedy = f"Give '{name}' a 'say', or lead to a goodbye first."
                yield plan.in_flow(flow.flow, path, message, remedy)


def _after_a_word(plan: Plan, flow: Flow, path: Path, seen: set[tuple[str, str]]) -> bool:
    """Tell whether callers come this way of a flow with something just said, and nothing done since.

    So it is after a say node; and who keeps silent at a goodbye has heard it. A lookup, and a flow that returns, come
    with what was said before them.
    """
    if len(path) == 3 and path[-1] in ("to", "silent"):  # the 'to' of an offer stands deeper, and is a key
        return True
    if path == ("start",):
        callers = [
            (one, name) for one, name, node in plan.nodes() if isinstance(node, CallNode) and node.flow == flow.flow
        ]
        return bool(callers) and all(_comes_after_a_word(plan, one, name, seen) for one, name in callers)
    name, field, outcome = path[1:] if len(path) == 4 else ("", "", "")
    match flow.nodes.get(str(name)):
        case LookupNode():
            return _comes_after_a_word(plan, flow, str(name), seen)
        case CallNode(flow=called) if field == "returns" and called in plan.library.flows:
            inner = plan.library.flows[called]
            ends = [
                end for end, node in inner.nodes.items() if isinstance(node, ReturnNode) and node.outcome == outcome
            ]
            return all(_comes_after_a_word(plan, inner, end, seen) for end in ends)
    return False


def _comes_after_a_word(plan: Plan, flow: Flow, name: str, seen: set[tuple[str, str]]) -> bool:
    if (flow.flow, name) in seen:
        return True
    seen.add((flow.flow, name))
    ways = [target.path for target in targets(flow) if target.name == name]
    return all(_after_a_word(plan, flow, way, seen) for way in ways)


def no_agent_key(plan: Plan) -> Iterator[Found]:
    """Key 0 is a human, everywhere: callers learn it once and rely on it."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        flow, name = stack[-1]
        leads = plan.calls.key(stack, node, "0") if isinstance(node, MenuNode) else plan.calls.inherited(stack, "0")
        if leads is None and (flow, name) not in told:
            told.add((flow, name))
            message = f"Key 0 leads nowhere in {node.kind} '{name}' of flow '{flow}'{_by(stack)}."
            remedy = f"Write '\"0\": …' under 'keys' of flow '{flow}' or of a flow that calls it."
            yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)


def again_in_entry(plan: Plan) -> Iterator[Found]:
    """At an entry, 0 asks for a human; a key 0 that only says things again would leave the caller without one."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if isinstance(node, CollectNode) and plan.calls.inherited(stack, "0") == stack and stack[-1] not in told:
            told.add(stack[-1])
            flow, name = stack[-1]
            message = f"Key 0 makes collect '{name}' of flow '{flow}' only say itself again{_by(stack)}."
            yield plan.in_flow(flow, ("nodes", name), message, "Let key 0 lead to a human.", key=True)


def _by(stack: Stack) -> str:
    """Say on which way a call comes here, where that matters."""
    return f" (by {' → '.join(f'{flow}.{name}' for flow, name in stack[:-1])})" if len(stack) > 1 else ""


def _closure(flow: str, callees: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [flow]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += callees.get(name, ())
    return found


def _circles(plan: Plan) -> Iterator[list[tuple[Stack, Moment]]]:
    """Give the circles of steps that happen without the caller.

    A verification that has just ended cannot hold at the gate, so a circle through both is none.
    """
    following: dict[tuple[Stack, Moment], list[tuple[Stack, Moment]]] = {}

    def after(place: tuple[Stack, Moment]) -> list[tuple[Stack, Moment]]:
        stack, moment = place
        if place not in following:
            following[place] = [
                (edge.target, then)
                for edge in plan.calls.edges.get(stack, ())
                if edge.way != "key" and (then := moment_after(plan, edge, moment)) is not None
            ]
        return following[place]

    done: set[tuple[Stack, Moment]] = set()
    for start in sorted(plan.calls.edges):
        way: list[tuple[Stack, Moment]] = []
        on_way: dict[tuple[Stack, Moment], int] = {}
        todo: list[tuple[tuple[Stack, Moment], bool]] = [((start, Moment.UNKNOWN), False)]
        while todo:
            place, leaving = todo.pop()
            if leaving:
                on_way.pop(way.pop())
                done.add(place)
            elif place in on_way:
                yield way[on_way[place] :]
            elif place not in done:
                on_way[place] = len(way)
                way.append(place)
                todo.append((place, True))
                todo += [(one, False) for one in after(place)]
