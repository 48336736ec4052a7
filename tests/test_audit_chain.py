"""Chains of audit entries: whatever is done to the lines of one is found, at its first line that does not hold."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audit.chain import BrokenLine, Chain, Checked, chain_keys, check

OLD, NEW = chain_keys([bytes(32), bytes([1]) * 32])

texts = st.text('aZ09 余é\x00\n"\\,:{}', max_size=20)
entries = st.lists(st.tuples(st.integers(0, 2**53), texts, texts, texts, texts), min_size=1, max_size=8)


def lines_of(told: list[tuple[int, str, str, str, str]], *, end: bool = True) -> list[bytes]:
    chain = Chain(OLD, worker="a machine/0", at=5)
    lines = [chain.opening(), *(chain.entry(*one) for one in told)]
    return [*lines, chain.closing(6, "stopped")] if end else lines


def broken(lines: list[bytes]) -> BrokenLine | None:
    *_, last = [None, *check([OLD], lines)]
    return last if isinstance(last, BrokenLine) else None


@given(entries)
def test_what_is_written_holds_and_is_read_again(told: list[tuple[int, str, str, str, str]]) -> None:
    checked = list(check([NEW, OLD], lines_of(told)))
    assert all(isinstance(one, Checked) for one in checked)
    read = [one.line for one in checked if isinstance(one, Checked)]
    assert [(line.at, line.call, line.member, line.field, line.outcome) for line in read[1:-1]] == told
    assert (read[0].worker, read[-1].end) == ("a machine/0", "stopped")


@given(entries, st.data())
def test_a_changed_byte_is_found_where_it_is(told: list[tuple[int, str, str, str, str]], data: st.DataObject) -> None:
    lines = lines_of(told)
    number = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[number])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    found = broken([*lines[:number], bytes(line), *lines[number + 1 :]])
    assert found is not None
    assert found.number == number + 1


@given(entries, st.data())
def test_lines_taken_out_put_in_or_moved_are_found(
    told: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    lines = lines_of(told)
    one, other = data.draw(st.tuples(st.integers(0, len(lines) - 2), st.integers(0, len(lines) - 1)))
    for tampered in (
        [*lines[:one], *lines[one + 1 :]],
        [*lines[:other], lines[one], *lines[other:]],
        [*lines[:one], lines[one + 1], lines[one], *lines[one + 2 :]],
    ):
        found = broken(tampered)
        first = next((n for n, (a, b) in enumerate(zip(tampered, lines, strict=False), 1) if a != b), len(lines) + 1)
        assert found is not None
        assert found.number == first


@given(entries, st.integers(1, 10))
@settings(max_examples=30)
def test_a_cut_tail_shows_only_against_a_head(told: list[tuple[int, str, str, str, str]], cut: int) -> None:
    """Which is why heads are kept elsewhere."""
    lines = lines_of(told)
    assert broken(lines[: max(1, len(lines) - cut)]) is None


@pytest.mark.parametrize(
    ("tamper", "number", "why"),
    [
        (lambda lines: lines[:1] + lines[3:], 2, "lines 2 to 3 are missing before it"),
        (lambda lines: lines[:1] + lines[2:], 2, "line 2 is missing before it"),
        (lambda lines: lines[1:], 1, "not the first line of a chain"),
        (lambda lines: [lines[0], lines[1], lines[1]], 3, "stands in the place of line 3"),
        (lambda lines: [lines[0], lines[1].replace(b"ok", b"no"), *lines[2:]], 2, "was changed"),
        (lambda lines: [lines[0], b"{}\n", *lines[2:]], 2, "cannot be read"),
        (lambda lines: [lines[0], b"x" * 5000 + b"\n"], 2, "cannot be read"),
        (lambda lines: [lines[0], b"\xff\xfe\n"], 2, "cannot be read"),
        (lambda lines: [*lines[:2], lines[2][:-1]], 3, "not whole"),
        (lambda lines: [lines[0].replace(b'"form":1', b'"form":2'), *lines[1:]], 1, "form 2"),
    ],
)
def test_each_fault_is_named(tamper: Callable[[list[bytes]], list[bytes]], number: int, why: str) -> None:
    found = broken(tamper(lines_of([(n, "CA", "m", "balance", "ok") for n in range(4)])))
    assert found is not None
    assert found.number == number
    assert why in found.why


def test_a_chain_of_an_unknown_key_is_not_called_forged() -> None:
    found = list(check([NEW], lines_of([(1, "CA", "m", "balance", "ok")])))
    assert isinstance(found[0], BrokenLine)
    assert "does not come from IVR_SECRET_KEY" in found[0].why
    assert OLD.ident in found[0].why


def test_a_line_of_another_chain_under_the_same_key_does_not_fit() -> None:
    told = [(1, "CA", "m", "balance", "ok"), (2, "CA", "m", "years", "enough")]
    mine, other = lines_of(told), lines_of(told)
    found = broken([mine[0], other[1], *mine[2:]])
    assert found is not None
    assert found.number == 2


def test_a_line_is_json_that_other_programs_read() -> None:
    _, entry, end = lines_of([(7, "CA1", "whose", "balance", "ok")])
    assert json.loads(entry) | {"mac": ""} == {
        "seq": 1, "at": 7, "call": "CA1", "member": "whose", "field": "balance", "outcome": "ok", "mac": "",
    }  # fmt: skip
    assert json.loads(end)["end"] == "stopped"
