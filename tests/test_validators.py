"""Number entry, six digits and weak passwords, row by row as the rules for callers' keys give them."""

from collections.abc import Callable
from datetime import date
from typing import get_args

import pytest
from stdnum.cn import ric

from ivr.call import Credential
from ivr.validators import (
    WRONG_REASONS,
    Agent,
    Back,
    Entered,
    HashAlone,
    KeptDigits,
    Malformed,
    Nothing,
    NumberEntry,
    Six,
    SixEntry,
    Wiped,
    Wrong,
    WrongReason,
    birth_date,
    birth_holds,
    check_character,
    read_number,
    read_six,
    region_holds,
)
from ivr.weakness import WEAK_REASONS, is_weak, weak_reason

TODAY = date(2026, 11, 22)

ID = "110105198503122173"
ID_X = "11010519491231002X"
SEVENTEEN_X = ID_X[:17]
SEVENTEEN = ID[:17]
ENDS_0 = "110105198503120100"
ENDS_000 = "110105198501016000"
ENDS_0X = "11010519850312040X"
ENDS_00X = "11010519850101200X"
BAD_REGION_X = "16010519850312002X"
BAD_BIRTH_X = "11010519851312018X"
OLD_FORM = "110105491231002"
LIKE_A_BEGUN_ID = "110105198503122"


def id_card(number: str, late_star: bool = False) -> Entered:
    return Entered(Credential("id_card", number), late_star)


def card(number: str) -> Entered:
    return Entered(Credential("social_security_card", number))


def read(keyed: str, kept: str = "", old_form: str = "") -> NumberEntry:
    """Read what is written as it is keyed: a final ``#`` ends it, anything else is followed by a pause."""
    return read_number(keyed.removesuffix("#"), keyed.endswith("#"), kept=kept, old_form=old_form, today=TODAY)


# --- the table by length: each row, ended by # and by a pause ------------------------------------------------------

LENGTHS: list[tuple[str, NumberEntry, NumberEntry]] = [
    # 18: an ID number, always; the last one may be 0 for X where X is computed
    (ID, id_card(ID), id_card(ID)),
    (ENDS_0, id_card(ENDS_0), id_card(ENDS_0)),
    (SEVENTEEN_X + "0", id_card(ID_X), id_card(ID_X)),
    (SEVENTEEN_X + "1", Wrong("check", 18), Wrong("check", 18)),
    (SEVENTEEN + "0", Wrong("check", 18), Wrong("check", 18)),
    ("1" * 18, Wrong("birth", 18), Wrong("birth", 18)),
    # 17: an ID number where X is computed, else one is missing; kept after a pause
    (SEVENTEEN_X, id_card(ID_X), id_card(ID_X, late_star=True)),
    (SEVENTEEN_X + "*", id_card(ID_X), id_card(ID_X)),
    (SEVENTEEN, Wrong("one_missing", 17), KeptDigits(SEVENTEEN)),
    ("16013519850312217", Wrong("one_missing", 17), KeptDigits("16013519850312217")),
    (BAD_REGION_X[:17], Wrong("region", 17), Wrong("region", 17)),
    (BAD_BIRTH_X[:17], Wrong("birth", 17), Wrong("birth", 17)),
    (BAD_REGION_X[:17] + "*", Wrong("region", 18), Wrong("region", 18)),
    # 15 in the old form: region and YYMMDD, a day of 19YY or of 20YY
    (OLD_FORM, Wrong("old_form", 15, OLD_FORM), Wrong("old_form", 15, OLD_FORM)),
    ("110105000229001", Wrong("old_form", 15, "110105000229001"), Wrong("old_form", 15, "110105000229001")),
    ("110105200112050", Wrong("old_form", 15, "110105200112050"), Wrong("old_form", 15, "110105200112050")),
    ("160105491231002", card("160105491231002"), card("160105491231002")),
    ("110105491331002", card("110105491331002"), card("110105491331002")),
    ("110105010229001", card("110105010229001"), card("110105010229001")),
    # 9-16 and 19: a card; 14-16 that begin like an ID number are kept after a pause
    ("123456789", card("123456789"), card("123456789")),
    ("110105198", card("110105198"), card("110105198")),
    ("1101051985031", card("1101051985031"), card("1101051985031")),
    ("11010519850312", card("11010519850312"), KeptDigits("11010519850312")),
    (LIKE_A_BEGUN_ID, card(LIKE_A_BEGUN_ID), KeptDigits(LIKE_A_BEGUN_ID)),
    ("1101051985031221", card("1101051985031221"), KeptDigits("1101051985031221")),
    ("16010519850312", card("16010519850312"), card("16010519850312")),
    ("11010519850230", card("11010519850230"), card("11010519850230")),
    ("1101052026112200", card("1101052026112200"), KeptDigits("1101052026112200")),
    ("1101052026112300", card("1101052026112300"), card("1101052026112300")),
    ("1234567890123456", card("1234567890123456"), card("1234567890123456")),
    ("6217001234567890123", card("6217001234567890123"), card("6217001234567890123")),
    # fewer
    ("1", Wrong("length", 1), KeptDigits("1")),
    ("110105", Wrong("length", 6), KeptDigits("110105")),
    ("12345678", Wrong("length", 8), KeptDigits("12345678")),
    # more
    ("1" * 20, Wrong("length", 20), Wrong("length", 20)),
    (ID + ID, Wrong("length", 36), Wrong("length", 36)),
    ("1" * 64, Wrong("length", 64), Wrong("length", 64)),
]


