"""Charts: where bars, lines and words of one lie; ``chart.html`` draws them as SVG, without a script."""

from collections.abc import Sequence
from math import ceil, log10
from typing import Final, NamedTuple

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 10, 24
_TICKS: Final = 4
_LABEL_WIDE: Final = 60


class Series(NamedTuple):
    """What is drawn in one colour: the class of it in the style sheet, its name, and a value for each place."""

    kind: str
    name: str
    values: Sequence[float | None]


class Label(NamedTuple):
    """A word below the chart, at a place."""

    place: int
    text: str


class Word(NamedTuple):
    """A word in a chart: `beside` the axis or `below` it."""

    kind: str
    x: float
    y: float
    text: str


class Bar(NamedTuple):
    """A bar, or a part of one."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Path(NamedTuple):
    """A line, as SVG writes it."""

    kind: str
    d: str


class Frame(NamedTuple):
    """How large a chart is, in the units of its text; a page shows it wider or narrower."""

    wide: int = 720
    high: int = 200

    def y(self, value: float, most: float) -> float:
        """Give how far down a value lies."""
        return round(self.high - _BOTTOM - (self.high - _TOP - _BOTTOM) * value / most, 1)

    def step(self, places: int) -> float:
        """Give the width of a place."""
        return (self.wide - _LEFT - _RIGHT) / max(places, 1)


LARGE: Final = Frame()
SMALL: Final = Frame(360, 130)


class Chart(NamedTuple):
    """A chart with everything in its place."""

    title: str
    frame: Frame
    words: Sequence[Word]
    bars: Sequence[Bar]
    paths: Sequence[Path]


def bars(title: str, series: Sequence[Series], labels: Sequence[Label], frame: Frame = LARGE) -> Chart:
    """Draw a bar for each place, the series one on top of the other."""
    places = len(series[0].values)
    totals = [sum(one.values[place] or 0 for one in series) for place in range(places)]
    most, step = nice(max(totals, default=0)), frame.step(places)
    drawn = []
    for place in range(places):
        bottom = 0.0
        for one in series:
            value = one.values[place] or 0
            if value:
                top = bottom + value
                x, y = round(_LEFT + place * step + step * 0.1, 1), frame.y(top, most)
                drawn.append(Bar(one.kind, x, y, round(step * 0.8, 1), round(frame.y(bottom, most) - y, 1)))
                bottom = top
    return Chart(title, frame, _words(frame, most, labels, step), drawn, _rules(frame, most))


def lines(title: str, series: Sequence[Series], labels: Sequence[Label], frame: Frame = LARGE) -> Chart:
    """Draw a line for each series; where there is no value it is interrupted."""
    most = nice(max((value for one in series for value in one.values if value is not None), default=0))
    step = frame.step(max(len(one.values) for one in series))
    drawn = _rules(frame, most)
    for one in series:
        path, pen = [], "M"
        for place, value in enumerate(one.values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{_LEFT + (place + 0.5) * step:.1f} {frame.y(value, most)}")
            if pen == "M":
                path.append("h0.1")  # a value alone is a dot
            pen = "L"
        drawn.append(Path(f"line {one.kind}", "".join(path)))
    return Chart(title, frame, _words(frame, most, labels, step), (), drawn)


def nice(most: float) -> float:
    """Give the end of an axis that holds a value and can be divided into round parts."""
    if most <= _TICKS:
        return _TICKS
    power = 10.0 ** int(log10(most / _TICKS))
    return next(size * power * _TICKS for size in (1, 2, 2.5, 5, 10) if size * power * _TICKS >= most)


def _ticks(most: float) -> list[float]:
    return [most * tick / _TICKS for tick in range(_TICKS + 1)]


def _rules(frame: Frame, most: float) -> list[Path]:
    return [Path("grid", f"M{_LEFT} {frame.y(value, most)}H{frame.wide - _RIGHT}") for value in _ticks(most)]


def _words(frame: Frame, most: float, labels: Sequence[Label], step: float) -> list[Word]:
    """Write the round values beside the chart, and below it as many of the labels as there is room for."""
    apart = ceil(len(labels) * _LABEL_WIDE / frame.wide) or 1
    return [
        *(Word("beside", _LEFT - 6, frame.y(value, most) + 4, f"{value:g}") for value in _ticks(most)),
        *(Word("below", round(_LEFT + one.place * step, 1), frame.high - 6, one.text) for one in labels[::apart]),
    ]
