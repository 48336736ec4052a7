"""Cantonese: every agreed reading, in traditional characters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import words

READINGS = {
    "money": """
        0.00 零元 | 0.05 五分 | 0.10 一角 | 0.50 五角 | 0.02 兩分 | 0.22 兩角二分 | 2.00 兩元 | 2.22 兩元二角二分
        3.00 三元 | 10.00 十元 | 12.30 十二元三角 | 12.03 十二元零三分 | 110.00 一百一十元 | 200.00 二百元
        1001.00 一千零一元 | 1010.00 一千零一十元 | 1200.00 一千二百元 | 1000.50 一千元五角 | 2000.00 兩千元
        10100.00 一萬零一百元 | 10005.05 一萬零五元零五分 | 12000.00 一萬二千元 | 20000.00 兩萬元
        20002.02 兩萬零二元零二分 | 20180.05 兩萬零一百八十元零五分 | 22000.00 兩萬二千元 | 100000.00 十萬元
        100010.00 十萬零一十元 | 102000.00 十萬二千元 | 1234567.89 一百二十三萬四千五百六十七元八角九分
        2000000.00 二百萬元 | 100000000.00 一億元 | 100100000.00 一億零一十萬元 | 200000000.00 兩億元
        -12.30 已經透支十二元三角 | -0.00 零元""",
    "money_abs": "-12.30 十二元三角 | 20000.02 兩萬元零二分",
    "duration": """
        0 零個月 | 1 一個月 | 2 兩個月 | 8 八個月 | 12 一年 | 22 一年零十個月 | 24 兩年 | 26 兩年零兩個月
        121 十年零一個月 | 188 十五年零八個月 | 240 二十年 | 264 二十二年""",
    "span": "2 兩個月 | 12 一年 | 24 兩年 | 26 兩年零兩個月 | 188 十五年零八個月",
    "date": "2026-02-02 二零二六年二月二號 | 2011-11-11 二零一一年十一月十一號 | 2026-10-31 二零二六年十月三十一號",
    "month": "2026-12 二零二六年十二月 | 2000-10 二零零零年十月",
    "digits": """
        1102 一一零二 | 202X 二零二英文字母X | 12333 一二三三三 | 13812345678 一三八，一二三四，五六七八
        123456 一二三，四五六""",
    "number": "0 零 | 2 二 | 22 二十二 | 2000 兩千 | 20180 兩萬零一百八十",
    "count": "1 一 | 2 兩 | 12 十二 | 22 二十二 | 200 二百",
    "people": "0 零位 | 1 一位 | 2 兩位 | 12 十二位",
    "percent": "2 百分之二 | 3.8 百分之三點八 | 0.5 百分之零點五 | 100 百分之百",
    "text": "朝早八點半 朝早八點半",
}
CASES = [(kind, *case.split()) for kind, row in READINGS.items() for case in re.split(r"[|\n]", row) if case.strip()]


@pytest.mark.parametrize(("kind", "value", "said"), CASES)
def test_reading(kind: str, value: str, said: str) -> None:
    assert words(value, kind, "yue") == said


def test_a_measure_word_follows_its_count() -> None:
    assert words("2", "count", "yue") + "個工作日" == "兩個工作日"


@given(st.integers(0, 10**12 - 1), st.integers(0, 99), st.dates())
def test_no_simplified_character_and_no_mandarin_wording(n: int, places: int, day: object) -> None:
    values = {"money": f"-{n}.{places:02}", "percent": f"{n}.{places:02}", "date": str(day), "month": str(day)[:7]}
    values |= dict.fromkeys(("digits", "number", "count", "people", "duration", "span"), str(n))
    said = "".join(words(value, kind, "yue") for kind, value in values.items())
    assert re.fullmatch("[零一二三四五六七八九十百千萬億兩元角分年月號個位點之已經透支，]+", said)
