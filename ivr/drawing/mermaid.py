"""Write a chart of the flows as Mermaid, which editors and pages of documentation show."""

from typing import Final

from ivr.drawing.chart import (
    AGAIN_HERE,
    ELSEWHERE,
    HOTLINE,
    MENUS,
    MISSING,
    START,
    Arrow,
    Box,
    Chart,
    place,
)

_FLAG: Final = (">", "]")
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
    START: _FLAG,
    MENUS: _FLAG,
    AGAIN_HERE: _FLAG,
    MISSING: _FLAG,
    HOTLINE: ("[", "]"),
    ELSEWHERE: ("[[", "]]"),
}
"""The brackets that give a place its form, by its kind."""


def mermaid(chart: Chart) -> str:
    """Give a chart as a text of Mermaid's."""
    lines = ["flowchart TD", *(f"    {_shaped(box)}" for box in chart.hotlines)]
    for cluster in chart.clusters:
        lines += [f'    subgraph {place(cluster.flow)} ["{_escaped(cluster.flow)}"]']
        lines += [f"        {_shaped(box)}" for box in cluster.boxes]
        lines += ["    end"]
    lines += [f"    {_shaped(box)}" for box in chart.strangers]
    lines += [f"    {_written(arrow)}" for arrow in chart.arrows]
    return "\n".join(lines) + "\n"


def _shaped(box: Box) -> str:
    # Mermaid allows no blank between the name of a place and its bracket.
    left, right = _SHAPES[box.kind]
    return f'{box.place}{left}"{"<br/>".join(_escaped(line) for line in box.lines if line)}"{right}'


def _written(arrow: Arrow) -> str:
    line = "-.->" if arrow.into else "-->"
    label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.source} {line}{label} {arrow.target}"


def _escaped(text: str) -> str:
    """Write a text so that nothing in it is a sign of Mermaid's or of HTML: entities, by number, for all but words."""
    return "".join(sign if sign.isalnum() or sign in " _.,+-" else f"#{ord(sign)};" for sign in text)
