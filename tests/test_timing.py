"""Refusals cannot be told apart by their times: the timing command in its smallest, and its rank test."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from timing.ranks import compare
from timing.refusals import KINDS, judged

COMMAND = [sys.executable, str(Path(__file__).parent / "timing")]


def test_the_ranks_are_those_of_the_books() -> None:
    """Mann and Whitney's test by its approximation without correction: U = 7 of 25, and ties with half a rank."""
    found = compare([19, 22, 16, 29, 24], [20, 11, 17, 12, 28])
    assert found.larger == pytest.approx(18 / 25)
    assert found.p == pytest.approx(0.2506, abs=1e-4)
    assert compare([1, 2, 2, 3], [1, 2, 2, 3]) == (0.5, 1.0)
    assert compare([1.0], [1.0]) == (0.5, 1.0)
    assert compare([2.0] * 30, [1.0] * 30).p < 1e-9


def test_times_that_differ_are_told_apart_and_a_control_that_tells_nothing_is_no_control() -> None:
    dice = random.Random(12333)
    same = {kind: [dice.random() for _ in range(300)] for kind in KINDS}
    slower = same | {"locked": [dice.random() + 0.2 for _ in range(300)]}
    apart = same | {"wrong": [dice.random() + 0.5 for _ in range(300)]}
    assert judged(same, apart, 0.1).as_it_should_be
    assert not judged(slower, apart, 0.1).as_it_should_be
    assert not judged(same, same, 0.1).as_it_should_be


def test_the_smallest_run_tells_nothing_apart_but_its_control() -> None:
    done = subprocess.run(
        [*COMMAND, "--calls", "12", "--step", "0.3"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("cannot be told apart") == 6
    assert done.stdout.rstrip().splitlines()[-1].startswith("  unknown / wrong: can be told apart")
