"""The number reader against a second reading of the table of keys, written down as plainly as the table itself."""

from datetime import date, datetime

from fuzzing import examples
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.cn import ric
from test_validators_properties import id_numbers, kept_digits, keyed

from ivr.call import Credential
from ivr.validators import Agent, Back, Entered, KeptDigits, Nothing, NumberEntry, Wiped, Wrong, read_number

TODAY = date(2026, 11, 22)
REGIONS = {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66)}
REGIONS |= {71, 81, 82, 83, *range(90, 100)}


def x_computes(digits: str) -> bool:
    return len(digits) == 17 and ric.calc_check_digit(digits + "?") == "X"


def left_by_stars(keys: str) -> str:
    """A star is X where it is the last key, 17 digits lie before it and X is computed; others wipe all before them."""
    left = ""
    for place, key in enumerate(keys, 1):
        if key != "*":
            left += key
        elif place == len(keys) and x_computes(left):
            left += "X"
        else:
            left = ""
    return left


def a_day(text: str, form: str) -> bool:
    try:
        return bool(datetime.strptime(text, form))  # noqa: DTZ007 - a day of the calendar has no zone
    except ValueError:
        return False


def region(number: str) -> bool:
    return int(number[:2]) in REGIONS


def birth(number: str) -> bool:
    born = number[6:14]
    return len(born) == 8 and a_day(born, "%Y%m%d") and "19000101" <= born <= f"{TODAY:%Y%m%d}"


def spelled_out(number: str) -> str:
    """The last one may be 0 for X where X is computed, and X may be left out."""
    if len(number) in (17, 18) and number[17:] in ("", "0") and x_computes(number[:17]):
        return number[:17] + "X"
    return number


def fault(number: str) -> str | None:
    """Errors are told in the order length, region, birth date, check character, only the first."""
    if len(number) != 18:
        return "length"
    if not region(number):
        return "region"
    if not birth(number):
        return "birth"
    return None if ric.calc_check_digit(number) == number[17] else "check"


def valid(number: str) -> bool:
    return fault(spelled_out(number)) is None


def by_length(number: str, ended: bool, old_form: str) -> NumberEntry:
    n, whole = len(number), spelled_out(number)
    card = Entered(Credential("social_security_card", number))
    if len(whole) == 18:
        wrong = fault(whole)
        if wrong:
            return Wrong(wrong, n)  # type: ignore[arg-type]
        return Entered(Credential("id_card", whole), late_star=n == 17 and not ended)
    if n == 17:
        return Wrong("one_missing", n) if ended else KeptDigits(number)
    # Either century: a year of two digits would decide about the 29th of February by itself.
    born = any(a_day(century + number[6:12], "%Y%m%d") for century in ("19", "20"))
    if n == 15 and region(number) and born and number != old_form:
        return Wrong("old_form", n, number)
    if n in range(14, 17) and region(number) and birth(number) and not ended and number != old_form:
        return KeptDigits(number)
    if n in range(9, 17) or n == 19:
        return card
    if n < 9 and not ended:
        return KeptDigits(number)
    return Wrong("length", n)


def by_the_table(keys: str, ended: bool, kept: str, old_form: str) -> NumberEntry:
    if not keys:
        if not ended:
            return Nothing()
        return by_length(kept, True, old_form) if kept else Wrong("empty")
    alone, joined = left_by_stars(keys), left_by_stars(kept + keys)
    if valid(alone):
        joined = alone
    if not joined:
        if set(keys) == {"*"}:
            return Wiped() if kept else Back()
        return Wrong("wiped")
    if alone in ("0", "00", "000") and not valid(joined):
        return Agent()
    return by_length(joined, ended, old_form)


fifteen = st.builds(
    lambda head, born, tail: f"{head:06d}{born}{tail:03d}",
    st.sampled_from([110105, 430902, 160105, 999999]),
    st.sampled_from(["491231", "000229", "010229", "851301", "850312", "198503"]),
    st.integers(0, 999),
)
entries = st.one_of(keyed, fifteen, st.builds(lambda number, more: number + more, fifteen, st.sampled_from(["*", "0"])))


@examples(200)
@given(
    entries,
    st.booleans(),
    kept_digits | id_numbers.flatmap(lambda number: st.integers(0, 17).map(lambda cut: number[:cut])),
    st.just("") | fifteen,
)
@example("11010519491231002", False, "", "")
@example("110105491231002", True, "", "110105491231002")
@example("110105850312020", False, "", "")
def test_every_entry_is_read_as_the_table_says(keys: str, ended: bool, kept: str, old_form: str) -> None:
    read = read_number(keys, ended, kept=kept, old_form=old_form, today=TODAY)
    assert read == by_the_table(keys, ended, kept, old_form)


@examples(60)
@given(fifteen, st.booleans())
def test_fifteen_digits_that_are_keyed_again_are_read_as_the_table_says(digits: str, ended: bool) -> None:
    first = read_number(digits, ended, today=TODAY)
    old_form = first.old_form if isinstance(first, Wrong) else ""
    assert first == by_the_table(digits, ended, "", "")
    assert read_number(digits, ended, old_form=old_form, today=TODAY) == by_the_table(digits, ended, "", old_form)