@pytest.mark.parametrize(("keys", "with_hash", "with_pause"), LENGTHS)
def test_an_entry_goes_by_its_length(keys: str, with_hash: NumberEntry, with_pause: NumberEntry) -> None:
    assert read(keys + "#") == with_hash
    assert read(keys) == with_pause


@pytest.mark.parametrize("cut", [1, 4, 6, 8])
@pytest.mark.parametrize(("keys", "with_hash", "with_pause"), LENGTHS)
def test_a_kept_beginning_changes_nothing(keys: str, with_hash: NumberEntry, with_pause: NumberEntry, cut: int) -> None:
    kept, rest = keys[:cut], keys[cut:]
    if rest:
        assert read(rest + "#", kept) == with_hash
        assert read(rest, kept) == with_pause
    else:
        assert read("#", kept) == with_hash
        assert read("", kept) == Nothing()


@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize("number", [OLD_FORM, "110105200112050"])
def test_the_old_form_is_refused_once_and_is_then_a_card(number: str, end: str) -> None:
    refused = read(number + end)
    assert refused == Wrong("old_form", 15, old_form=number)
    assert isinstance(refused, Wrong)
    assert read(number + end, old_form=refused.old_form) == card(number)
    assert read(number[6:] + end, kept=number[:6], old_form=number) == card(number)
    another = number[:14] + "9"
    assert read(another + end, old_form=number) == Wrong("old_form", 15, old_form=another)


# --- stars -----------------------------------------------------------------------------------------------------------

STARS: list[tuple[str, str, NumberEntry]] = [
    # kept, keyed, read as (with # and with a pause alike)
    ("", SEVENTEEN_X + "*", id_card(ID_X)),
    ("", "*" + SEVENTEEN_X + "*", id_card(ID_X)),
    ("", "12*34**" + SEVENTEEN_X + "*", id_card(ID_X)),
    ("1101051949", "1231002*", id_card(ID_X)),
    (SEVENTEEN_X[:1], SEVENTEEN_X[1:] + "*", id_card(ID_X)),
    (SEVENTEEN_X, "*", id_card(ID_X)),
    # a star that cannot be X wipes all before it
    ("", "123*" + ID, id_card(ID)),
    ("110105", "*" + ID, id_card(ID)),
    ("110105", "1985*" + ID, id_card(ID)),
    ("110105", "198503122*" + SEVENTEEN_X + "*", id_card(ID_X)),
    ("", SEVENTEEN_X + "*" + ID, id_card(ID)),
    ("", "6217001234567890123*6217001234567890124", card("6217001234567890124")),
    ("1", SEVENTEEN_X + "*123456789", card("123456789")),
    # digits and then a wipe
    ("", "1*", Wrong("wiped")),
    ("", SEVENTEEN + "*", Wrong("wiped")),
    ("", ID + "*", Wrong("wiped")),
    ("", SEVENTEEN_X + "**", Wrong("wiped")),
    ("", "*12*", Wrong("wiped")),
    ("", "12345678901*" + SEVENTEEN + "*", Wrong("wiped")),
    ("110105", "1985*", Wrong("wiped")),
    ("110105", "0*", Wrong("wiped")),
    (SEVENTEEN, "1*", Wrong("wiped")),
    # an X whose region or birth date does not hold starts nothing over
    ("110105", BAD_REGION_X[:17] + "*", Wrong("wiped")),
    ("110105", BAD_BIRTH_X[:17] + "*", Wrong("wiped")),
    # only stars
    ("", "*", Back()),
    ("", "***", Back()),
    ("110105", "*", Wiped()),
    ("110105", "**", Wiped()),
    (SEVENTEEN, "*", Wiped()),
    (SEVENTEEN_X, "**", Wiped()),
]


