"""What a chart of the flows has in it: nodes, keys and outcomes, always in the order in which the files have them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ivr.call import Edge
from ivr.flow import (
    AGAIN,
    CallNode,
    CollectNode,
    Flow,
    HangupNode,
    LookupNode,
    MenuNode,
    Node,
    Offer,
    RecordNode,
    ReturnNode,
    SayNode,
    TransferNode,
)
from ivr.library import Library

START, MENUS, AGAIN_HERE, MISSING, HOTLINE, ELSEWHERE = "start", "menus", "again", "missing", "hotline", "elsewhere"
"""The kinds of places that are no nodes: where a flow begins, from where its keys lead in every menu, where one hears
again what was heard, a name that leads nowhere, a hotline, and a flow that is not drawn itself."""


class Arrow(NamedTuple):
    """A way from one place of the chart to another; ``label`` is the key or the outcome, empty where there is none.

    Places are ids of the chart, see `place`. ``into`` marks the way from a call into the flow that it enters. ``edge``
    is what a call that goes this way is counted as.
    """

    source: str
    label: str
    target: str
    into: bool = False
    edge: Edge | None = None


def place(*names: str) -> str:
    """Give the id of a place in the chart: ``at.balance.fetch``.

    No name holds a dot, so ids are never alike; ``at`` keeps a flow named like a word of Mermaid's from being one.
    """
    return ".".join(("at", *names))


def start_of(flow: str) -> str:
    """Give the id of the place where a flow begins; capitals, since no node can have such a name."""
    return place(flow, "START")


def every_menu_of(flow: str) -> str:
    """Give the id of the place from which the keys lead that hold in every menu of a flow."""
    return place(flow, "MENUS")


def hotline_at(name: str) -> str:
    """Give the id of the place where the calls of a hotline come in."""
    return place("HOTLINE", name)


class Box(NamedTuple):
    """A place with what it is (the kind of its node, or one of those above) and the lines of text in it."""

    place: str
    kind: str
    lines: tuple[str, ...]


class Cluster(NamedTuple):
    """A flow with its places, as they lie in its file."""

    flow: str
    boxes: tuple[Box, ...]


class Bundle(NamedTuple):
    """All arrows that lead from one place to the same other one; where there is little room they are one line."""

    source: str
    target: str
    into: bool
    labels: tuple[str, ...]
    edges: tuple[Edge, ...]


class Chart(NamedTuple):
    """All that is drawn. ``strangers`` are places outside the flows drawn."""

    hotlines: tuple[Box, ...]
    clusters: tuple[Cluster, ...]
    strangers: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The arrows, those between the same two places together."""
        found: dict[tuple[str, str, bool], list[Arrow]] = {}
        for arrow in self.arrows:
            found.setdefault((arrow.source, arrow.target, arrow.into), []).append(arrow)
        return tuple(
            Bundle(*key, tuple(one.label for one in some if one.label), tuple(one.edge for one in some if one.edge))
            for key, some in found.items()
        )


def chart(library: Library, only: str | None = None) -> Chart:
    """Read the chart of all flows, or of one flow and the flows that it calls by name.

    Raises:
        KeyError: there is no flow of that name.
    """
    flows = [library.flows[name] for name in (_order(library) if only is None else [only])]
    hotlines = tuple(_hotlines(library)) if only is None else ()
    clusters = tuple(Cluster(flow.flow, tuple(_boxes(flow))) for flow in flows)
    drawn = tuple(arrows(library, only))
    known = {box.place for boxes in (hotlines, *(cluster.boxes for cluster in clusters)) for box in boxes}
    return Chart(hotlines, clusters, tuple(_strangers(library, drawn, known)), drawn)


def overview(library: Library) -> Chart:
    """Read the chart in which each flow is one place: which hotline begins where, and which flow calls which."""
    hotlines = tuple(_hotlines(library))
    flows = [library.flows[name] for name in _order(library)]
    boxes = tuple(Box(start_of(flow.flow), ELSEWHERE, (flow.flow, f"{len(flow.nodes)} nodes")) for flow in flows)
    into = [
        Arrow(start_of(flow.flow), "", start_of(node.flow), into=True)
        for flow in flows
        for node in flow.nodes.values()
        if isinstance(node, CallNode)
    ]
    begins = (arrow for arrow in arrows(library) if arrow.source in {box.place for box in hotlines})
    drawn = tuple(dict.fromkeys((*begins, *into)))
    known = {box.place for box in (*hotlines, *boxes)}
    return Chart(hotlines, (), (*boxes, *_strangers(library, drawn, known)), drawn)


def arrows(library: Library, only: str | None = None) -> Iterator[Arrow]:
    """Give every way in the flows, in the order of the files; with ``only``, the ways out of one flow's nodes."""
    if only is None:
        for name, hotline in library.hotlines.hotlines.items():
            yield Arrow(hotline_at(name), "", start_of(hotline.flow))
            if hotline.agents_only is not None:
                yield Arrow(hotline_at(name), "agents only", start_of(hotline.agents_only))
    for name in _order(library) if only is None else [only]:
        yield from _of_flow(library.flows[name])


