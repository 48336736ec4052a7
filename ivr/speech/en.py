"""English: how numbers, sums, dates and durations are said."""

import datetime
from decimal import Decimal

from ivr.speech.canonical import breath_groups, fen

# fmt: off
_BELOW_TWENTY = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
    "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
)
# fmt: on
_GROUPS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))


def number(n: int) -> str:
    """Say a cardinal below ten to the twelfth: twelve, one hundred ten, twenty thousand one hundred eighty."""
    if n < 20:
        return _BELOW_TWENTY[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return f"{_TENS[tens]}-{_BELOW_TWENTY[ones]}" if ones else _TENS[tens]
    size, unit = next(((size, unit) for size, unit in _GROUPS if n >= size), (100, "hundred"))
    head, rest = divmod(n, size)
    return f"{number(head)} {unit} {number(rest)}" if rest else f"{number(head)} {unit}"


def count(n: int) -> str:
    """Say a number that stands before a noun: two."""
    return number(n)


def people(n: int) -> str:
    """Count callers: one caller, two callers."""
    return _of(n, "caller")


def money(amount: Decimal) -> str:
    """Say a sum: twelve yuan and thirty fen; below zero it is overdrawn by twelve yuan and thirty fen."""
    return "overdrawn by " + money_abs(amount) if amount < 0 else money_abs(amount)


def money_abs(amount: Decimal) -> str:
    """Say a sum whatever its sign: twelve yuan and thirty fen, ten fen, zero yuan."""
    yuan, rest = divmod(fen(amount), 100)
    if not rest:
        return f"{number(yuan)} yuan"
    return f"{number(yuan)} yuan and {number(rest)} fen" if yuan else f"{number(rest)} fen"


def digits(keyed: str) -> str:
    """Say digits one by one: one one zero two; two zero two X."""
    groups = (" ".join(key if key == "X" else number(int(key)) for key in group) for group in breath_groups(keyed))
    return ", ".join(groups)


def date(day: datetime.date) -> str:
    """Say a day: February second, twenty twenty-six."""
    return f"{_MONTHS[day.month - 1]} {_ORDINALS[day.day - 1]}, {_year(day.year)}"


def month(first_day: datetime.date) -> str:
    """Say a month: December twenty twenty-six."""
    return f"{_MONTHS[first_day.month - 1]} {_year(first_day.year)}"


def duration(months: int) -> str:
    """Say a whole duration: exactly two years, fifteen years and eight months, two months."""
    return "exactly " + span(months) if months and months % 12 == 0 else span(months)


def span(months: int) -> str:
    """Say a part of a duration or what is missing of it: two years, fifteen years and eight months."""
    years, rest = divmod(months, 12)
    if not years:
        return _of(rest, "month")
    return f"{_of(years, 'year')} and {_of(rest, 'month')}" if rest else _of(years, "year")


def percent(whole: int, places: str) -> str:
    """Say a percentage: two percent, three point eight percent."""
    point = "".join(f" {number(int(key))}" for key in places)
    return f"{number(whole)} point{point} percent" if places else f"{number(whole)} percent"


def _of(n: int, noun: str) -> str:
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"


def _year(year: int) -> str:
    """Say a year in two halves, as people do: twenty twenty-six, nineteen oh five, nineteen hundred, two thousand."""
    century, rest = divmod(year, 100)
    if century < 10 or year % 1000 < 10:
        return number(year)
    if not rest:
        return f"{number(century)} hundred"
    return f"{number(century)} oh {number(rest)}" if rest < 10 else f"{number(century)} {number(rest)}"
