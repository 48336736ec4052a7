"""English: every agreed reading, and cardinals read back into numbers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import words

READINGS = {
    "money": """
        0.00 zero yuan | -0.00 zero yuan | 0.01 one fen | 0.05 five fen | 0.10 ten fen | 0.50 fifty fen | 0.02 two fen
        1.00 one yuan | 1.01 one yuan and one fen | 2.00 two yuan | 2.22 two yuan and twenty-two fen | 3.00 three yuan
        10.00 ten yuan | 12.30 twelve yuan and thirty fen | 12.03 twelve yuan and three fen
        110.00 one hundred ten yuan | 200.00 two hundred yuan | 1001.00 one thousand one yuan
        1010.00 one thousand ten yuan | 1200.00 one thousand two hundred yuan | 1000.50 one thousand yuan and fifty fen
        10100.00 ten thousand one hundred yuan | 10005.05 ten thousand five yuan and five fen
        12000.00 twelve thousand yuan | 20000.00 twenty thousand yuan | 20002.02 twenty thousand two yuan and two fen
        20180.05 twenty thousand one hundred eighty yuan and five fen | 22000.00 twenty-two thousand yuan
        100000.00 one hundred thousand yuan | 100010.00 one hundred thousand ten yuan
        102000.00 one hundred two thousand yuan | 2000000.00 two million yuan
        1234567.89 one million two hundred thirty-four thousand five hundred sixty-seven yuan and eighty-nine fen
        100000000.00 one hundred million yuan | 100100000.00 one hundred million one hundred thousand yuan
        2000000000.00 two billion yuan | -12.30 overdrawn by twelve yuan and thirty fen""",
    "money_abs": "-12.30 twelve yuan and thirty fen | -0.05 five fen",
    "duration": """
        0 zero months | 1 one month | 2 two months | 8 eight months | 12 exactly one year | 13 one year and one month
        22 one year and ten months | 24 exactly two years | 26 two years and two months | 121 ten years and one month
        188 fifteen years and eight months | 240 exactly twenty years | 264 exactly twenty-two years""",
    "span": "1 one month | 12 one year | 24 two years | 26 two years and two months",
    "date": """
        2026-02-02 February second, twenty twenty-six | 2011-11-11 November eleventh, twenty eleven
        2026-10-31 October thirty-first, twenty twenty-six | 2000-01-01 January first, two thousand
        2009-03-03 March third, two thousand nine | 1905-12-20 December twentieth, nineteen oh five
        1900-05-12 May twelfth, nineteen hundred | 1985-08-22 August twenty-second, nineteen eighty-five
        2010-06-05 June fifth, twenty ten | 2100-07-08 July eighth, twenty-one hundred
        0985-04-04 April fourth, nine hundred eighty-five""",
    "month": "2026-12 December twenty twenty-six | 2000-10 October two thousand | 2007-09 September two thousand seven",
    "digits": """
        1102 one one zero two | 202X two zero two X | 12333 one two three three three
        13812345678 one three eight, one two three four, five six seven eight""",
    "number": "0 zero | 2 two | 22 twenty-two | 40 forty | 90 ninety | 115 one hundred fifteen",
    "count": "1 one | 2 two | 12 twelve | 18 eighteen",
    "people": "0 zero callers | 1 one caller | 2 two callers | 12 twelve callers",
    "percent": """
        2 two percent | 3.8 three point eight percent | 0.5 zero point five percent | 100 one hundred percent
        2.25 two point two five percent | 3.0 three percent | 1 one percent""",
    "text": "half-past-eight half-past-eight",
}
CASES = [
    (kind, *case.strip().split(" ", 1))
    for kind, row in READINGS.items()
    for case in re.split(r"[|\n]", row)
    if case.strip()
]


@pytest.mark.parametrize(("kind", "value", "said"), CASES)
def test_reading(kind: str, value: str, said: str) -> None:
    assert words(value, kind, "en") == said


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NAMED = {name: n for n, name in enumerate(f"{ONES} eighteen nineteen".split())}
NAMED |= {name: n for n, name in zip(range(20, 100, 10), TENS.split(), strict=True)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


def heard(said: str) -> int:
    """Read a spoken cardinal back, left to right."""
    total = group = 0
    for word in said.replace("-", " ").split():
        if word in SCALES:
            total, group = total + group * SCALES[word], 0
        else:
            group = group * 100 if word == "hundred" else group + NAMED[word]
    return total + group


@given(st.integers(0, 10**12 - 1) | st.text("0129", min_size=1, max_size=12).map(int))
def test_a_cardinal_is_heard_as_the_number_it_says(n: int) -> None:
    assert heard(words(str(n), "number", "en")) == n


@given(st.integers(1, 10**12 - 1), st.integers(1, 99))
def test_yuan_and_fen_are_heard_as_the_sum_they_say(yuan: int, fen: int) -> None:
    said_yuan, said_fen = words(f"{yuan}.{fen:02}", "money", "en").removesuffix(" fen").split(" yuan and ")
    assert (heard(said_yuan), heard(said_fen)) == (yuan, fen)


@given(st.integers(1, 10**6))
def test_years_and_months_are_heard_as_the_duration_they_say(months: int) -> None:
    found = re.fullmatch(r"(?:(.+) years?)?(?: and )?(?:(.+) months?)?", words(str(months), "span", "en"))
    assert found
    assert heard(found[1] or "zero") * 12 + heard(found[2] or "zero") == months
