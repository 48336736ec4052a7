"""What does not parse is refused with a sentence, by speech and by text messages alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import LANGUAGES, TYPES, words
from ivr.speech.figures import figures

# What int(), Decimal(), float(), str.isdigit(), \d, $ or fromisoformat would let pass somewhere.
NEVER = ["", " ", "一", "abc", "NaN", "sNaN", "Infinity", "-Infinity", "inf", "1e3", "1E+2", "١٢", "１２", "²", "1_0"]
NEVER += ["+1", " 1", "1 ", "1\n", "1,000", "1.", ".5", "1.234", "--1", "1-", "None", "1/2", "0x1", "1000000000000000"]
REFUSED = {
    "money": [*NEVER, "1.5x", "1000000000000", "1.2.3", "-", "12.30元", "−12.30", "1.0٥"],
    "digits": [*NEVER, "X1", "202x", "1X2", "-1", "+8613800000000", "11010519491231002X", "0737-1234"],
    "number": [*NEVER, "-1", "1.0", "01", "1000000000000"],
    "percent": [*NEVER, "-2", "2%", "02", "3.888"],
    "date": [*NEVER, "2026-2-2", "20260202", "2026-02-30", "2025-02-29", "2026-13-01", "0000-01-01", "2026-W01-1"],
    "month": [*NEVER, "2026-13", "2026-00", "202612", "2026-1", "2026-12-01", "0000-01", "2026-12\n", "٢٠٢٦-12"],
}
REFUSED["date"] += ["2026-11", "2026-11-20\n", "2026-11-20T00:00", "２０２６-11-20", "2026/11/20", "-2026-11-20"]
REFUSED["money_abs"] = REFUSED["money"]
REFUSED |= dict.fromkeys(("count", "people", "duration", "span"), REFUSED["number"])


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_value_that_does_not_fit_is_refused(kind: str) -> None:
    sentence = rf" is not a value of the type {kind}: expected .+ such as .+\.$"
    for value in REFUSED[kind]:
        for tell in (words, figures):
            with pytest.raises(ValueError, match="^" + re.escape(repr(value)) + sentence):
                tell(value, kind, "zh")


def test_the_table_of_refusals_knows_every_type() -> None:
    assert {*REFUSED, "text"} == TYPES


def test_a_value_that_is_no_string_is_refused() -> None:
    for value in (2, 2.0, True, None):
        for kind in TYPES:
            with pytest.raises(ValueError, match="expected"):
                words(value, kind, "zh")  # type: ignore[arg-type]


def test_an_unknown_type_is_refused_with_the_types_there_are() -> None:
    for kind in ("", "sum", "Money"):
        with pytest.raises(ValueError, match=f"^'{kind}' is not a type .+ expected one of count, date, .+ text\\.$"):
            words("1", kind, "zh")


def test_an_unknown_language_is_refused_with_the_languages_there_are() -> None:
    for tell in (words, figures):
        for lang in ("", "zh-CN", "fr", "ZH"):
            with pytest.raises(ValueError, match=f"^'{lang}' is not a language .+ expected one of zh, yue, en\\.$"):
                tell("1", "text", lang)


PLAIN = st.text("0123456789.-X", max_size=6)
FOREIGN_DIGIT = st.characters(categories=["Nd", "Nl", "No"], exclude_characters="0123456789")


@given(PLAIN, FOREIGN_DIGIT, PLAIN, st.sampled_from(sorted(REFUSED)), st.sampled_from(LANGUAGES))
def test_no_digit_of_another_script_gets_in(head: str, digit: str, tail: str, kind: str, lang: str) -> None:
    for tell in (words, figures):
        with pytest.raises(ValueError, match=f" is not a value of the type {kind}: "):
            tell(head + digit + tail, kind, lang)


@given(st.text(), st.sampled_from(LANGUAGES))
def test_text_is_told_as_it_is(text: str, lang: str) -> None:
    assert words(text, "text", lang) == figures(text, "text", lang) == text


@given(st.from_regex(r"-?[0-9]{1,12}\.[0-9]{2}", fullmatch=True), st.sampled_from(LANGUAGES))
def test_every_sum_of_the_contract_can_be_said_and_written(value: str, lang: str) -> None:
    assert words(value, "money", lang)
    assert figures(value, "money", lang)
