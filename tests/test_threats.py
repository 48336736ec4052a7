"""The README's threat table: each row names tests that exist, so that no claim outlives what shows it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from test_readme import section

ROWS = [line.strip("|").split(" | ") for line in section("Threats").splitlines() if line.startswith("| ")][1:]
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")


@cache
def named_in(file: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / f"{file}.py").read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_a_threat_names_the_tests_that_attack(row: list[str]) -> None:
    threat, holds, tests = row
    named = NAMED.findall(tests)
    assert named, "a row without a test is only a claim"
    assert NAMED.sub("", tests).strip() == "", "what else stands there is no test"
    assert [f"{file}::{test}" for file, test in named if test not in named_in(file)] == []
    assert threat.strip()
    assert holds.strip()


def test_there_is_a_table_and_a_runbook_for_what_happens() -> None:
    assert len(ROWS) >= 15
    told = section("Runbook")
    for event in ("key is lost", "has leaked", "locked out", "attack is under way"):
        assert event in told