@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize(("kept", "keyed", "expected"), STARS)
def test_a_star_is_x_or_wipes(kept: str, keyed: str, expected: NumberEntry, end: str) -> None:
    assert read(keyed + end, kept) == expected


def test_what_follows_a_wipe_still_waits_after_a_pause() -> None:
    assert read("123*110105", kept="4406") == KeptDigits("110105")
    assert read("*" + SEVENTEEN_X) == id_card(ID_X, late_star=True)


# --- nothing keyed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "with_hash"),
    [
        ("", Wrong("empty")),
        ("110105", Wrong("length", 6)),
        ("11010519850312", card("11010519850312")),
        (LIKE_A_BEGUN_ID, card(LIKE_A_BEGUN_ID)),
        ("1101051985031221", card("1101051985031221")),
        (SEVENTEEN, Wrong("one_missing", 17)),
    ],
)
def test_hash_alone_ends_what_was_kept(kept: str, with_hash: NumberEntry) -> None:
    assert read("#", kept) == with_hash
    assert read("", kept) == Nothing()


# --- an entry that is an ID number by itself -------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["1", "110105", "12345678", "11010519850312", SEVENTEEN])
def test_a_valid_id_number_replaces_what_was_kept(kept: str) -> None:
    for end in ("", "#"):
        assert read(ID + end, kept) == id_card(ID)
        assert read(SEVENTEEN_X + "*" + end, kept) == id_card(ID_X)
        assert read(SEVENTEEN_X + "0" + end, kept) == id_card(ID_X)
    assert read(SEVENTEEN_X + "#", kept) == id_card(ID_X)
    assert read(SEVENTEEN_X, kept) == id_card(ID_X, late_star=True)


@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize(
    ("kept", "keyed", "expected"),
    [
        ("11", ID[:17] + "4", Wrong("length", 20)),
        ("1", ID[:17] + "4", card("1" + ID[:17] + "4")),
        ("11", BAD_BIRTH_X[:17], card("11" + BAD_BIRTH_X[:17])),
        ("110", BAD_REGION_X[:17], Wrong("length", 20)),
        ("11", "12345678901234567", card("1112345678901234567")),
    ],
)
def test_an_id_number_that_does_not_hold_is_joined(kept: str, keyed: str, expected: NumberEntry, end: str) -> None:
    assert read(keyed + end, kept) == expected


# --- 0 is a human, except where it is a digit ------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize(
    ("kept", "keyed", "expected"),
    [
        ("", "0", Agent()),
        ("", "00", Agent()),
        ("", "000", Agent()),
        ("", "*0", Agent()),
        ("", "123*00", Agent()),
        ("110105", "0", Agent()),
        ("11010519850312", "000", Agent()),
        (SEVENTEEN, "0", Agent()),
        (SEVENTEEN, "00", Agent()),
        (ENDS_0[:17], "0", id_card(ENDS_0)),
        (ENDS_0[:16], "00", id_card(ENDS_0)),
        (ENDS_0[:16], "0", Agent()),
        (ENDS_0[:16], "000", Agent()),
        (ENDS_0[:17], "*0", Agent()),
        (ENDS_000[:15], "000", id_card(ENDS_000)),
        (ENDS_000[:15], "00", Agent()),
        (SEVENTEEN_X, "0", id_card(ID_X)),
        (ENDS_0X[:16], "00", id_card(ENDS_0X)),
        (ENDS_00X[:15], "000", id_card(ENDS_00X)),
    ],
)
def test_zeros_complete_an_id_number_or_ask_for_an_agent(
    kept: str, keyed: str, expected: NumberEntry, end: str
) -> None:
    assert read(keyed + end, kept) == expected