def _of_flow(flow: Flow) -> Iterator[Arrow]:
    here = flow.flow
    yield Arrow(start_of(here), "", place(here, flow.start))
    for key, target in flow.keys.items():
        yield Arrow(every_menu_of(here), f"key {key}", place(here, target), edge=Edge(here, "", key))
    if flow.lost:
        yield Arrow(every_menu_of(here), "lost", place(here, flow.lost), edge=Edge(here, "", "lost"))
    for name, node in flow.nodes.items():
        for label, target, via in _ways(node):
            yield Arrow(place(here, name), label, place(here, target), edge=Edge(here, name, via))
        if isinstance(node, CallNode):
            yield Arrow(place(here, name), "", start_of(node.flow), into=True)


def _ways(node: Node) -> Iterator[tuple[str, str, str]]:
    """Give the ways out of a node: what is written at each, where it leads, and what it is counted as."""
    match node:
        case SayNode():
            yield "", node.to, "to"
        case MenuNode():
            yield from ((f"key {key}", target, key) for key, target in node.keys.items())
            yield from ((f"key {offer.key} {_days(offer)}", offer.to, offer.key) for offer in node.offers)
            yield from (("any other key", target, "any") for target in [node.any] if target)
            yield from (("silence", target, "silent") for target in [node.silent] if target)
        case TransferNode():
            yield from ((outcome, target, outcome) for outcome, target in node.outcomes.items())
            waiting = node.waiting.keys if node.waiting else {}
            yield from ((f"key {key} in the queue", target, key) for key, target in waiting.items())
        case CollectNode() | LookupNode() | RecordNode():
            yield from ((outcome, target, outcome) for outcome, target in node.outcomes.items())
        case CallNode():
            yield from ((outcome, target, outcome) for outcome, target in node.returns.items())
        case ReturnNode() | HangupNode():
            pass


def _days(offer: Offer) -> str:
    return f"until {offer.last}" if offer.first is None else f"from {offer.first} until {offer.last}"


def _order(library: Library) -> list[str]:
    """Order the flows as callers come to them: those of the hotlines first, then those that they call, in turn."""
    ordered: list[str] = []
    waiting = [first for hotline in library.hotlines.hotlines.values() for first in hotline.first_flows]
    while waiting:
        name = waiting.pop(0)
        if name in library.flows and name not in ordered:
            ordered.append(name)
            waiting += [node.flow for node in library.flows[name].nodes.values() if isinstance(node, CallNode)]
    return ordered + [name for name in sorted(library.flows) if name not in ordered]


# --- places ----------------------------------------------------------------------------------------------------------


def _hotlines(library: Library) -> Iterator[Box]:
    for name, hotline in library.hotlines.hotlines.items():
        dialled = [number for number, leads_to in library.hotlines.numbers.items() if leads_to == name]
        dialled += ["every other number"] * (name == library.hotlines.default)
        spoken = next(iter(hotline.name.values()), "")
        yield Box(hotline_at(name), HOTLINE, (f"hotline {name}", spoken, ", ".join(dialled)))


def _boxes(flow: Flow) -> Iterator[Box]:
    yield Box(start_of(flow.flow), START, ("start",))
    if flow.keys or flow.lost:
        yield Box(every_menu_of(flow.flow), MENUS, ("in every menu from here on",))
    if AGAIN in _targets(flow):
        yield Box(place(flow.flow, AGAIN), AGAIN_HERE, ("hear it again",))
    for name, node in flow.nodes.items():
        yield Box(place(flow.flow, name), node.kind, (name, _does(node)))


def _targets(flow: Flow) -> set[str]:
    return {target for node in flow.nodes.values() for _, target, _ in _ways(node)} | set(flow.keys.values())


def _does(node: Node) -> str:
    """Tell what a node does, in the words of its file."""
    match node:
        case SayNode():
            return f"say {', '.join((*node.say, *node.rows.values()))}"
        case MenuNode() | RecordNode() | HangupNode():
            return f"{node.kind} {', '.join(node.say)}".rstrip()
        case CollectNode():
            return f"collect {node.entry}"
        case LookupNode():
            return f"lookup {node.call}"
        case CallNode():
            return f"call {node.flow}"
        case ReturnNode():
            return f"return {node.outcome}"
        case TransferNode():
            return f"transfer {node.group}, {', '.join(node.say)}".rstrip(", ")


def _strangers(library: Library, drawn: Iterable[Arrow], known: set[str]) -> Iterator[Box]:
    """Give the places outside the flows drawn: the other flows that they call, and names that lead nowhere."""
    for target in dict.fromkeys(arrow.target for arrow in drawn if arrow.target not in known):
        _, flow, name = target.split(".")
        if name == "START":
            yield Box(target, ELSEWHERE, (f"flow {flow}", "" if flow in library.flows else "is missing"))
        else:
            yield Box(target, MISSING, (name, "is missing"))
