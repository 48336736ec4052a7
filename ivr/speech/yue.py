"""Cantonese: the readings of Mandarin in traditional characters, and those that Cantonese words otherwise."""

import datetime
from decimal import Decimal

from ivr.speech import zh

_TRADITIONAL = str.maketrans("两万亿个点", "兩萬億個點")


def number(n: int) -> str:
    """Say a plain cardinal below ten to the twelfth: 二, 十二, 兩萬零一百八十."""
    return zh.number(n).translate(_TRADITIONAL)


def count(n: int) -> str:
    """Say a number that stands before a measure word: 兩, 十二, 二百."""
    return zh.count(n).translate(_TRADITIONAL)


def people(n: int) -> str:
    """Count callers: 兩位."""
    return zh.people(n).translate(_TRADITIONAL)


def money(amount: Decimal) -> str:
    """Say a sum of yuan: 兩萬零一百八十元零五分. Below zero it is 已經透支."""
    return "已經透支" + money_abs(amount) if amount < 0 else money_abs(amount)


def money_abs(amount: Decimal) -> str:
    """Say a sum of yuan whatever its sign: 十二元零三分, 兩元二角二分, 兩分."""
    return zh.money_abs(amount).translate(_TRADITIONAL)


def digits(keyed: str) -> str:
    """Say digits one by one: 一一零二, 二零二英文字母X; 幺 is Mandarin only."""
    return zh.digits(keyed).replace("幺", "一").replace("字母X", "英文字母X")


def date(day: datetime.date) -> str:
    """Say a day: 二零二六年二月二號."""
    return f"{month(day)}{number(day.day)}號"


def month(first_day: datetime.date) -> str:
    """Say a month, the year digit by digit: 二零二六年十二月."""
    return zh.month(first_day)


def duration(months: int) -> str:
    """Say a duration: 兩年, 十五年零八個月; Cantonese adds no 整 to whole years."""
    return span(months)


def span(months: int) -> str:
    """Say a part of a duration or what is missing of it: 兩年, 十五年零八個月."""
    return zh.span(months).translate(_TRADITIONAL)


def percent(whole: int, places: str) -> str:
    """Say a percentage: 百分之二, 百分之三點八, 百分之百."""
    return zh.percent(whole, places).translate(_TRADITIONAL)
