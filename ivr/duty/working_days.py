"""Working days of the mainland: holidays and the weekends worked instead of them, as the State Council announces.

What is announced comes with a library, which knows whole years and is brought up to date once a year. A bureau does not
wait for that: its own file `flows/working_days.yaml` says what was announced since, and until when it is complete.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import chinese_calendar
from pydantic import BaseModel, ConfigDict, Field

from ivr.duty.days import Day

LONGEST_COUNT: Final = 366
"""Days ahead that are counted at most; the days of a term that ends later nobody counts on the telephone."""

_SATURDAY: Final = 5


class WorkingDays(BaseModel):
    """working_days.yaml: what has been announced beyond the years that the library knows.

    Up to `valid_through` every day that is named nowhere is worked from Monday to Friday, and that is known. `holidays`
    and `worked` (weekends worked instead) hold before and after it, and against what the library says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    valid_through: Day | None = None
    holidays: tuple[Day, ...] = Field(default=(), strict=False)
    worked: tuple[Day, ...] = Field(default=(), strict=False)

    def holds(self, day: date) -> bool:
        """Tell whether offices work on a day. Of a year that is not announced yet, Monday to Friday count."""
        if day in self.holidays or day in self.worked:
            return day in self.worked
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            return day.weekday() < _SATURDAY

    def is_announced(self, day: date) -> bool:
        """Tell whether it is known, not only supposed, that a day is worked or not."""
        if day in self.holidays or day in self.worked or (self.valid_through is not None and day <= self.valid_through):
            return True
        try:
            chinese_calendar.is_workday(day)
        except NotImplementedError:
            return False
        return True

    def first_unannounced(self, days: Iterable[date]) -> date | None:
        """Give the first of the days that is only supposed to be worked or not; None where all are announced."""
        return next((day for day in days if not self.is_announced(day)), None)

    def left(self, today: date, due: date) -> int | None:
        """Count the working days after ``today`` up to and with ``due``.

        0 where none is left, be it that the term is over; None where ``due`` lies more than `LONGEST_COUNT` days ahead.
        """
        ahead = (due - today).days
        if ahead > LONGEST_COUNT:
            return None
        return sum(self.holds(today + timedelta(days=day)) for day in range(1, ahead + 1))
