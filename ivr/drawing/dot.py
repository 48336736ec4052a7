"""Write a chart of the flows as DOT, which Graphviz lays out: on the page of the map, or wherever one has it."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

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

WIDEST: Final = 28
"""Characters of a line; what a node says is wrapped there."""


def dot(chart: Chart) -> str:
    """Give a chart as a text of Graphviz's.

    What is drawn carries names by which a page finds it: a place its own (``at.balance.fetch``), a flow
    ``flow.balance``, and the bundles of arrows ``way.0``, ``way.1`` … in their order.
    """
    lines = [*_HEAD, *(f"    {_node(box)}" for box in chart.hotlines)]
    for cluster in chart.clusters:
        lines += [f"    subgraph {_quoted('cluster ' + cluster.flow)} {{"]
        lines += [f"        label={_quoted(cluster.flow)}; id={_quoted('flow.' + cluster.flow)};"]
        lines += [f"        {_node(box)}" for box in cluster.boxes]
        lines += ["    }"]
    lines += [f"    {_node(box)}" for box in chart.strangers]
    lines += [f"    {_edge(number, bundle)}" for number, bundle in enumerate(chart.bundles)]
    return "\n".join([*lines, "}"]) + "\n"


def lines_of(box: Box) -> Iterator[str]:
    """Give the lines of text in a box, none much longer than `WIDEST`."""
    for line in box.lines:
        yield from wrap(line, WIDEST, break_long_words=False, break_on_hyphens=False)


def _node(box: Box) -> str:
    name, label = _quoted(box.place), _quoted("\n".join(lines_of(box)))
    return f"{name} [label={label}, id={name}, class={box.kind}, {_SHAPES[box.kind]}];"


def _edge(number: int, bundle: Bundle) -> str:
    label = f", label={_quoted(' ' + chr(10).join(bundle.labels))}" if bundle.labels else ""
    style = ", style=dashed, class=into" if bundle.into else ""
    return f'{_quoted(bundle.source)} -> {_quoted(bundle.target)} [id="way.{number}"{label}{style}];'


def _quoted(text: str) -> str:
    """Write a text so that nothing in it is a sign of DOT's: a backslash would begin one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
