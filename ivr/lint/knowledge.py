"""What is known at every point of a call: whether the caller is verified, and which facts there are to be spoken."""

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from ivr.flow import CallNode, CollectNode, LookupNode, ReturnNode
from ivr.lint.calls import Edge, Stack
from ivr.lint.heard import first_menus
from ivr.lint.plan import Plan, Promise

ENTERED_FACTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("number", "part_last"), frozenset({"tail"})),
    "telephone": frozenset({"phone_tail"}),
}
"""Facts that an entry leaves behind: the last four characters of the number, once it is whole."""

TOLD_FACTS: Final = frozenset({"n"})
"""Facts for telling what was wrong with an entry, or that it was kept: how many digits were read."""


class Moment(Enum):
    """What a call knows of its verification without looking: nothing, that it has just ended, or that it holds."""

    UNKNOWN = "unknown"
    ENDED = "ended"
    HOLDS = "holds"


def moment_after(plan: Plan, edge: Edge, before: Moment) -> Moment | None:
    """Give the moment after a step; None where the step cannot be taken at this moment."""
    node = plan.calls.node(edge.source)
    if not isinstance(node, LookupNode):
        return before
    promise = plan.declared.get(node.call)
    if promise is None:
        return before
    if edge.label in promise.forgets:
        return Moment.ENDED
    if edge.label in promise.proves:
        return None if only_looks(promise) and before is Moment.ENDED else Moment.HOLDS
    return Moment.ENDED if only_looks(promise) else before


def only_looks(promise: Promise) -> bool:
    """Tell whether a lookup takes no secret, so that it finds a verification or none, but cannot make one."""
    return bool(promise.proves) and not promise.takes_secret


def unverified_ways(plan: Plan) -> Iterator[list[Stack]]:
    """Give, for every personal lookup that a call can ask without a verification, a shortest way to it."""
    came_from: dict[tuple[Stack, Moment], tuple[Stack, Moment] | None] = {
        (stack, Moment.UNKNOWN): None for stack in plan.calls.starts()
    }
    waiting = deque(came_from)
    while waiting:
        place = waiting.popleft()
        stack, moment = place
        node = plan.calls.node(stack)
        personal = isinstance(node, LookupNode) and node.call in plan.declared and plan.declared[node.call].personal
        if personal and moment is not Moment.HOLDS:
            way: list[Stack] = []
            back: tuple[Stack, Moment] | None = place
            while back is not None:
                way.append(back[0])
                back = came_from[back]
            yield way[::-1]
        for edge in plan.calls.edges.get(stack, ()):
            then = moment_after(plan, edge, moment)
            if then is not None and (edge.target, then) not in came_from:
                came_from[edge.target, then] = place
                waiting.append((edge.target, then))


def heard_unverified(plan: Plan, answer: Edge) -> list[tuple[str, str]]:
    """Give where a call can hear something after a lookup's answer, nearest first, before its caller is verified.

    It ends where the call leaves the lookup's flow, or is back in a menu that every call hears at once.
    """
    first = {stack for start in plan.calls.starts(self_service=True) for stack, *_ in first_menus(plan, start)}
    waiting = deque([(answer.target, Moment.UNKNOWN)])
    seen = set(waiting)
    found: dict[tuple[str, str], None] = {}
    while waiting:
        stack, moment = waiting.popleft()
        if moment is Moment.HOLDS or stack in first or len(stack) < len(answer.source):
            continue
        if not isinstance(plan.calls.node(stack), LookupNode | CallNode | ReturnNode):
            found[stack[-1]] = None
        for edge in plan.calls.edges.get(stack, ()):
            then = moment_after(plan, edge, moment)
            if then is not None and (edge.target, then) not in seen:
                seen.add((edge.target, then))
                waiting.append((edge.target, then))
    return list(found)


Knowledge = tuple[frozenset[str], bool]
"""Facts that are there on every way to a place, and whether any way to it has a verified member."""


def facts_known(plan: Plan) -> dict[Stack, Knowledge]:
    """Give what is known wherever a call can be. Facts that only some ways bring are not known."""
    known: dict[Stack, Knowledge] = {stack: (frozenset(), False) for stack in plan.calls.starts()}
    waiting = deque(known)
    while waiting:
        stack = waiting.popleft()
        for edge in plan.calls.edges.get(stack, ()):
            facts, member = _known_after(plan, edge, known[stack])
            if edge.target in known:
                facts, member = facts & known[edge.target][0], member or known[edge.target][1]
            if known.get(edge.target) != (facts, member):
                known[edge.target] = facts, member
                waiting.append(edge.target)
    return known


def at_the_next_key(knowledge: Knowledge) -> frozenset[str]:
    """Give the facts that are left when a key comes: a verification may have ended meanwhile, and all facts with it."""
    facts, member = knowledge
    return frozenset() if member else facts


def _known_after(plan: Plan, edge: Edge, before: Knowledge) -> Knowledge:
    facts, member = before
    node = plan.calls.node(edge.source)
    if isinstance(node, LookupNode) and node.call in plan.declared:
        brought = plan.declared[node.call].outcomes.get(edge.label, frozenset())
        facts |= frozenset(node.give)
        if edge.label in plan.declared[node.call].forgets:
            return brought, False
        match moment_after(plan, edge, Moment.UNKNOWN):
            case Moment.ENDED:
                return facts | brought, False
            case Moment.HOLDS:
                return facts | brought, True
        return facts | brought, member
    if edge.way == "key":
        facts = at_the_next_key(before)
        if isinstance(node, CollectNode) and edge.label == "entered":
            facts |= ENTERED_FACTS.get(node.entry, frozenset())
    return facts, member
