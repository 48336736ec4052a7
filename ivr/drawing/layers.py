"""Lay a chart out in layers, as Sugiyama, Tagawa and Toda do: no way goes up that need not, and few of them cross.

Own code, because what there is for Python either calls a Graphviz that has to be installed beside it, or is no longer
looked after; and a flow is small: what takes a library's care with thousands of nodes is a few sweeps here.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

GAP_ACROSS: Final = 28.0
GAP_DOWN: Final = 18.0
_SWEEPS: Final = 12
_STRAIGHT: Final = 8.0

Node = str | tuple[int, int]
"""A place by its name, or where a way passes a layer: its number and that of the layer."""


class Size(NamedTuple):
    """Width and height, in pixels like all here."""

    width: float
    height: float


NOTHING: Final = Size(0, 0)


class Point(NamedTuple):
    """A point; `y` grows downwards."""

    x: float
    y: float


class Link(NamedTuple):
    """A way between two places, with the size of what is written at it."""

    source: str
    target: str
    label: Size = NOTHING


class Layout(NamedTuple):
    """Where everything is: centres of places, and for each link the points that it passes and its label's centre."""

    centres: Mapping[str, Point]
    routes: Sequence[tuple[Point, ...]]
    labels: Sequence[Point]
    size: Size


def lay_out(sizes: Mapping[str, Size], links: Sequence[Link]) -> Layout:
    """Lay places out, from top to bottom; which of equals comes first follows the order in which they are given."""
    return _Layers(sizes, links).laid_out()


