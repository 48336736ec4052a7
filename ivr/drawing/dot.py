"""Write a chart of the flows as DOT, which Graphviz lays out: on the page of the map, or wherever one has it."""

from collections.abc import Mapping
from math import sqrt
from textwrap import wrap
from typing import Final, NamedTuple

from ivr.call import Edge
from ivr.drawing.chart import AGAIN_HERE, ELSEWHERE, HOTLINE, MENUS, MISSING, START, Box, Bundle, Chart

_SHAPES: Final = {
    "say": 'shape=box, style="rounded,filled"',
    "menu": 'shape=hexagon, margin="0.06,0.02"',
    "collect": 'shape=parallelogram, margin="0.02,0"',
    "lookup": 'shape=octagon, margin="0.08,0.02"',
    "call": "shape=box, peripheries=2",
    "return": "shape=cds",
    "transfer": 'shape=house, margin="0.04,0"',
    "record": "shape=tab",
    "hangup": 'shape=ellipse, margin="0.04,0"',
    START: "shape=plain",
    MENUS: "shape=plain",
    AGAIN_HERE: "shape=plain",
    MISSING: "shape=plain, fontcolor=red",
    HOTLINE: "shape=box",
    ELSEWHERE: "shape=box, peripheries=2",
}
"""The form of a place by its kind; it has to be told without colours."""

_HEAD: Final = (
    "digraph flows {",
    '    graph [rankdir=TB, nodesep=0.25, ranksep=0.4, fontname="Arial", fontsize=14, style="rounded", color="gray"];',
    '    node [fontname="Arial", fontsize=11, style="filled", fillcolor="white", color="gray30", margin="0.16,0.06"];',
    '    edge [fontname="Arial", fontsize=10, color="gray40", arrowsize=0.7];',
)

LOSSES: Final = (0.05, 0.15, 0.3)
ENOUGH: Final = 5
"""Shares of calls lost at a place from which on it is marked, the more the worse, where so many came at all."""

WIDEST: Final = 28
"""Characters of a line; what a node says is wrapped there."""
MOST_LINES: Final = 6
"""A node that says the entries of lists names a prompt for each kind of entry; its file has them all."""


class Heat(NamedTuple):
    """What calls did: how often each way was walked, and by place how often they came there and were lost there."""

    walked: Mapping[Edge, int]
    came: Mapping[str, int]
    lost: Mapping[str, int]


def dot(chart: Chart, heat: Heat | None = None) -> str:
    """Give a chart as a text of Graphviz's; with `heat` what is walked more often is thicker, and losses are told.

    What is drawn carries names by which a page finds it: a place its own (``at.balance.fetch``), a flow
    ``flow.balance``, and the bundles of arrows ``way.0``, ``way.1`` … in their order.
    """
    lines = [*_HEAD, *(f"    {_node(box, heat)}" for box in chart.hotlines)]
    for cluster in chart.clusters:
        lines += [f"    subgraph {_quoted('cluster ' + cluster.flow)} {{"]
        lines += [f"        label={_quoted(cluster.flow)}; id={_quoted('flow.' + cluster.flow)};"]
        lines += [f"        {_node(box, heat)}" for box in cluster.boxes]
        lines += ["    }"]
    lines += [f"    {_node(box, heat)}" for box in chart.strangers]
    counts = [sum(heat.walked.get(edge, 0) for edge in bundle.edges) if heat else None for bundle in chart.bundles]
    most = max((count for count in counts if count), default=1)
    for number, (bundle, count) in enumerate(zip(chart.bundles, counts, strict=True)):
        lines += [f"    {_edge(number, bundle, count, most)}"]
    return "\n".join([*lines, "}"]) + "\n"


def lines_of(box: Box) -> list[str]:
    """Give the lines of text in a box, none much longer than `WIDEST`, and no more than `MOST_LINES`."""
    lines = [part for line in box.lines for part in wrap(line, WIDEST, break_long_words=False, break_on_hyphens=False)]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]


def _node(box: Box, heat: Heat | None) -> str:
    lines, kind = lines_of(box), box.kind
    if heat is not None and (came := heat.came.get(box.place, 0)):
        lost = heat.lost.get(box.place, 0)
        lines.append(f"{came} came, {lost} lost")
        if came >= ENOUGH:
            kind += f" lost{sum(lost >= share * came for share in LOSSES)}"
    name, label = _quoted(box.place), _quoted("\n".join(lines))
    return f"{name} [label={label}, id={name}, class={_quoted(kind)}, {_SHAPES[box.kind]}];"


def _edge(number: int, bundle: Bundle, count: int | None, most: int) -> str:
    labels = (*bundle.labels, f"{count} ×") if count else bundle.labels
    label = f", label={_quoted(' ' + chr(10).join(labels))}" if labels else ""
    style = ", style=dashed, class=into" if bundle.into else ""
    if count is not None and bundle.edges:
        style = f", penwidth={1 + 5 * sqrt(count / most):.2f}" if count else ", class=cold"
    return f'{_quoted(bundle.source)} -> {_quoted(bundle.target)} [id="way.{number}"{label}{style}];'


def _quoted(text: str) -> str:
    """Write a text so that nothing in it is a sign of DOT's: a backslash would begin one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
