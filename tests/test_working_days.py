"""Working days: holidays and the weekends worked instead of them; Monday to Friday where nothing is announced yet."""

from datetime import date, timedelta

import pytest

from ivr.duty.working_days import LONGEST_COUNT, WorkingDays

KNOWN = WorkingDays()
pytestmark = pytest.mark.usefixtures("announced_until_2026")
WRITTEN_IN = WorkingDays.model_validate(
    {"valid_through": "2027-02-28", "holidays": ["2027-02-08", "2026-11-20"], "worked": ["2027-02-06"]}
)


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
    assert KNOWN.holds(date.fromisoformat(day)) is works


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
    assert KNOWN.left(date.fromisoformat(today), date.fromisoformat(due)) == left


def test_a_due_day_far_ahead_is_not_counted_to() -> None:
    assert KNOWN.left(date(2026, 1, 1), date(2027, 1, 2)) is not None, f"{LONGEST_COUNT} days"
    assert KNOWN.left(date(2026, 1, 1), date(2027, 1, 3)) is None
    assert KNOWN.left(date(2026, 11, 20), date.max) is None


@pytest.mark.parametrize(
    ("day", "works", "announced"),
    [
        ("2026-11-19", True, True),
        ("2026-11-20", False, True),  # against what the installed calendar says
        ("2026-11-21", False, True),
        ("2027-02-05", True, True),  # named nowhere, but the announcement is complete
        ("2027-02-06", True, True),  # a Saturday worked instead
        ("2027-02-07", False, True),
        ("2027-02-08", False, True),  # a Monday off
        ("2027-02-28", False, True),
        ("2027-03-01", True, False),
    ],
)
def test_what_was_announced_since_holds_before_the_calendar(day: str, works: bool, announced: bool) -> None:
    on = date.fromisoformat(day)
    assert (WRITTEN_IN.holds(on), WRITTEN_IN.is_announced(on)) == (works, announced)


def test_the_first_day_that_is_only_supposed_is_found() -> None:
    days = [date(2026, 12, 30) + timedelta(days=day) for day in range(100)]
    assert KNOWN.first_unannounced(days) == date(2027, 1, 1)
    assert WRITTEN_IN.first_unannounced(days) == date(2027, 3, 1)
    assert WRITTEN_IN.first_unannounced(days[:50]) is None
