"""Write a chart of the flows as SVG that stands for itself: no script, nothing from elsewhere, for light and dark."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from ivr.drawing.chart import AGAIN_HERE, MENUS, MISSING, START, Box, Bundle, Chart
from ivr.drawing.dot import lines_of
from ivr.drawing.layers import Layout, Link, Point, Size, lay_out

_LINE: Final = 16.0
_LETTER: Final = 6.9
_MARGIN: Final = 20.0
_TITLE: Final = 30.0
_SLANT: Final = 12.0
_BARE: Final = frozenset({START, MENUS, AGAIN_HERE, MISSING})

_STYLE: Final = """
svg { color-scheme: light dark; background: light-dark(#fff, #16191d); font: 12px system-ui, sans-serif; }
text { fill: light-dark(#1b211e, #e7ece9); text-anchor: middle; }
.name { font-weight: 600; }
.label { fill: light-dark(#3a4440, #b7c2bc); font-size: 11px; stroke: light-dark(#fff, #16191d); stroke-width: 4px;
  paint-order: stroke; }
.title { font-size: 15px; font-weight: 600; text-anchor: start; }
.flow { fill: light-dark(#f5f6f4, #1d2125); stroke: light-dark(#b8c0ba, #454d49); }
.box { fill: light-dark(#fff, #252a2f); stroke: light-dark(#525c56, #97a29c); }
.lookup .box { fill: light-dark(#e9eff8, #223042); }
.menu .box { fill: light-dark(#e0f0ea, #1d3a32); }
.collect .box { fill: light-dark(#fdf0d5, #3a2e17); }
.transfer .box, .hangup .box { fill: light-dark(#fbe6e5, #45211f); }
.bare .box { fill: none; stroke: none; }
.way { fill: none; stroke: light-dark(#6b766f, #8b968f); }
.into { stroke-dasharray: 5 4; }
.head { fill: light-dark(#6b766f, #8b968f); }
"""


def svg(chart: Chart) -> str:
    """Give a chart as an SVG document: one flow, or all flows as groups with the calls between them."""
    drawing = _Drawing()
    if len(chart.clusters) == 1 and not chart.hotlines:
        boxes = (*chart.clusters[0].boxes, *chart.strangers)
        laid = _laid(boxes, chart.bundles)
        drawing.flow(boxes, chart.bundles, laid, Point(_MARGIN, _MARGIN))
        title, size = f"flow {chart.clusters[0].flow}", laid.size
    else:
        title, size = "all flows", drawing.whole(chart)
    width, height = round(size.width + 2 * _MARGIN), round(size.height + 2 * _MARGIN)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'role="img" aria-labelledby="title">',
            f'<title id="title">{escape(title)}</title>',
            f"<style>{_STYLE}</style>",
            *drawing.parts,
            "</svg>\n",
        )
    )


class _Drawing:
    """The parts of a drawing, those that lie above others behind them."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def flow(self, boxes: Sequence[Box], bundles: Sequence[Bundle], laid: Layout, at: Point) -> None:
        """Draw the places of a flow and the ways between them."""
        for bundle, route in zip(bundles, laid.routes, strict=True):
            self._way([_moved(point, at) for point in route], bundle.into)
        for box in boxes:
            self._box(box, _moved(laid.centres[box.place], at))
        for bundle, centre in zip(bundles, laid.labels, strict=True):
            self._text(bundle.labels, _moved(centre, at), "label")

    def whole(self, chart: Chart) -> Size:
        """Draw all flows, each laid out by itself, in an order in which calls lead from one to the next."""
        home = {box.place: cluster.flow for cluster in chart.clusters for box in cluster.boxes}
        inner: dict[str, list[Bundle]] = {cluster.flow: [] for cluster in chart.clusters}
        outer: dict[tuple[str, str], Bundle] = {}
        for bundle in chart.bundles:
            ends = home.get(bundle.source, bundle.source), home.get(bundle.target, bundle.target)
            if ends[0] == ends[1] and ends[0] in inner:
                inner[ends[0]].append(bundle)
            else:
                labels = (*outer[ends].labels, *bundle.labels) if ends in outer else bundle.labels
                outer[ends] = Bundle(*ends, bundle.into, labels, ())
        inside = {cluster.flow: _laid(cluster.boxes, inner[cluster.flow]) for cluster in chart.clusters}
        sizes = {box.place: _size(box) for box in chart.hotlines}
        for flow, (*_, (width, height)) in inside.items():
            sizes[flow] = Size(max(width, _width(flow)) + 2 * _MARGIN, height + _TITLE + _MARGIN)
        sizes |= {box.place: _size(box) for box in chart.strangers}
        laid = lay_out(sizes, [_link(bundle) for bundle in outer.values()])
        edge = Point(_MARGIN, _MARGIN)
        self.flow((*chart.hotlines, *chart.strangers), list(outer.values()), laid, edge)
        for cluster in chart.clusters:
            size, centre = sizes[cluster.flow], _moved(laid.centres[cluster.flow], edge)
            corner = Point(centre.x - size.width / 2, centre.y - size.height / 2)
            self.parts.append(
                f'<rect class="flow" x="{corner.x:.1f}" y="{corner.y:.1f}" width="{size.width:.1f}" '
                f'height="{size.height:.1f}" rx="8"/>'
            )
            self._text((cluster.flow,), Point(corner.x + _MARGIN, corner.y + _TITLE / 2), "title")
            at = Point(corner.x + _MARGIN, corner.y + _TITLE)
            self.flow(cluster.boxes, inner[cluster.flow], inside[cluster.flow], at)
        return laid.size

    def _box(self, box: Box, at: Point) -> None:
        bare = " bare" if box.kind in _BARE else ""
        self.parts.append(f'<g class="{box.kind}{bare}" id="{escape(box.place)}">{_shape(box.kind, _size(box), at)}')
        lines = lines_of(box)
        top = at.y - (len(lines) - 1) * _LINE / 2
        for number, line in enumerate(lines):
            self._text((line,), Point(at.x, top + number * _LINE), "" if number else "name")
        self.parts.append("</g>")

    def _text(self, lines: Sequence[str], at: Point, kind: str) -> None:
        top = at.y - (len(lines) - 1) * _LINE / 2 + 4
        named = f' class="{kind}"' if kind else ""
        for number, line in enumerate(lines):
            self.parts.append(f'<text{named} x="{at.x:.1f}" y="{top + number * _LINE:.1f}">{escape(line)}</text>')

    def _way(self, points: Sequence[Point], into: bool) -> None:
        path = "".join(_curves(points))
        self.parts.append(f'<path class="way{" into" * into}" d="M{points[0].x:.1f} {points[0].y:.1f}{path}"/>')
        before, (x, y) = points[-2], points[-1]
        if before.y == y:
            self.parts.append(f'<path class="head" d="M{x:.1f} {y:.1f}l6 -3.5v7z"/>')
        else:
            down = -7 if before.y < y else 7
            self.parts.append(f'<path class="head" d="M{x:.1f} {y:.1f}l-3.5 {down}h7z"/>')


def _curves(points: Sequence[Point]) -> Iterator[str]:
    """Write a way: straight where it passes a layer, from layer to layer as a curve that begins and ends upright."""
    for one, other in pairwise(points):
        if one.x == other.x or one.y == other.y:
            yield f"L{other.x:.1f} {other.y:.1f}"
        else:
            half = (one.y + other.y) / 2
            yield f"C{one.x:.1f} {half:.1f} {other.x:.1f} {half:.1f} {other.x:.1f} {other.y:.1f}"


def _moved(point: Point, by: Point) -> Point:
    return Point(point.x + by.x, point.y + by.y)


def _laid(boxes: Sequence[Box], bundles: Sequence[Bundle]) -> Layout:
    return lay_out({box.place: _size(box) for box in boxes}, [_link(bundle) for bundle in bundles])


def _link(bundle: Bundle) -> Link:
    return Link(bundle.source, bundle.target, _room(bundle.labels, 10, 2) if bundle.labels else Size(0, 0))


def _size(box: Box) -> Size:
    slanted = {
        "menu": 2,
        "collect": 2,
        "lookup": 1.5,
        "transfer": 2,
        "hangup": 2,
        "return": 1,
        "call": 1,
        "elsewhere": 1,
    }.get(box.kind, 0)
    return _room(lines_of(box), 20 + slanted * _SLANT, 4 if box.kind in _BARE else 14)


def _room(lines: Sequence[str], across: float, down: float) -> Size:
    return Size(max(map(_width, lines), default=0.0) + across, len(lines) * _LINE + down)


def _width(text: str) -> float:
    return sum(2 * _LETTER if east_asian_width(sign) in "WF" else _LETTER for sign in text)


def _shape(kind: str, size: Size, at: Point) -> str:
    w, h = size.width / 2, size.height / 2
    s = min(_SLANT, h)
    corners: Mapping[str, Sequence[tuple[float, float]]] = {
        "menu": ((s - w, -h), (w - s, -h), (w, 0), (w - s, h), (s - w, h), (-w, 0)),
        "collect": ((s - w, -h), (w, -h), (w - s, h), (-w, h)),
        "lookup": ((s - w, -h), (w - s, -h), (w, s - h), (w, h - s), (w - s, h), (s - w, h), (-w, h - s), (-w, s - h)),
        "transfer": ((-w, -h), (w, -h), (w - s, h), (s - w, h)),
        "return": ((-w, -h), (w - s, -h), (w, 0), (w - s, h), (-w, h)),
        "record": ((-w, -h), (w - s, -h), (w, s - h), (w, h), (-w, h)),
    }
    if kind in corners:
        points = " ".join(f"{at.x + x:.1f},{at.y + y:.1f}" for x, y in corners[kind])
        return f'<polygon class="box" points="{points}"/>'
    if kind == "hangup":
        return f'<ellipse class="box" cx="{at.x:.1f}" cy="{at.y:.1f}" rx="{w:.1f}" ry="{h:.1f}"/>'
    round_ = 10 if kind == "say" else 2
    outer = f'x="{at.x - w:.1f}" y="{at.y - h:.1f}" width="{2 * w:.1f}" height="{2 * h:.1f}"'
    shape = f'<rect class="box" {outer} rx="{round_}"/>'
    if kind in ("call", "elsewhere"):
        bars = "".join(f"M{at.x + x:.1f} {at.y - h:.1f}v{2 * h:.1f}" for x in (6 - w, w - 6))
        shape += f'<path class="box" d="{bars}"/>'
    return shape
