"""What the run comes to: a table for people, JSON for programs, and whether it held."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from soak.callers import Heard
from soak.left import OTHER, Left
from soak.records import Recorded

FLAT_MB_AN_HOUR = 20.0
STEADY_AFTER_S = 60.0
"""Memory is judged from here on: caches fill first."""


class Memory(NamedTuple):
    """Resident memory of the workers: the most that one had, and how the steadiest grew in MB an hour, if any lived."""

    most_mb: float
    slope_mb_an_hour: float | None


@dataclass
class Report:
    """All that the command tells. Times are seconds."""

    fault: str
    minutes: float
    calls: int
    outcomes: dict[str, int]
    lost: list[str]
    wrong: list[str]
    broken: list[str]
    turns: int
    p50_ms: float
    p99_ms: float
    longest_turn: float
    longest_pause: float
    retried: int
    fallbacks: int
    late: int
    unequal: int
    quarantined: int
    faults: dict[str, int]
    longest_recovery: float | None
    most_mb: float
    slope_mb_an_hour: float | None
    left: dict[str, int]
    endless: list[str]
    recorded: Recorded

    @property
    def holds(self) -> bool:
        """Tell whether nothing happened that must not."""
        astray = self.recorded.missing or self.recorded.strange or self.recorded.unlike
        return not (self.lost or self.wrong or self.broken or self.endless or self.left.get(OTHER) or astray)


def report(
    fault: str,
    seconds: float,
    heard: list[Heard],
    faults: list[str],
    recovered: list[float],
    memory: Memory,
    left: Left,
    recorded: Recorded,
) -> Report:
    """Add up what became of the calls."""
    turns = sorted(one for call in heard for one in call.turns)
    hundredths = quantiles(turns, n=100) if len(turns) > 1 else [0.0] * 99
    return Report(
        fault=fault,
        minutes=round(seconds / 60, 2),
        calls=len(heard),
        outcomes=dict(Counter(f"{call.kind}: {call.outcome}" for call in heard)),
        lost=[f"{call.kind}, at {call.began:.1f} s: {call.why}" for call in heard if call.outcome == "lost"],
        wrong=[one for call in heard for one in call.wrong],
        broken=[one for call in heard for one in call.broken],
        turns=len(turns),
        p50_ms=round(hundredths[49] * 1000, 1),
        p99_ms=round(hundredths[98] * 1000, 1),
        longest_turn=round(max(turns, default=0.0), 2),
        longest_pause=round(max((one for call in heard for one in call.pauses), default=0.0), 2),
        retried=sum(call.retried for call in heard),
        fallbacks=sum(call.fallbacks for call in heard),
        late=sum(call.late for call in heard),
        unequal=sum(call.unequal for call in heard),
        quarantined=sum(call.quarantined for call in heard),
        faults=dict(Counter(faults)),
        longest_recovery=round(max(recovered), 2) if recovered else None,
        most_mb=round(memory.most_mb, 1),
        slope_mb_an_hour=None if memory.slope_mb_an_hour is None else round(memory.slope_mb_an_hour, 2),
        left=left.keys,
        endless=left.endless,
        recorded=recorded,
    )


def memory_of(samples: dict[int, list[tuple[float, float]]]) -> Memory:
    """Judge memory by samples of (second, MB) for each process: a straight line through each that lived for long."""
    slopes = []
    for of_one in samples.values():
        steady = [(at, mb) for at, mb in of_one if at >= of_one[0][0] + STEADY_AFTER_S]
        if len(steady) > 2 and steady[-1][0] - steady[0][0] >= STEADY_AFTER_S:
            slopes.append(_slope(steady) * 3600)
    most = max((mb for of_one in samples.values() for _, mb in of_one), default=0.0)
    return Memory(most, max(slopes) if slopes else None)


def _slope(points: list[tuple[float, float]]) -> float:
    middle = sum(at for at, _ in points) / len(points), sum(mb for _, mb in points) / len(points)
    along = sum((at - middle[0]) ** 2 for at, _ in points)
    return sum((at - middle[0]) * (mb - middle[1]) for at, mb in points) / along


def show(told: Report, console: Console) -> None:
    """Print the table, and what went wrong in sentences."""
    table = Table(title=f"{told.minutes:g} minutes, fault: {told.fault}", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("what")
    table.add_column("figure", justify="right")
    for what, figure in _rows(told):
        table.add_row(what, str(figure))
    console.print(table)
    for kind, sentences in (("LOST", told.lost), ("WRONG", told.wrong), ("BROKEN", told.broken)):
        for sentence in sentences[:20]:
            console.print(f"{kind}: {sentence}", markup=False)
    astray = (("NO RECORD", told.recorded.missing), ("NO CALL", told.recorded.strange))
    for kind, sentences in (*astray, ("UNLIKE", told.recorded.unlike)):
        for sentence in sentences[:20]:
            console.print(f"{kind}: {sentence}", markup=False)
    for key in told.endless[:20]:
        console.print(f"ENDLESS: {key} has no time to live.", markup=False)


def _rows(told: Report) -> list[tuple[str, Any]]:
    return [
        ("calls", told.calls),
        *((f"  {name}", count) for name, count in sorted(told.outcomes.items())),
        ("lost calls", len(told.lost)),
        ("wrong answers", len(told.wrong)),
        ("answers that break a rule of the carrier", len(told.broken)),
        ("turns", told.turns),
        ("  p50, p99 in ms", f"{told.p50_ms:g}, {told.p99_ms:g}"),
        ("  longest in s, retries included", told.longest_turn),
        ("  later than 5 s in all", told.late),
        ("  sent again by the carrier", told.retried),
        ("  to the fallback URL", told.fallbacks),
        ("  duplicates with another answer, as Redis came or went", told.unequal),
        ("  answered with an apology", told.quarantined),
        ("longest pause for a caller in s", told.longest_pause),
        *((f"fault: {name}", count) for name, count in told.faults.items()),
        ("longest until whole again in s", told.longest_recovery if told.longest_recovery is not None else "-"),
        ("most memory of a worker in MB", told.most_mb),
        ("its growth in MB an hour", told.slope_mb_an_hour if told.slope_mb_an_hour is not None else "-"),
        ("records of calls", told.recorded.records),
        ("  calls without one, records without a call", f"{len(told.recorded.missing)}, {len(told.recorded.strange)}"),
        ("  of calls whose end was never told", told.recorded.broken_off),
        ("  that miss a part of their call, and say so", told.recorded.incomplete),
        ("  that tell something else than the caller heard", len(told.recorded.unlike)),
        *((f"left in Redis: {name}", count) for name, count in sorted(told.left.items())),
        ("  of them without an end that should have one", len(told.endless)),
    ]


def as_json(told: Report) -> str:
    """Give the report for programs."""
    return json.dumps(asdict(told) | {"holds": told.holds}, ensure_ascii=False, indent=1)
