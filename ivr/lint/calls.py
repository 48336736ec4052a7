"""Every way that a call can take: the graph of all stacks of (flow, node) that the engine can come to."""

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, Literal, NamedTuple, get_args

from ivr.flow import (
    AGAIN,
    CallNode,
    CollectNode,
    HangupNode,
    Key,
    LookupNode,
    MenuNode,
    Node,
    RecordNode,
    ReturnNode,
    SayNode,
    TransferNode,
)
from ivr.library import Library

Stack = tuple[tuple[str, str], ...]
"""Where a call stands: the flows that called each other, each with its node; the last one is where it is."""

MAX_STACKS: Final = 100_000
"""A hotline with every menu has some thousands; more only arise where flows call each other without measure."""

Way = Literal["walk", "answer", "dial", "key"]


class Edge(NamedTuple):
    """One step of a call.

    ``walk`` happens by itself, ``answer`` when a lookup answers, ``dial`` when a dial has ended, ``key`` when the
    caller did something or stayed silent. ``label`` is the key or the outcome.
    """

    way: Way
    label: str
    source: Stack
    target: Stack


class Calls:
    """The graph of a library. What a broken file leaves without a target has no edge here; other rules tell that."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.edges: dict[Stack, tuple[Edge, ...]] = {}
        self.complete = True
        self._walk_all()

    def node(self, stack: Stack) -> Node:
        flow, name = stack[-1]
        return self.library.flows[flow].nodes[name]

    def starts(self, *, self_service: bool = False) -> Mapping[Stack, list[str]]:
        """Give where calls begin, with the hotlines that begin there; only where there is `self_service`, if asked."""
        found: dict[Stack, list[str]] = {}
        for name, hotline in self.library.hotlines.hotlines.items():
            for first in (hotline.flow,) if self_service else hotline.first_flows:
                flow = self.library.flows.get(first)
                if flow and flow.start in flow.nodes:
                    found.setdefault(((first, flow.start),), []).append(name)
        return found

    def listening(self) -> Iterator[tuple[Stack, MenuNode | CollectNode]]:
        """Give every place where a call waits for keys."""
        for stack in self.edges:
            node = self.node(stack)
            if isinstance(node, MenuNode | CollectNode):
                yield stack, node

    @cached_property
    def reached(self) -> frozenset[tuple[str, str]]:
        """Give every (flow, node) that a call can come to."""
        return frozenset(stack[-1] for stack in self.edges)

    def inherited(self, stack: Stack, key: str) -> Stack | None:
        """Give where a key leads by the flows on the stack, the innermost first; None where none of them has it."""
        for depth in range(len(stack), 0, -1):
            name = self.library.flows[stack[depth - 1][0]].target(key)
            if name is not None:
                return self._at(stack, depth, name)
        return None

    def lost(self, stack: Stack) -> Stack | None:
        """Give where a caller is sent whose budget is spent."""
        for depth in range(len(stack), 0, -1):
            name = self.library.flows[stack[depth - 1][0]].lost
            if name is not None:
                return self._at(stack, depth, name)
        return None

    def key(self, stack: Stack, node: MenuNode, key: str) -> Stack | None:
        """Give where a key leads in a menu on a day without offers; None where it is a wrong key."""
        own = node.target(key) or node.any
        return self._at(stack, len(stack), own) if own else self.inherited(stack, key)

    def by_itself(self, start: Stack) -> Iterator[Stack]:
        """Give every place that a call comes to from here without its caller, this one first."""
        waiting, seen = [start], {start}
        while waiting:
            stack = waiting.pop()
            yield stack
            for edge in self.edges.get(stack, ()):
                if edge.way != "key" and edge.target not in seen:
                    seen.add(edge.target)
                    waiting.append(edge.target)

    def _at(self, stack: Stack, depth: int, name: str) -> Stack:
        """Stand at a node of the flow at this depth; `again` stays where the call is."""
        return stack if name == AGAIN else (*stack[: depth - 1], (stack[depth - 1][0], name))

    def _exists(self, stack: Stack) -> bool:
        flow, name = stack[-1]
        return flow in self.library.flows and name in self.library.flows[flow].nodes

    def _walk_all(self) -> None:
        waiting = deque(self.starts())
        seen = set(waiting)
        while waiting:
            stack = waiting.popleft()
            self.edges[stack] = tuple(edge for edge in self._edges(stack) if self._exists(edge.target))
            for edge in self.edges[stack]:
                if edge.target not in seen:
                    seen.add(edge.target)
                    waiting.append(edge.target)
            if len(seen) > MAX_STACKS:
                self.complete = False
                return

    def _edges(self, stack: Stack) -> Iterator[Edge]:
        node = self.node(stack)
        above, flow = stack[:-1], stack[-1][0]

        def here(name: str) -> Stack:
            return (*above, (flow, name))

        match node:
            case SayNode():
                yield Edge("walk", "to", stack, here(node.to))
            case LookupNode():
                for outcome, name in node.outcomes.items():
                    yield Edge("answer", outcome, stack, here(name))
            case CallNode():
                called = self.library.flows.get(node.flow)
                if called and all(name != node.flow for name, _ in stack):
                    yield Edge("walk", "call", stack, (*stack, (node.flow, called.start)))
            case ReturnNode():
                caller = self.node(above) if above else None
                if isinstance(caller, CallNode) and node.outcome in caller.returns:
                    target = (*above[:-1], (above[-1][0], caller.returns[node.outcome]))
                    yield Edge("walk", node.outcome, stack, target)
            case TransferNode():
                for result, name in node.outcomes.items():
                    yield Edge("walk" if result == "off_duty" else "dial", result, stack, here(name))
                for key, name in node.waiting.keys.items() if node.waiting else ():
                    yield Edge("key", key, stack, self._at(stack, len(stack), name))
            case RecordNode():
                for outcome, name in node.outcomes.items():
                    yield Edge("key", outcome, stack, here(name))
            case MenuNode():
                for key in get_args(Key):
                    led = self.key(stack, node, key)
                    yield Edge("key", key if led else "wrong", stack, led or stack)
                for offer in node.offers:
                    yield Edge("key", offer.key, stack, self._at(stack, len(stack), offer.to))
                yield Edge("key", "silence", stack, here(node.silent) if node.silent else stack)
                yield from self._lost_edge(stack)
            case CollectNode():
                yield Edge("key", "wrong", stack, stack)
                for outcome, name in node.outcomes.items():
                    yield Edge("key", outcome, stack, here(name))
                if agent := self.inherited(stack, "0"):
                    yield Edge("key", "0#", stack, agent)
                yield from self._lost_edge(stack)
            case HangupNode():
                pass

    def _lost_edge(self, stack: Stack) -> Iterator[Edge]:
        if lost := self.lost(stack):
            yield Edge("key", "lost", stack, lost)
