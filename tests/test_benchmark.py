"""The benchmark command in its smallest: every contender answers every turn, and the bars are told."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, str(Path(__file__).parent / "benchmark")]


def test_one_short_round_measures_every_contender_and_judges_every_bar() -> None:
    """No times are asserted: whether a bar is cleared is for the full command, on a machine of its own."""
    smallest = ["--processes", "1", "--rounds", "1", "--turns", "9", "--starts", "1"]
    done = subprocess.run([*COMMAND, *smallest], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    for contender in ("plain", "hotline", "plain again", "transitions", "python-statemachine"):
        rows = [line for line in lines if line.strip().startswith(f"{contender}  ")]
        assert len(rows) == 3, (contender, done.stdout)
    judged = [line for line in lines if line.startswith(("cleared", "FAILED"))]
    assert len(judged) == 4
    assert (done.returncode == 0) == all(line.startswith("cleared") for line in judged)
    # Nothing is amiss, but for days of the coming year that nobody has announced yet.
    assert [line for line in done.stderr.splitlines() if "flows/working_days.yaml" not in line] == []


@pytest.mark.parametrize("option", ["--rounds=0", "--turns=many", "--starts=-1"])
def test_an_option_that_makes_no_sense_is_told_in_a_sentence(option: str) -> None:
    done = subprocess.run([*COMMAND, option], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "expected a whole number from 1 to 100000" in done.stderr
    assert "Traceback" not in done.stderr