def test_zeros_complete_an_id_number_whose_x_is_left_out() -> None:
    assert read("0#", kept=ENDS_0X[:16]) == id_card(ENDS_0X)
    assert read("0", kept=ENDS_0X[:16]) == id_card(ENDS_0X, late_star=True)
    assert read("00#", kept=ENDS_00X[:15]) == id_card(ENDS_00X)


def test_four_zeros_are_digits() -> None:
    assert read("0000") == KeptDigits("0000")
    assert read("0000", kept="12") == KeptDigits("120000")
    assert read("0000#", kept="12345") == card("123450000")


# --- what is wrong is told in one order ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("160105198513122173", "region"),
        ("160105198503122173", "region"),
        ("110105198513122173", "birth"),
        ("110105198502302173", "birth"),
        ("110105198503122174", "check"),
        ("440524188001010014", "birth"),
        ("110105189912310218", "birth"),
        ("11010519000229021X", "birth"),
        ("110105202611230218", "birth"),
        ("110105190001010211", "check"),
        ("11010519491231003X", "check"),
    ],
)
def test_only_the_first_thing_wrong_is_told(number: str, reason: WrongReason, end: str) -> None:
    assert read(number.replace("X", "0") + end) == Wrong(reason, 18)


@pytest.mark.parametrize("keys", ["1" * 65, "12#4", "１２３", "12a", "1 2", "\n", "٣", "123\n", "12+"])
@pytest.mark.parametrize("ended", [True, False])
def test_what_no_keypad_sends_is_garbled(keys: str, ended: bool) -> None:
    assert read_number(keys, ended, today=TODAY) == Wrong("garbled")
    assert read_number(keys, ended, kept="110105", today=TODAY) == Wrong("garbled")


def test_every_reason_is_reached_and_declared() -> None:
    told = {entry.reason for row in LENGTHS for entry in row if isinstance(entry, Wrong)}
    told |= {entry.reason for *_, entry in STARS if isinstance(entry, Wrong)}
    assert told | {"empty", "garbled"} == set(WRONG_REASONS)


def test_readings_of_different_kinds_are_never_equal() -> None:
    bare = [kind() for kind in (*get_args(NumberEntry), *get_args(SixEntry)) if not kind.__match_args__]
    assert {type(entry) for entry in bare} == {Wiped, Back, Agent, Nothing, HashAlone, Malformed}
    assert len(set(bare)) == 6
    assert all(bare)


# --- the ID number itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        ID,
        ID_X,
        "430902198503122172",  # older than his district's code
        "810000198503120213",
        "820000198503120215",
        "830000198503120217",
        "911344198503120210",
        "110105190001010212",
        "110105202611220212",
        "11010520000229003X",
    ],
)
def test_id_numbers_that_tables_of_districts_reject_are_taken(number: str) -> None:
    assert ric.calc_check_digit(number) == number[17] == check_character(number[:17])
    assert read(number.replace("X", "*") + "#") == id_card(number)


def test_all_beginnings_of_two_digits() -> None:
    held = {f"{first:02d}" for first in range(100) if region_holds(f"{first:02d}0105")}
    provinces = [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71]
    assert held == {str(first) for first in [*provinces, 81, 82, 83, *range(90, 100)]}


