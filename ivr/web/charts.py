"""Charts as SVG, written by the server: bars that are stacked, and lines; without a script.

What they give is ready for a page: every text in it is escaped.
"""

from collections.abc import Sequence
from html import escape
from math import ceil, log10
from typing import Final, NamedTuple

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 10, 24
_TICKS: Final = 4
_LABEL_WIDE: Final = 60

_WHOLE: Final = '<svg class="figures" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
_RECT: Final = '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
_LINE: Final = '<path class="line {}" d="{}"/>'
_RULE: Final = '<path class="grid" d="M{} {:.1f}H{}"/>'
_TEXT: Final = '<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>'


class Series(NamedTuple):
    """What is drawn in one colour: the class of it in the style sheet, its name, and a value for each place."""

    kind: str
    name: str
    values: Sequence[float | None]


class Label(NamedTuple):
    """A word below the chart, at a place."""

    place: int
    text: str


class Frame(NamedTuple):
    """How large a chart is, in the units of its text; a page shows it wider or narrower."""

    wide: int = 720
    high: int = 200

    def y(self, value: float, most: float) -> float:
        """Give how far down a value lies."""
        return self.high - _BOTTOM - (self.high - _TOP - _BOTTOM) * value / most

    def step(self, places: int) -> float:
        """Give the width of a place."""
        return (self.wide - _LEFT - _RIGHT) / max(places, 1)

    def grid(self, most: float) -> str:
        """Draw the axis and the lines of its round values."""
        parts = []
        for tick in range(_TICKS + 1):
            value = most * tick / _TICKS
            y = self.y(value, most)
            parts += [
                _RULE.format(_LEFT, y, self.wide - _RIGHT),
                _TEXT.format("beside", _LEFT - 6, y + 4, f"{value:g}"),
            ]
        return "".join(parts)

    def below(self, labels: Sequence[Label], step: float) -> str:
        """Write words below the chart, as many as there is room for."""
        apart = ceil(len(labels) * _LABEL_WIDE / self.wide) or 1
        return "".join(
            _TEXT.format("below", _LEFT + label.place * step, self.high - 6, escape(label.text))
            for label in labels[::apart]
        )

    def svg(self, title: str, parts: Sequence[str]) -> str:
        """Put the parts together."""
        return _WHOLE.format(self.wide, self.high, escape(title), "".join(parts))


LARGE: Final = Frame()
SMALL: Final = Frame(360, 130)


def bars(title: str, series: Sequence[Series], labels: Sequence[Label], frame: Frame = LARGE) -> str:
    """Draw a bar for each place, the series one on top of the other."""
    places = len(series[0].values)
    totals = [sum(one.values[place] or 0 for one in series) for place in range(places)]
    most, step = nice(max(totals, default=0)), frame.step(places)
    parts = [frame.grid(most), frame.below(labels, step)]
    for place in range(places):
        bottom = 0.0
        for one in series:
            value = one.values[place] or 0
            if value:
                top = bottom + value
                x, y = _LEFT + place * step + step * 0.1, frame.y(top, most)
                parts.append(_RECT.format(one.kind, x, y, step * 0.8, frame.y(bottom, most) - y))
                bottom = top
    return frame.svg(title, parts)


def lines(title: str, series: Sequence[Series], labels: Sequence[Label], frame: Frame = LARGE) -> str:
    """Draw a line for each series; where there is no value it is interrupted."""
    most = nice(max((value for one in series for value in one.values if value is not None), default=0))
    step = frame.step(max(len(one.values) for one in series))
    parts = [frame.grid(most), frame.below(labels, step)]
    for one in series:
        path, pen = [], "M"
        for place, value in enumerate(one.values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{_LEFT + (place + 0.5) * step:.1f} {frame.y(value, most):.1f}")
            if pen == "M":
                path.append("h0.1")  # a value alone is a dot
            pen = "L"
        parts.append(_LINE.format(one.kind, "".join(path)))
    return frame.svg(title, parts)


def nice(most: float) -> float:
    """Give the end of an axis that holds a value and can be divided into round parts."""
    if most <= _TICKS:
        return _TICKS
    power = 10.0 ** int(log10(most / _TICKS))
    return next(size * power * _TICKS for size in (1, 2, 2.5, 5, 10) if size * power * _TICKS >= most)
