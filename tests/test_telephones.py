"""Numbers to call back: mainland mobiles and fixed lines with their area code, and nothing else that can be keyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephones import Telephone, own_number, read_telephone
from ivr.validators import Agent, Back, Malformed, Nothing


@pytest.mark.parametrize(
    ("keys", "ended", "read"),
    [
        ("13800138000", True, Telephone("13800138000")),
        ("13800138000", False, Telephone("13800138000")),
        ("01062345678", True, Telephone("01062345678")),
        ("02162345678", True, Telephone("02162345678")),
        ("07372234567", True, Telephone("07372234567")),  # an area code of four and a line of seven
        ("075582345678", True, Telephone("075582345678")),
        ("138*13800138000", True, Telephone("13800138000")),  # a star wipes what was before it
        ("62345678", True, Malformed()),  # without its area code
        ("12333", True, Malformed()),
        ("12800138000", True, Malformed()),
        ("138001380001", True, Malformed()),
        ("008613800138000", True, Malformed()),  # abroad, or by a way that leads there
        ("00442079460000", True, Malformed()),
        ("0102345678", True, Malformed()),  # too short for Beijing
        ("02602345678", True, Malformed()),  # no such area
        ("13800138000*", True, Malformed()),
        ("", True, Malformed()),
        ("", False, Nothing()),
        ("*", True, Back()),
        ("**", False, Back()),
        ("0", True, Agent()),
    ],
)
def test_what_is_keyed_is_read(keys: str, ended: bool, read: object) -> None:
    assert read_telephone(keys, ended) == read


@given(st.text("0123456789*", max_size=64), st.booleans())
def test_whatever_is_keyed_a_number_has_the_fixed_form(keys: str, ended: bool) -> None:
    read = read_telephone(keys, ended)
    if isinstance(read, Telephone):
        assert own_number(read.digits) == read.digits
        assert keys.endswith(read.digits)
        assert len(read.digits) in (11, 12)
        assert not read.digits.startswith("00")


@pytest.mark.parametrize(
    ("calling", "own"),
    [
        ("+8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("13800138000", "13800138000"),
        ("+861062345678", "01062345678"),
        ("01062345678", "01062345678"),
        ("+8675582345678", "075582345678"),
        ("+14158675309", None),
        ("+266696687", None),  # what carriers send for a withheld number
        ("anonymous", None),
        ("", None),
        ("12333", None),
        ("+8612333", None),
        ("+85221234567", None),
    ],
)
def test_a_callers_own_number_is_known_or_not(calling: str, own: str | None) -> None:
    assert own_number(calling) == own