@pytest.mark.parametrize(
    ("number", "born"),
    [
        (ID, date(1985, 3, 12)),
        (ID_X, date(1949, 12, 31)),
        ("11010519850312", date(1985, 3, 12)),
        ("1101051985031", None),
        ("110105", None),
        ("", None),
        ("11010519850012", None),
        ("11010518991231", None),
        ("11010519000101", date(1900, 1, 1)),
        ("11010519000229", None),
        ("11010520000229", date(2000, 2, 29)),
        ("11010500000101", None),
    ],
)
def test_birth_date(number: str, born: date | None) -> None:
    assert birth_date(number) == born


def test_nobody_is_born_tomorrow() -> None:
    assert birth_holds("11010520261122", TODAY)
    assert not birth_holds("11010520261123", TODAY)
    assert not birth_holds("110105", TODAY)


# --- six digits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "with_hash", "with_pause"),
    [
        ("846275", Six("846275"), Six("846275")),
        ("000000", Six("000000"), Six("000000")),
        ("0", Agent(), Malformed()),
        ("", HashAlone(), Nothing()),
        ("*", Back(), Back()),
        ("******", Back(), Back()),
        ("00", Malformed(), Malformed()),
        ("000", Malformed(), Malformed()),
        ("1", Malformed(), Malformed()),
        ("84627", Malformed(), Malformed()),
        ("8462751", Malformed(), Malformed()),
        ("846*75", Malformed(), Malformed()),
        ("*84627", Malformed(), Malformed()),
        ("84627*", Malformed(), Malformed()),
        ("*0", Malformed(), Malformed()),
        ("8462７5", Malformed(), Malformed()),
        ("846275\n", Malformed(), Malformed()),
    ],
)
def test_six_digits(keys: str, with_hash: SixEntry, with_pause: SixEntry) -> None:
    assert read_six(keys, ended=True) == with_hash
    assert read_six(keys, ended=False) == with_pause


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_a_password_is_not_shown(show: Callable[[object], str]) -> None:
    assert show(Six("846275")) == "Six(digits='***')"


# --- weak passwords --------------------------------------------------------------------------------------------------

LISTED = frozenset({"520131", "112233"})
NUMBERS = (ID, ID_X, "6217001234567594821")


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("000000", "equal"),
        ("666666", "equal"),
        ("012345", "run"),
        ("123456", "run"),
        ("456789", "run"),
        ("654321", "run"),
        ("987654", "run"),
        ("543210", "run"),
        ("890123", None),
        ("210987", None),
        ("135790", None),
        ("123457", None),
        ("123123", "repeated"),
        ("907907", "repeated"),
        ("121212", "repeated"),
        ("707070", "repeated"),
        ("123321", None),
        ("121213", None),
        ("850312", "birth"),
        ("120385", "birth"),
        ("031285", "birth"),
        ("198503", "birth"),
        ("851203", None),
        ("031985", None),
        ("122173", "number"),
        ("231002", "number"),
        ("310020", "number"),
        ("594821", "number"),
        ("567594", None),
        ("520131", "listed"),
        ("112233", "listed"),
        ("846275", None),
        ("846270", None),
    ],
)
def test_weak_passwords(pin: str, reason: str | None) -> None:
    assert weak_reason(pin, birth="19850312", numbers=NUMBERS, listed=LISTED) == reason
    assert is_weak(pin, birth="19850312", numbers=NUMBERS, listed=LISTED) is (reason is not None)
    assert reason is None or reason in WEAK_REASONS


@pytest.mark.parametrize("pin", ["850312", "120385", "031285", "198503"])
def test_as_much_as_is_known_of_the_birth_date_is_judged(pin: str) -> None:
    assert not is_weak(pin, birth=None, numbers=(), listed=())
    assert not is_weak(pin, birth="1986", numbers=(), listed=())
    assert is_weak(pin, birth="1985", numbers=(), listed=())
    assert is_weak(pin, birth="19850312", numbers=(), listed=())
    assert not is_weak(pin, birth="19850413", numbers=(), listed=())


def test_numbers_may_come_from_a_generator_and_the_list_from_a_list() -> None:
    assert is_weak("594821", birth=None, numbers=(number for number in NUMBERS), listed=[])
    assert weak_reason("520131", birth=None, numbers=(), listed=["520131"]) == "listed"
