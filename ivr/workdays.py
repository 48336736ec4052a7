"""Working days of the mainland: holidays and the weekends worked instead of them, as the State Council announces."""

from datetime import date, timedelta
from typing import Final

import chinese_calendar

LONGEST_COUNT: Final = 366
"""Days ahead that are counted at most; the days of a term that ends later nobody counts on the telephone."""

_SATURDAY: Final = 5


def is_working_day(day: date) -> bool:
    """Tell whether offices work on a day. Of a year that is not announced yet, Monday to Friday count."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < _SATURDAY


def working_days_left(today: date, due: date) -> int | None:
    """Count the working days after ``today`` up to and with ``due``.

    0 where none is left, be it that the term is over; None where ``due`` lies more than `LONGEST_COUNT` days ahead.
    """
    ahead = (due - today).days
    if ahead > LONGEST_COUNT:
        return None
    return sum(is_working_day(today + timedelta(days=day)) for day in range(1, ahead + 1))
