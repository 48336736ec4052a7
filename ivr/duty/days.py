"""Days, days of the year and times of day as the data files write them."""

import re
from datetime import date
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, StringConstraints

MINUTES_A_DAY: Final = 24 * 60

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_LEAP_YEAR: Final = 2000


def _day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return date.fromisoformat(value)
    return value


Day = Annotated[date, BeforeValidator(_day)]
"""A day as ``2026-11-20``, in China's time."""


def _day_of_year(value: str) -> str:
    try:
        date(_LEAP_YEAR, int(value[:2]), int(value[3:]))
    except ValueError:
        raise ValueError('expected a day of the year such as "06-01"') from None
    return value


DayOfYear = Annotated[str, StringConstraints(pattern="^[0-9]{2}-[0-9]{2}$"), AfterValidator(_day_of_year)]
"""A day of every year as ``06-01``; they compare as texts."""


class Span(NamedTuple):
    """A part of a day in minutes since midnight: from `begins` on, and before `ends`, which may be 1440."""

    begins: int
    ends: int

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in self)


def _window(value: str) -> str:
    if not _WINDOW.fullmatch(value) or not span(value).begins < span(value).ends:
        raise ValueError('expected hours such as "09:00-12:00", the end after the beginning, at most 24:00')
    return value


Window = Annotated[str, AfterValidator(_window)]
"""Hours of a day as ``"09:00-12:00"``: from the first minute on, and before the second."""


def span(window: str) -> Span:
    """Give a window in minutes."""
    begins, _, ends = window.partition("-")
    return Span(_minute(begins), _minute(ends))


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
