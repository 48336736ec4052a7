"""Mandarin: how numbers, sums, dates and durations are said."""

import datetime
from decimal import Decimal
from functools import cache

from ivr.speech.canonical import breath_groups, fen

_NUMERALS = "零一二三四五六七八九"
_PLACES = ("千", "百", "十", "")
_GROUPS = ((10**8, "亿"), (10**4, "万"), (1, ""))


def number(n: int) -> str:
    """Say a plain cardinal below ten to the twelfth: 二, 十二, 一百一十, 两千, 两万零一百八十.

    两 stands only where a 2 opens the number before 千, 万 or 亿 (一万二千, 二百万); 一十 is 十 only at its head.
    """
    said, zeros = "", False
    for size, unit in _GROUPS:
        group = n // size % 10_000
        if group:
            # 零 stands for zeros at the head of a group, and for a whole group of zeros; zeros that end one are silent.
            if said and (zeros or group < 1000):
                said += "零"
            said += _group(group) + unit
            zeros = False
        else:
            zeros = True
    if said.startswith("一十"):
        return said[1:]
    if said[:2] in ("二千", "二万", "二亿"):
        return "两" + said[1:]
    return said or "零"


def count(n: int) -> str:
    """Say a number that stands before a measure word: 两, 十二, 二百."""
    return "两" if n == 2 else number(n)


def people(n: int) -> str:
    """Count callers: 两位."""
    return count(n) + "位"


def money(amount: Decimal) -> str:
    """Say a sum of yuan: 两万零一百八十元零五分. Below zero it is 已透支; 欠费 would mean unpaid contributions."""
    return "已透支" + money_abs(amount) if amount < 0 else money_abs(amount)


def money_abs(amount: Decimal) -> str:
    """Say a sum of yuan whatever its sign: 十二元零三分, 两元二角二分, 两分."""
    yuan, rest = divmod(fen(amount), 100)
    said = count(yuan) + "元" if yuan else ""
    for n, unit in zip(divmod(rest, 10), "角分", strict=True):
        if n:
            said += (number(n) if said else count(n)) + unit
        elif yuan and unit == "角" and rest:
            said += "零"
    return said or "零元"


def digits(keyed: str) -> str:
    """Say digits one by one, as on the telephone: 幺幺零二, 二零二字母X, 幺三八，幺二三四，五六七八."""
    return "，".join(_one_by_one(group) for group in breath_groups(keyed)).replace("一", "幺").replace("X", "字母X")


def date(day: datetime.date) -> str:
    """Say a day, the year digit by digit: 二零二六年二月二日."""
    return f"{month(day)}{number(day.day)}日"


def month(first_day: datetime.date) -> str:
    """Say a month, the year digit by digit: 二零二六年十二月."""
    return f"{_one_by_one(f'{first_day.year:04}')}年{number(first_day.month)}月"


def duration(months: int) -> str:
    """Say a whole duration: 两年整, 十五年零八个月, 两个月. Only whole years end in 整; sums never do."""
    return span(months) + "整" if months and months % 12 == 0 else span(months)


def span(months: int) -> str:
    """Say a part of a duration or what is missing of it: 两年, 十五年零八个月, 两个月."""
    years, rest = divmod(months, 12)
    if not years:
        return count(rest) + "个月"
    return f"{count(years)}年零{count(rest)}个月" if rest else count(years) + "年"


def percent(whole: int, places: str) -> str:
    """Say a percentage: 百分之二, 百分之三点八, 百分之百."""
    if whole == 100 and not places:
        return "百分之百"
    return f"百分之{number(whole)}点{_one_by_one(places)}" if places else "百分之" + number(whole)


@cache
def _group(n: int) -> str:
    # There are ten thousand of them, and every sum, date and duration is made of a few.
    said, zeros = "", False
    for numeral, place in zip(f"{n:04}", _PLACES, strict=True):
        if numeral == "0":
            zeros = bool(said)
        else:
            said += ("零" if zeros else "") + _NUMERALS[int(numeral)] + place
            zeros = False
    return said


def _one_by_one(keyed: str) -> str:
    return "".join(key if key == "X" else _NUMERALS[int(key)] for key in keyed)
