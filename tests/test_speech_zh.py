"""Mandarin: every agreed reading, and ten thousand sums and durations against another implementation."""

import itertools
import random
import re
from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import LANGUAGES, words

READINGS = {
    "money": """
        0.00 零元 | -0.00 零元 | 0.05 五分 | 0.10 一角 | 0.50 五角 | 0.02 两分 | 0.20 两角 | 0.22 两角二分
        0.12 一角二分 | 1.00 一元 | 2.00 两元 | 2.02 两元零二分 | 2.20 两元二角 | 2.22 两元二角二分 | 3.00 三元
        10.00 十元 | 10.10 十元一角 | 12.30 十二元三角 | 12.03 十二元零三分 | 20.00 二十元
        22.22 二十二元二角二分 | 110.00 一百一十元 | 200.00 二百元 | 1001.00 一千零一元 | 1010.00 一千零一十元
        1200.00 一千二百元 | 1000.50 一千元五角 | 2000.00 两千元 | 2002.00 两千零二元 | 2200.00 两千二百元
        2222.22 两千二百二十二元二角二分 | 10100.00 一万零一百元 | 10005.05 一万零五元零五分 | 12000.00 一万二千元
        20000.00 两万元 | 12034.50 一万二千零三十四元五角 | 20002.02 两万零二元零二分
        20180.05 两万零一百八十元零五分 | 22000.00 两万二千元 | 22222.00 两万二千二百二十二元 | 100000.00 十万元
        100010.00 十万零一十元 | 102000.00 十万二千元 | 110000.00 十一万元 | 200000.00 二十万元
        1020000.00 一百零二万元 | 1234567.89 一百二十三万四千五百六十七元八角九分 | 2000000.00 二百万元
        20000000.00 两千万元 | 20002000.00 两千万二千元 | 22000000.00 两千二百万元 | 100000000.00 一亿元
        100000005.00 一亿零五元 | 100001000.00 一亿零一千元 | 100020000.00 一亿零二万元
        100100000.00 一亿零一十万元 | 110000000.00 一亿一千万元 | 200000000.00 两亿元 | 2200000000.00 二十二亿元
        200000000002.00 两千亿零二元 | 999999999999.99 九千九百九十九亿九千九百九十九万九千九百九十九元九角九分
        -12.30 已透支十二元三角 | -0.02 已透支两分 | 007.50 七元五角 | 100 一百元 | 3.5 三元五角""",
    "money_abs": "0.00 零元 | -12.30 十二元三角 | 12.30 十二元三角 | -2.00 两元 | -0.02 两分",
    "duration": """
        0 零个月 | 1 一个月 | 2 两个月 | 8 八个月 | 10 十个月 | 11 十一个月 | 12 一年整 | 13 一年零一个月
        22 一年零十个月 | 24 两年整 | 26 两年零两个月 | 120 十年整 | 121 十年零一个月 | 188 十五年零八个月
        240 二十年整 | 264 二十二年整""",
    "span": """
        0 零个月 | 2 两个月 | 12 一年 | 24 两年 | 26 两年零两个月 | 188 十五年零八个月 | 240 二十年 | 264 二十二年""",
    "date": """
        2026-02-02 二零二六年二月二日 | 2011-11-11 二零一一年十一月十一日 | 2026-11-20 二零二六年十一月二十日
        2024-02-29 二零二四年二月二十九日 | 2000-10-10 二零零零年十月十日 | 1999-12-22 一九九九年十二月二十二日""",
    "month": "2026-12 二零二六年十二月 | 2000-10 二零零零年十月 | 2026-02 二零二六年二月",
    "digits": """
        1102 幺幺零二 | 202X 二零二字母X | 12333 幺二三三三 | X 字母X | 0 零 | 123456 幺二三，四五六
        13812345678 幺三八，幺二三四，五六七八 | 073712345678 零七三七，幺二三四，五六七八
        1234567 幺二三，四五六七""",
    "number": """
        0 零 | 1 一 | 2 二 | 12 十二 | 20 二十 | 22 二十二 | 102 一百零二 | 2000 两千 | 12000 一万二千
        20000 两万""",
    "count": "0 零 | 1 一 | 2 两 | 10 十 | 12 十二 | 20 二十 | 22 二十二 | 102 一百零二 | 200 二百 | 2000 两千",
    "people": "0 零位 | 1 一位 | 2 两位 | 12 十二位 | 22 二十二位",
    "percent": """
        0 百分之零 | 2 百分之二 | 3.8 百分之三点八 | 0.5 百分之零点五 | 100 百分之百 | 100.0 百分之百
        2.22 百分之二点二二 | 3.80 百分之三点八 | 0.05 百分之零点零五 | 12 百分之十二 | 110 百分之一百一十
        100.5 百分之一百点五 | 200 百分之二百""",
    "text": "上午八点三十分 上午八点三十分",
}
CASES = [(kind, *case.split()) for kind, row in READINGS.items() for case in re.split(r"[|\n]", row) if case.strip()]


