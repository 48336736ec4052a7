"""The bars that the hotline has to clear, and the table and verdicts in which a run is told."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmark.calls import MENU, PHASES, VERIFIED_BALANCE
from benchmark.contenders import CONTROL, HOTLINE, IN_ORDER, PLAIN
from benchmark.rounds import Round, Spread, share_by_cpu, share_by_rate, spread
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

MENU_SHARE = 0.65
BALANCE_SHARE = 0.4
RESIDENT_MB = 120.0
READY_S = 5.0

HEADINGS = ("", "turns/s", "CPU ms/turn", "share of A by CPU", "by turns/s", "Valkey ms", "client ms", "MB")


class Run(NamedTuple):
    """What was measured: the rounds, the resident memory of each contender's process in MB, the starts in seconds."""

    rounds: list[Round]
    resident_mb: dict[str, float]
    starts_s: list[float]


class Verdict(NamedTuple):
    """One bar: what it is about, what was found, what it asks for, and whether it is cleared."""

    about: str
    found: str
    bar: str
    cleared: bool


def verdicts(run: Run) -> list[Verdict]:
    """Judge a run by its medians; shares of contender A are those of processor time."""
    shares = [
        _at_least(f"{phase.name} turn, share of A", share_by_cpu(run.rounds, phase.name, HOTLINE), least)
        for phase, least in ((MENU, MENU_SHARE), (VERIFIED_BALANCE, BALANCE_SHARE))
    ]
    resident = run.resident_mb[HOTLINE]
    ready = spread(run.starts_s)
    return [
        *shares,
        Verdict("memory of a worker", f"{resident:.1f} MB", f"at most {RESIDENT_MB:g} MB", resident <= RESIDENT_MB),
        Verdict("ready, all embedded", _figures(ready, " s"), f"at most {READY_S:g} s", ready.median <= READY_S),
    ]


def show(run: Run, console: Console) -> bool:
    """Print machine, table and verdicts; tell whether every bar is cleared."""
    turns = f"{len(run.rounds)} rounds; median (least to most)"
    console.print(f"Command: {shlex.join([os.path.basename(sys.executable), *sys.argv])}")
    console.print(f"Machine: {_machine()}; Python {platform.python_version()}")
    for phase in PHASES:
        table = Table(title=f"The {phase.name} turn, {turns}", title_justify="left", box=SIMPLE_HEAD)
        for heading in HEADINGS:
            table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
        for contender in IN_ORDER:
            table.add_row(contender, *_row(run, phase.name, contender))
        console.print(table)
    console.print(
        f"A is '{PLAIN}': a form, a GET, a SET and constant TwiML, and its account requests where the turn has them. "
        f"'{CONTROL}' is the same once more, the A/A control: how far its share is from 1 is the machine's noise. "
        "All other shares are of the mean of these two, round by round. CPU is the contender's own process alone."
    )
    found = verdicts(run)
    for one in found:
        console.print(f"{'cleared' if one.cleared else 'FAILED '}  {one.about}: {one.found}, bar {one.bar}")
    return all(one.cleared for one in found)


def _row(run: Run, phase: str, contender: str) -> Sequence[str]:
    measured = [one[phase][contender] for one in run.rounds]
    return (
        f"{spread([one.rate for one in measured]).median:.0f}",
        f"{spread([one.cpu_ms for one in measured]).median:.3f}",
        "A" if contender == PLAIN else _figures(share_by_cpu(run.rounds, phase, contender)),
        "A" if contender == PLAIN else _figures(share_by_rate(run.rounds, phase, contender)),
        f"{spread([one.store_ms for one in measured]).median:.3f}",
        f"{spread([one.client_ms for one in measured]).median:.3f}",
        f"{run.resident_mb[contender]:.0f}",
    )


def _at_least(about: str, found: Spread, least: float) -> Verdict:
    return Verdict(about, _figures(found), f"at least {least:g}", found.median >= least)


def _figures(found: Spread, unit: str = "") -> str:
    return f"{found.median:.2f}{unit} ({found.least:.2f} to {found.most:.2f})"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.system()} {platform.machine()}, {min(cores, 2)} of its {os.cpu_count()} cores"
