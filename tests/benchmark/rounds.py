"""The measuring: rounds in which every contender answers the same calls in turn, and what each round says of them."""

import os
from itertools import islice
from statistics import median
from typing import NamedTuple

from benchmark.calls import PHASES, NotAnswered, Phase, callers
from benchmark.contenders import CONTROL, PLAIN, Field
from benchmark.load import Load, check_replies, walk_up
from benchmark.processes import Process, cpu_seconds

from ivr.redis_line import connect
from ivr.serve import confirm_counters


class Measured(NamedTuple):
    """What one contender needed for one phase of one round: turns a second, and milliseconds of processor a turn.

    ``cpu_ms`` is the contender's process alone; ``store_ms`` that of Valkey and ``client_ms`` that of the load.
    """

    rate: float
    cpu_ms: float
    store_ms: float
    client_ms: float


TRIES = 3
"""A store that stalls for a quarter of a second turns a call to public mode: such a batch measures something else."""

Round = dict[str, dict[str, Measured]]
"""By the phase's name, then by the contender's."""


async def measure(field: Field, turns: int, number: int) -> Round:
    """Measure one round: all contenders one after the other, backwards in every second round.

    The store is emptied before each contender's calls, so that none has the calls of another before it in there.
    """
    order = list(field.contenders.values())
    if number % 2:
        order.reverse()
    return {
        phase.name: {one.name: await _measure(field, one, phase, turns, number) for one in order} for phase in PHASES
    }


async def _measure(field: Field, contender: Process, phase: Phase, turns: int, number: int) -> Measured:
    """Measure one contender; again where the machine stalled, since then not every turn was the one that is meant."""
    for left in reversed(range(TRIES)):
        try:
            return await _measure_once(field, contender, phase, turns, number)
        except NotAnswered:
            if not left:
                raise
    raise AssertionError("The last try either returns or raises.")


async def _measure_once(field: Field, contender: Process, phase: Phase, turns: int, number: int) -> Measured:
    async with connect(field.settings.redis_url) as redis:
        await redis.flushall()
    await confirm_counters(field.settings)
    calls = list(islice(callers(contender.url, number * turns), turns))
    async with Load(contender.url) as load:
        requests = await walk_up(load, phase, calls)
        pids = (contender.pid, field.valkey_pid, os.getpid())
        before = [cpu_seconds(pid) for pid in pids]
        burst = await load.post(requests)
        spent = [(cpu_seconds(pid) - began) * 1000 / turns for pid, began in zip(pids, before, strict=True)]
    check_replies(contender.name, phase, burst.replies)
    return Measured(turns / burst.seconds, *spent)


class Spread(NamedTuple):
    """A figure over the rounds."""

    median: float
    least: float
    most: float


def spread(figures: list[float]) -> Spread:
    """Give median, least and most of a figure's rounds."""
    return Spread(median(figures), min(figures), max(figures))


def share_by_cpu(rounds: list[Round], phase: str, contender: str) -> Spread:
    """Give how many turns a contender makes of the processor time in which A makes one; A is the mean of its two.

    The control alone is compared with A's first process: it tells what the machine makes of two that are the same.
    """
    return spread([_plain(one[phase], contender, "cpu_ms") / one[phase][contender].cpu_ms for one in rounds])


def share_by_rate(rounds: list[Round], phase: str, contender: str) -> Spread:
    """Give a contender's turns a second as a share of A's in the same round."""
    return spread([one[phase][contender].rate / _plain(one[phase], contender, "rate") for one in rounds])


def _plain(figures: dict[str, Measured], contender: str, name: str) -> float:
    first = float(getattr(figures[PLAIN], name))
    return first if contender in (PLAIN, CONTROL) else (first + float(getattr(figures[CONTROL], name))) / 2
