"""Read the canonical strings of facts, strictly, and hand their values to whoever words them."""

import datetime
import re
from decimal import Decimal
from typing import NoReturn, Protocol

LANGUAGES = ("zh", "yue", "en")
"""Mandarin, Cantonese, English."""

# Every pattern spells out [0-9] and is matched in full: \d and str.isdigit() let the digits of other scripts in, and $
# lets a newline pass. Twelve whole digits is the longest sum the account service may send.
_SUM = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,2})?")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,11}")
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,2}))?")
# Fifteen is the longest telephone number there is (E.164), and short of an ID number, which is never read out.
_DIGITS = re.compile(r"[0-9]{0,14}[0-9X]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")

_A_SUM = "yuan with at most twelve digits and two places, such as 20180.05 or -12.30"
_A_WHOLE_NUMBER = "a whole number of at most twelve digits without sign or leading zeros, such as 12"
_EXPECTED = {
    "money": _A_SUM,
    "money_abs": _A_SUM,
    "digits": "one to fifteen digits, the last of which may be X, such as 1102 or 202X",
    "number": _A_WHOLE_NUMBER,
    "count": _A_WHOLE_NUMBER,
    "people": _A_WHOLE_NUMBER,
    "date": "a day of the calendar as year-month-day, such as 2026-11-20",
    "month": "a month of the calendar as year-month, such as 2026-12",
    "duration": "a number of months, at most twelve digits without sign or leading zeros, such as 188",
    "span": "a number of months, at most twelve digits without sign or leading zeros, such as 188",
    "percent": "a number of at most twelve digits and two places without sign or leading zeros, such as 3.8",
    "text": "text",
}

TYPES = frozenset(_EXPECTED)
"""The types a prompt may give its variables."""


class Reader(Protocol):
    """One way of wording values; each language is a module of these functions.

    Sums are yuan with at most two places; durations are whole months, zero or more; ``people`` and ``count`` are zero
    or more; ``percent`` gets the whole part and the digits after the point without trailing zeros.
    """

    def money(self, amount: Decimal, /) -> str: ...
    def money_abs(self, amount: Decimal, /) -> str: ...
    def digits(self, keyed: str, /) -> str: ...
    def number(self, n: int, /) -> str: ...
    def count(self, n: int, /) -> str: ...
    def people(self, n: int, /) -> str: ...
    def date(self, day: datetime.date, /) -> str: ...
    def month(self, first_day: datetime.date, /) -> str: ...
    def duration(self, months: int, /) -> str: ...
    def span(self, months: int, /) -> str: ...
    def percent(self, whole: int, places: str, /) -> str: ...


def read(value: str, kind: str, reader: Reader) -> str:
    """Parse ``value`` as ``kind`` and word it with ``reader``; ``ValueError`` says what was expected instead."""
    if kind not in TYPES:
        raise ValueError(f"{kind!r} is not a type a value can have: expected one of {', '.join(sorted(TYPES))}.")
    if not isinstance(value, str):
        _refuse(value, kind)
    match kind:
        case "money":
            return reader.money(_sum(value, kind))
        case "money_abs":
            return reader.money_abs(abs(_sum(value, kind)))
        case "digits":
            return reader.digits(_match(_DIGITS, value, kind)[0])
        case "number":
            return reader.number(_whole(value, kind))
        case "count":
            return reader.count(_whole(value, kind))
        case "people":
            return reader.people(_whole(value, kind))
        case "date":
            return reader.date(_day(_match(_DATE, value, kind)[0], value, kind))
        case "month":
            return reader.month(_day(_match(_MONTH, value, kind)[0] + "-01", value, kind))
        case "duration":
            return reader.duration(_whole(value, kind))
        case "span":
            return reader.span(_whole(value, kind))
        case "percent":
            parts = _match(_PERCENT, value, kind)
            return reader.percent(int(parts[1]), (parts[2] or "").rstrip("0"))
        case _:
            return value


def check_language(lang: str) -> None:
    """Refuse a language the hotline does not speak with a ``ValueError``."""
    if lang not in LANGUAGES:
        raise ValueError(f"{lang!r} is not a language of the hotline: expected one of {', '.join(LANGUAGES)}.")


def fen(amount: Decimal) -> int:
    """Give a sum of yuan in fen, without its sign."""
    return int(abs(amount).scaleb(2))


def breath_groups(keyed: str) -> list[str]:
    """Cut a string of digits into groups that can be said in one breath and remembered: 138 1234 5678, 123 456.

    Up to five stay together (the last four of a number, 12333); longer ones become groups of three and four, the
    shorter groups first.
    """
    if len(keyed) <= 5:
        return [keyed]
    size, longer = divmod(len(keyed), parts := -(-len(keyed) // 4))
    groups, start = [], 0
    for index in range(parts):
        end = start + size + (index >= parts - longer)
        groups.append(keyed[start:end])
        start = end
    return groups


def _sum(value: str, kind: str) -> Decimal:
    return Decimal(_match(_SUM, value, kind)[0])


def _whole(value: str, kind: str) -> int:
    return int(_match(_WHOLE, value, kind)[0])


def _day(iso: str, value: str, kind: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(iso)
    except ValueError:
        _refuse(value, kind)


def _match(pattern: re.Pattern[str], value: str, kind: str) -> re.Match[str]:
    return pattern.fullmatch(value) or _refuse(value, kind)


def _refuse(value: object, kind: str) -> NoReturn:
    raise ValueError(f"{value!r} is not a value of the type {kind}: expected {_EXPECTED[kind]}.") from None
