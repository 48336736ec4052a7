"""The soak command in its smallest: calls of every kind while workers are killed, and a report that adds up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, str(Path(__file__).parent / "soak")]


def test_calls_go_on_while_workers_are_killed() -> None:
    smallest = ["--minutes", "0.1", "--fault", "workers", "--every", "2.5", "--rate", "4", "--hasty", "--json", "-"]
    done = subprocess.run([*COMMAND, *smallest], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["holds"]
    assert told["calls"] == 24 == sum(told["outcomes"].values())
    assert told["lost"] == told["wrong"] == told["broken"] == told["endless"] == []
    assert told["faults"]["a worker killed"] >= 2
    assert {outcome.partition(":")[0] for outcome in told["outcomes"]} == {
        "asks", "mistypes", "duplicates", "agent", "wanders", "hangs up", "silence",
    }  # fmt: skip
    assert told["outcomes"]["asks: told"] > 0
    assert told["turns"] > 100
    assert told["left"]["tombstones of calls"] > 0
    assert told["recorded"]["records"] == 24
    assert told["recorded"]["missing"] == told["recorded"]["strange"] == told["recorded"]["unlike"] == []
    assert "lost calls" in done.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("--fault=flood", "invalid choice: 'flood'"), ("--minutes=0", "expected a number above 0, not '0'")],
)
def test_an_option_that_makes_no_sense_is_told_in_a_sentence(option: str, sentence: str) -> None:
    done = subprocess.run([*COMMAND, option], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