@pytest.mark.parametrize(("kind", "value", "said"), CASES)
def test_reading(kind: str, value: str, said: str) -> None:
    assert words(value, kind, "zh") == said


def test_a_measure_word_follows_its_count() -> None:
    assert words("2", "count", "zh") + "个工作日" == "两个工作日"
    assert words("12", "count", "zh") + "个工作日" == "十二个工作日"


def oracle(n: int) -> str:
    """Say a cardinal with cn2an, which knows neither 两 nor the 零 for a whole group of zeros before thousands."""
    said = str(cn2an.an2cn(n, "low"))
    skipped_group = n >= 10**8 and n // 10**4 % 10**4 == 0 and n % 10**4 >= 1000
    return said.replace("亿", "亿零") if skipped_group else said


def without_liang(said: str) -> str:
    return said.replace("两", "二")


def test_ten_thousand_sums_agree_with_another_implementation() -> None:
    chance = random.Random(12333)
    for _ in range(10_000):
        # Few distinct figures make zeros and twos frequent, which is where the rules are.
        yuan = int("".join(chance.choices("000122345", k=chance.randint(1, 12))))
        jiao, fen = (int(chance.choice("001259")) for _ in range(2))
        parts = [oracle(yuan) + "元"] if yuan else []
        parts += [oracle(jiao) + "角"] if jiao else []
        parts += [("零" if yuan and not jiao else "") + oracle(fen) + "分"] if fen else []
        said = words(f"{yuan}.{jiao}{fen}", "money", "zh")
        assert without_liang(said) == ("".join(parts) or "零元"), (yuan, jiao, fen)


def test_ten_thousand_durations_agree_with_another_implementation() -> None:
    chance = random.Random(12393)
    for _ in range(10_000):
        months = chance.randrange(1, chance.choice([30, 700, 100_000]))
        years, rest = divmod(months, 12)
        parts = [oracle(years) + "年" + ("零" if rest else "整")] if years else []
        parts += [oracle(rest) + "个月"] if rest else []
        assert without_liang(words(str(months), "duration", "zh")) == "".join(parts), months
        assert words(str(months), "span", "zh") == words(str(months), "duration", "zh").removesuffix("整")


WHOLE = st.integers(0, 10**12 - 1) | st.text("0122", min_size=1, max_size=12).map(int)


@given(WHOLE)
def test_liang_opens_a_number_or_is_a_whole_count(n: int) -> None:
    number, count, sum_ = words(str(n), "number", "zh"), words(str(n), "count", "zh"), words(f"{n}.22", "money", "zh")
    assert "两" not in number[1:]
    assert number.startswith("两") == bool(re.match("二[千万亿]", oracle(n)))
    assert count == ("两" if n == 2 else number)
    assert sum_ == (count + "元二角二分" if n else "两角二分")


@given(WHOLE)
def test_zeros_are_said_once_and_never_at_the_end(n: int) -> None:
    said = words(str(n), "number", "zh")
    assert "零零" not in said
    assert n == 0 or said.strip("零") == said


SUM = st.builds("{}{}.{:02}".format, st.sampled_from(["", "-"]), WHOLE, st.integers(0, 99))


@given(SUM, SUM)
def test_distinct_sums_sound_distinct(one: str, other: str) -> None:
    assert (words(one, "money", "zh") == words(other, "money", "zh")) == (Decimal(one) == Decimal(other))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_pattern_of_zeros_sounds_distinct(lang: str) -> None:
    patterns = ["".join(figures) for figures in itertools.product("02", repeat=12)]
    assert len({words(f"{yuan[:-2]}.{yuan[-2:]}", "money", lang) for yuan in patterns}) == len(patterns)


@given(WHOLE, st.integers(0, 99), st.dates())
def test_no_figure_is_left_to_the_voice(n: int, places: int, day: object) -> None:
    values = {"money": f"-{n}.{places:02}", "percent": f"{n}.{places:02}", "date": str(day), "month": str(day)[:7]}
    values |= dict.fromkeys(("digits", "number", "count", "people", "duration", "span"), str(n))
    for kind, value in values.items():
        assert not re.search(r"\d", words(value, kind, "zh"))
        assert not re.search(r"\d", words(value, kind, "yue"))
        assert re.fullmatch(r"[A-Za-z ,-]+", words(value, kind, "en"))
