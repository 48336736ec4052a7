"""The places of a flow version and the ways between them, numbered, so that a call's path takes little room."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

from ivr.call import Edge
from ivr.flow import (
    AGAIN,
    CallNode,
    CollectNode,
    HangupNode,
    LookupNode,
    MenuNode,
    Node,
    RecordNode,
    ReturnNode,
    SayNode,
    TransferNode,
)
from ivr.library import Library

LEAVES_WORD: Final = {"book_callback": "ok", "note_message": "noted"}
"""The lookups that book a callback or keep a message, and the outcome that says so."""

_MOST: Final = 8


class Place(NamedTuple):
    """A node of a flow; empty names stand for no place: the call is over, or it is not known where it stood."""

    flow: str
    node: str


NOWHERE: Final = Place("", "")
UNKNOWN: Final = Edge("", "", "")
"""A way that the flow files do not have. None is walked; were there one, the record of a call would still be made."""


class Ways:
    """All places and ways of a library by number, and what is known of some of them.

    The numbers are the same in every process that has the same version, as long as no release numbers differently.
    """

    def __init__(self, library: Library) -> None:
        flows = [library.flows[name] for name in sorted(library.flows)]
        self.places: tuple[Place, ...] = (NOWHERE, *(Place(flow.flow, node) for flow in flows for node in flow.nodes))
        self.edges: tuple[Edge, ...] = (UNKNOWN, *dict.fromkeys(edges_of(library)))
        self.number_of_place: dict[tuple[str, str], int] = {place: at for at, place in enumerate(self.places)}
        self.number_of_edge = {edge: at for at, edge in enumerate(self.edges)}
        self.check = crc32("\n".join(map(" ".join, (*self.places, *self.edges))).encode())
        """Of all the numbers, so that a path can be told from one that was numbered otherwise."""
        nodes = {Place(flow.flow, name): node for flow in flows for name, node in flow.nodes.items()}
        self.humans = frozenset(place.flow for place, node in nodes.items() if isinstance(node, TransferNode))
        """The flows in which callers wait for a human, or speak with one."""
        self.groups = {place: node.group for place, node in nodes.items() if isinstance(node, TransferNode)}
        self.answered = frozenset(Edge(*place, "answered") for place in self.groups)
        self.left_word = frozenset(
            Edge(*place, LEAVES_WORD[node.call])
            for place, node in nodes.items()
            if isinstance(node, LookupNode) and node.call in LEAVES_WORD
        )
        self._leads_to_humans: frozenset[tuple[str, str]] = frozenset(
            place for place, node in nodes.items() if isinstance(node, CallNode) and node.flow in self.humans
        )

    def for_a_human(self, stack: tuple[tuple[str, str], ...]) -> bool:
        """Tell whether a call that stands there is at a human, or waits or leaves word for one."""
        return bool(stack) and (stack[-1][0] in self.humans or not self._leads_to_humans.isdisjoint(stack))


class KnownWays:
    """The ways of the versions that were asked for lately; finding them out anew takes a millisecond."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Ways] = OrderedDict()

    def of(self, library: Library) -> Ways:
        """Give the ways of a library."""
        ways = self._known.get(library.version)
        if ways is None:
            ways = self._known[library.version] = Ways(library)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return ways


def edges_of(library: Library) -> Iterator[Edge]:
    """Give every way that the flows of a library have. A flow's return is an edge of the node that called it."""
    for name in sorted(library.flows):
        flow = library.flows[name]
        yield from (Edge(name, "", key) for key in flow.keys)
        if flow.lost:
            yield Edge(name, "", "lost")
        for node_name, node in flow.nodes.items():
            yield from (Edge(name, node_name, via) for via in _ways_out(node))


def _ways_out(node: Node) -> Iterator[str]:
    match node:
        case SayNode():
            yield "to"
        case MenuNode():
            yield from node.keys
            yield from (offer.key for offer in node.offers)
            yield from (way for way in ("any", "silent") if getattr(node, way))
        case CollectNode():
            yield from node.outcomes
            yield from (f"wrong {reason}" for reason in node.wrong)
        case TransferNode():
            yield from node.outcomes
            yield from (key for key, to in node.waiting.keys.items() if to != AGAIN) if node.waiting else ()
        case LookupNode() | RecordNode():
            yield from node.outcomes
        case CallNode():
            yield from node.returns
        case ReturnNode() | HangupNode():
            pass
