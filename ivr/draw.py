"""Draw the flows as a Mermaid chart: nodes, keys and outcomes, always in the order in which the files have them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

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

_SHAPES: Final = {
    "say": ("(", ")"),
    "menu": ("{{", "}}"),
    "collect": ("[/", "/]"),
    "lookup": ("{", "}"),
    "call": ("[[", "]]"),
    "return": ("([", "])"),
    "transfer": ("[\\", "/]"),
    "record": (">", "]"),
    "hangup": ("((", "))"),
}
"""The brackets that give a node its form, by its kind."""

_START: Final = (">", "]")
_HOTLINE: Final = ("[", "]")


class Arrow(NamedTuple):
    """A way from one place of the chart to another; ``label`` is the key or the outcome, empty where there is none.

    Places are ids of the chart, see `place`. ``into`` marks the way from a call into the flow that it enters.
    """

    source: str
    label: str
    target: str
    into: bool = False


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
    """A place with its form and the lines of text in it."""

    place: str
    brackets: tuple[str, str]
    lines: tuple[str, ...]


def mermaid(library: Library, only: str | None = None) -> str:
    """Give the chart of all flows, or of one flow and the flows that it calls by name.

    Raises:
        KeyError: there is no flow of that name.
    """
    flows = [library.flows[name] for name in (_order(library) if only is None else [only])]
    hotlines = list(_hotlines(library)) if only is None else []
    drawn = list(arrows(library, only))
    known = {box.place for box in hotlines} | {box.place for flow in flows for box in _boxes(flow)}
    lines = ["flowchart TD", *(f"    {_shaped(box)}" for box in hotlines)]
    for flow in flows:
        lines += [f'    subgraph {place(flow.flow)} ["{_escaped(flow.flow)}"]']
        lines += [f"        {_shaped(box)}" for box in _boxes(flow)]
        lines += ["    end"]
    lines += [f"    {_shaped(box)}" for box in _strangers(library, drawn, known)]
    lines += [f"    {_written(arrow)}" for arrow in drawn]
    return "\n".join(lines) + "\n"


def arrows(library: Library, only: str | None = None) -> Iterator[Arrow]:
    """Give every way in the flows, in the order of the files; with ``only``, the ways out of one flow's nodes."""
    if only is None:
        for name, hotline in library.hotlines.hotlines.items():
            yield Arrow(hotline_at(name), "", start_of(hotline.flow))
    for name in _order(library) if only is None else [only]:
        yield from _of_flow(library.flows[name])


def _of_flow(flow: Flow) -> Iterator[Arrow]:
    here = flow.flow
    yield Arrow(start_of(here), "", place(here, flow.start))
    for key, target in flow.keys.items():
        yield Arrow(every_menu_of(here), f"key {key}", place(here, target))
    if flow.lost:
        yield Arrow(every_menu_of(here), "lost", place(here, flow.lost))
    for name, node in flow.nodes.items():
        for label, target in _ways(node):
            yield Arrow(place(here, name), label, place(here, target))
        if isinstance(node, CallNode):
            yield Arrow(place(here, name), "", start_of(node.flow), into=True)


def _ways(node: Node) -> Iterator[tuple[str, str]]:
    match node:
        case SayNode():
            yield "", node.to
        case MenuNode():
            yield from ((f"key {key}", target) for key, target in node.keys.items())
            yield from ((f"key {offer.key} {_days(offer)}", offer.to) for offer in node.offers)
            yield from (("any other key", target) for target in [node.any] if target)
            yield from (("silence", target) for target in [node.silent] if target)
        case CollectNode() | LookupNode() | TransferNode() | RecordNode():
            yield from node.outcomes.items()
        case CallNode():
            yield from node.returns.items()
        case ReturnNode() | HangupNode():
            pass


def _days(offer: Offer) -> str:
    return f"until {offer.last}" if offer.first is None else f"from {offer.first} until {offer.last}"


def _order(library: Library) -> list[str]:
    """Order the flows as callers come to them: those of the hotlines first, then those that they call, in turn."""
    ordered: list[str] = []
    waiting = [hotline.flow for hotline in library.hotlines.hotlines.values()]
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
        yield Box(hotline_at(name), _HOTLINE, (f"hotline {name}", spoken, ", ".join(dialled)))


def _boxes(flow: Flow) -> Iterator[Box]:
    yield Box(start_of(flow.flow), _START, ("start",))
    if flow.keys or flow.lost:
        yield Box(every_menu_of(flow.flow), _START, ("in every menu from here on",))
    if AGAIN in _targets(flow):
        yield Box(place(flow.flow, AGAIN), _START, ("hear it again",))
    for name, node in flow.nodes.items():
        yield Box(place(flow.flow, name), _SHAPES[node.kind], (name, _does(node)))


def _targets(flow: Flow) -> set[str]:
    return {target for node in flow.nodes.values() for _, target in _ways(node)} | set(flow.keys.values())


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
            yield Box(target, _SHAPES["call"], (f"flow {flow}", "" if flow in library.flows else "is missing"))
        else:
            yield Box(target, _START, (name, "is missing"))


# --- Mermaid ---------------------------------------------------------------------------------------------------------


def _shaped(box: Box) -> str:
    # Mermaid allows no blank between the name of a place and its bracket.
    left, right = box.brackets
    return f'{box.place}{left}"{"<br/>".join(_escaped(line) for line in box.lines if line)}"{right}'


def _written(arrow: Arrow) -> str:
    line = "-.->" if arrow.into else "-->"
    label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.source} {line}{label} {arrow.target}"


def _escaped(text: str) -> str:
    """Write a text so that nothing in it is a sign of Mermaid's or of HTML: entities, by number, for all but words."""
    return "".join(sign if sign.isalnum() or sign in " _.,+-" else f"#{ord(sign)};" for sign in text)
