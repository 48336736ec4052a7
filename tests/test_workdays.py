"""Working days: holidays and the weekends worked instead of them; Monday to Friday where nothing is announced yet."""

from datetime import date

import pytest

from ivr.workdays import LONGEST_COUNT, is_working_day, working_days_left


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-11-20", True),  # a Friday
        ("2026-11-21", False),  # a Saturday
        ("2026-11-22", False),  # a Sunday
        ("2026-10-01", False),  # the National Day, a Thursday
        ("2026-02-14", True),  # a Saturday that is worked for the Spring Festival
        ("2026-02-17", False),  # the Spring Festival, a Tuesday
        ("2027-10-01", True),  # not announced yet: a Friday
        ("2027-10-02", False),  # not announced yet: a Saturday
        ("1999-10-01", True),  # before the calendar begins: a Friday
    ],
)
def test_a_day_is_worked_or_not(day: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("today", "due", "left"),
    [
        ("2026-11-20", "2026-11-20", 0),  # today does not count any more
        ("2026-11-20", "2026-11-22", 0),  # over the weekend
        ("2026-11-20", "2026-11-23", 1),  # Monday, the due day included
        ("2026-11-20", "2026-11-27", 5),
        ("2026-11-20", "2026-12-11", 15),
        ("2026-02-13", "2026-02-24", 2),  # the worked Saturday, and the Tuesday after the Spring Festival
        ("2026-09-30", "2026-10-07", 0),  # all of it is the National Day holiday
        ("2026-12-30", "2027-01-04", 3),  # over the end of what is announced: Thursday, Friday and Monday
        ("2026-11-20", "2026-11-19", 0),
        ("2026-11-20", "1900-01-01", 0),
    ],
)
def test_working_days_are_counted_up_to_the_due_day(today: str, due: str, left: int) -> None:
    assert working_days_left(date.fromisoformat(today), date.fromisoformat(due)) == left


def test_a_due_day_far_ahead_is_not_counted_to() -> None:
    assert working_days_left(date(2026, 1, 1), date(2027, 1, 2)) is not None, f"{LONGEST_COUNT} days"
    assert working_days_left(date(2026, 1, 1), date(2027, 1, 3)) is None
    assert working_days_left(date(2026, 11, 20), date.max) is None