class _Layers:
    """The layers while they are made. Places lie on the even ones, what is written at ways on the odd ones between."""

    def __init__(self, sizes: Mapping[str, Size], links: Sequence[Link]) -> None:
        self.sizes = sizes
        self.links = links
        # A way to the place itself needs room beside it.
        self.beside: dict[str, float] = defaultdict(float)
        for link in links:
            if link.source == link.target:
                self.beside[link.source] = max(self.beside[link.source], link.label.width + GAP_ACROSS)
        self.downward = [_downward(link, upward) for link, upward in zip(links, _upward(sizes, links), strict=True)]
        self.rank = _ranks(sizes, self.downward)
        self.chains = [list(self._chain(number)) for number in range(len(links))]
        self.above: dict[Node, list[Node]] = defaultdict(list)
        self.below: dict[Node, list[Node]] = defaultdict(list)
        for upper, lower in (pair for chain in self.chains for pair in pairwise(chain)):
            self.below[upper].append(lower)
            self.above[lower].append(upper)

    def laid_out(self) -> Layout:
        layers = self._ordered()
        across = self._across(layers)
        heights = [max((self._height(node) for node in layer), default=0.0) for layer in layers]
        tops, y = [], 0.0
        for height in heights:
            tops.append(y)
            y += height + GAP_DOWN
        left = min((across[node] - self._width(node) / 2 for node in across), default=0.0)
        width = max((across[node] + self._width(node) / 2 for node in across), default=0.0) - left
        centres = {
            name: Point(across[name] - left, tops[2 * rank] + heights[2 * rank] / 2) for name, rank in self.rank.items()
        }
        routes, labels = [], []
        for number, link in enumerate(self.links):
            if link.source == link.target:
                route, label = self._loop(centres[link.source], link)
            else:
                passes = [(across[node] - left, tops[node[1]], heights[node[1]])
                          for node in self.chains[number] if isinstance(node, tuple)]  # fmt: skip
                middle = passes[len(passes) // 2]
                label = Point(middle[0], middle[1] + middle[2] / 2)
                route = tuple(self._route(number, centres, passes))
            routes.append(route)
            labels.append(label)
        return Layout(centres, routes, labels, Size(width, max(0.0, y - GAP_DOWN)))

    def _route(
        self, number: int, centres: Mapping[str, Point], passes: Sequence[tuple[float, float, float]]
    ) -> Iterator[Point]:
        source, target, _ = self.downward[number]
        points = [Point(centres[source].x, centres[source].y + self.sizes[source].height / 2)]
        for x, top, height in passes:
            points += [Point(x, top), Point(x, top + height)] if height else [Point(x, top)]
        points.append(Point(centres[target].x, centres[target].y - self.sizes[target].height / 2))
        yield from points if self.links[number].source == source else reversed(points)

    def _loop(self, centre: Point, link: Link) -> tuple[tuple[Point, ...], Point]:
        size = self.sizes[link.source]
        x, far = centre.x + size.width / 2, centre.x + size.width / 2 + GAP_ACROSS / 2
        y = size.height / 4
        route = (Point(x, centre.y - y), Point(far, centre.y - y), Point(far, centre.y + y), Point(x, centre.y + y))
        return route, Point(far + 4 + link.label.width / 2, centre.y)

    # --- which node lies where in its layer ---

    def _chain(self, number: int) -> Iterator[Node]:
        """Give the nodes of a way: its two places, and where it passes the layers between them."""
        source, target, _ = self.downward[number]
        if source == target:
            return
        yield source
        yield from ((number, layer) for layer in range(2 * self.rank[source] + 1, 2 * self.rank[target]))
        yield target

    def _ordered(self) -> list[list[Node]]:
        layers: list[list[Node]] = [[] for _ in range(2 * max(self.rank.values(), default=0) + 1)]
        for name in self.sizes:
            layers[2 * self.rank[name]].append(name)
        for node in (node for chain in self.chains for node in chain if isinstance(node, tuple)):
            layers[node[1]].append(node)
        best, fewest = [list(layer) for layer in layers], self._crossings(layers)
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for index in range(len(layers)) if down else reversed(range(len(layers))):
                beside = layers[index - 1] if down else layers[index + 1] if index + 1 < len(layers) else []
                at = {node: place for place, node in enumerate(beside)}
                near = self.above if down else self.below
                layers[index] = _sorted(
                    layers[index], [[at[one] for one in near[node] if one in at] for node in layers[index]]
                )
            crossings = self._crossings(layers)
            if crossings < fewest:
                best, fewest = [list(layer) for layer in layers], crossings
        return best

    def _crossings(self, layers: Sequence[Sequence[Node]]) -> int:
        found = 0
        for upper, lower in pairwise(layers):
            at = {node: place for place, node in enumerate(lower)}
            ends: list[int] = []
            for node in upper:
                mine = [at[one] for one in self.below[node]]
                found += sum(len(ends) - bisect_right(ends, end) for end in mine)
                for end in mine:
                    insort(ends, end)
        return found

    # --- how far to the right ---

    def _across(self, layers: Sequence[Sequence[Node]]) -> dict[Node, float]:
        """Give each node the place nearest to the middle of those that it is linked with, in sweeps down and up."""
        across: dict[Node, float] = {}
        for layer in layers:
            x = 0.0
            for node in layer:
                across[node] = x + self._width(node) / 2
                x += self._width(node) + GAP_ACROSS
        for sweep in range(2 * _SWEEPS):
            down = sweep % 2 == 0
            last = sweep >= 2 * _SWEEPS - 2
            for layer in layers if down else reversed(layers):
                wished, weights = [], []
                for node in layer:
                    near = self.above[node] + self.below[node] if last else (self.above if down else self.below)[node]
                    # A long way should be straight: what pulls most at it is its own next piece.
                    pulls = [_STRAIGHT if isinstance(node, tuple) and isinstance(one, tuple) else 1.0 for one in near]
                    pulled = sum(pull * across[one] for pull, one in zip(pulls, near, strict=True))
                    wished.append(pulled / sum(pulls) if near else across[node])
                    weights.append(_STRAIGHT if isinstance(node, tuple) else 1.0 if near else 0.1)
                apart = [(self._width(one) + self._width(other)) / 2 + GAP_ACROSS for one, other in pairwise(layer)]
                across.update(zip(layer, _nearest(wished, weights, apart), strict=True))
        return across

    def _width(self, node: Node) -> float:
        if isinstance(node, str):
            return self.sizes[node].width + 2 * self.beside[node]
        return self.downward[node[0]].label.width if self._is_middle(node) else 0.0

    def _height(self, node: Node) -> float:
        if isinstance(node, str):
            return self.sizes[node].height
        return self.downward[node[0]].label.height if self._is_middle(node) else 0.0

    def _is_middle(self, node: tuple[int, int]) -> bool:
        source, target, _ = self.downward[node[0]]
        passed = 2 * (self.rank[target] - self.rank[source]) - 1
        return node[1] == 2 * self.rank[source] + 1 + passed // 2


def _downward(link: Link, upward: bool) -> Link:
    return Link(link.target, link.source, link.label) if upward else link


def _upward(names: Mapping[str, Size], links: Sequence[Link]) -> list[bool]:
    """Tell of each link whether it leads back to where its circle was entered: such a one has to be drawn upwards."""
    out: dict[str, list[int]] = defaultdict(list)
    for number, link in enumerate(links):
        out[link.source].append(number)
    upward = [False] * len(links)
    state: dict[str, int] = {}
    for first in names:
        if first in state:
            continue
        state[first] = 1
        way = [(first, iter(out[first]))]
        while way:
            name, rest = way[-1]
            led = next(rest, None)
            if led is None:
                state[name] = 2
                way.pop()
                continue
            target = links[led].target
            if state.get(target) == 1:
                upward[led] = True
            elif target not in state:
                state[target] = 1
                way.append((target, iter(out[target])))
    return upward


def _ranks(names: Mapping[str, Size], links: Sequence[Link]) -> dict[str, int]:
    """Give each place its layer: below all that lead to it, and what nothing leads to just above what it leads to."""
    sources: dict[str, set[str]] = defaultdict(set)
    targets: dict[str, set[str]] = defaultdict(set)
    for link in links:
        if link.source != link.target:
            sources[link.target].add(link.source)
            targets[link.source].add(link.target)
    rank: dict[str, int] = {}
    free = [name for name in names if not sources[name]]
    left = {name: len(sources[name]) for name in names}
    while free:
        name = free.pop()
        rank[name] = max((rank[one] + 1 for one in sources[name]), default=0)
        for target in targets[name]:
            left[target] -= 1
            if not left[target]:
                free.append(target)
    for name in names:
        if not sources[name] and targets[name]:
            rank[name] = max(0, min(rank[one] for one in targets[name]) - 1)
    return rank


def _sorted(nodes: Sequence[Node], near: Sequence[Sequence[int]]) -> list[Node]:
    """Sort nodes by the middle of those that they are linked with; who has none keeps its place."""
    middles = [sum(ends) / len(ends) if ends else None for ends in near]
    moving = iter(sorted((middle, place) for place, middle in enumerate(middles) if middle is not None))
    return [nodes[place if middle is None else next(moving)[1]] for place, middle in enumerate(middles)]


def _nearest(wished: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Give the places nearest to those wished for (least squares) whose order and distances are kept.

    Without the distances this is isotonic regression: neighbours that would overlap become a block at their mean.
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, float, int]] = []
    for place, weight, offset in zip(wished, weights, offsets, strict=False):
        block = (place - offset, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavy, count = blocks.pop()
            both = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / both, both, count + block[2])
        blocks.append(block)
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]
