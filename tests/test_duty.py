"""Agents' hours: several windows a day, seasons, holidays, worked weekends and single days; never a minute too many."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.__main__ import run
from ivr.duty.calendar import Duty, day_of_duty, on_duty
from ivr.duty.days import Span, span
from ivr.duty.working_days import WorkingDays
from ivr.health import unannounced_day
from ivr.library import build, default_dirs, load
from ivr.walk import CHINA

OFFICE = Duty.model_validate(
    {
        "working_days": ["09:00-12:00", "13:00-17:00"],
        "seasons": [
            {
                "first": "06-01",
                "last": "09-30",
                "working_days": ["08:30-12:00", "14:30-17:30"],
                "days_off": ["10:00-11:00"],
            },
            {"first": "12-20", "last": "01-10", "working_days": ["10:00-24:00"]},
        ],
        "days": {"2026-02-14": ["09:00-12:00"], "2026-05-06": []},
    }
)
KNOWN = WorkingDays()
pytestmark = pytest.mark.usefixtures("announced_until_2026")


@pytest.mark.parametrize(
    ("at", "answers"),
    [
        ("2026-11-20T08:59", False),
        ("2026-11-20T09:00", True),
        ("2026-11-20T11:59", True),
        ("2026-11-20T12:00", False),  # the minute in which a window ends is over
        ("2026-11-20T12:59", False),
        ("2026-11-20T13:00", True),
        ("2026-11-20T17:00", False),
        ("2026-11-21T10:00", False),  # a Saturday
        ("2026-10-01T10:00", False),  # the National Day
        ("2026-02-28T10:00", True),  # a Saturday worked for the Spring Festival
        ("2026-02-14T10:00", True),  # a worked Saturday as well, but a half day of its own
        ("2026-02-14T14:00", False),
        ("2026-05-06T10:00", False),  # a working day without duty
        ("2026-07-01T08:30", True),  # summer
        ("2026-07-01T13:00", False),
        ("2026-07-04T10:30", True),  # a Saturday in summer
        ("2026-05-31T08:30", False),
        ("2026-06-01T08:30", True),  # its first day
        ("2026-09-30T17:15", True),  # its last day
        ("2026-12-31T23:59", True),  # a season over the end of the year, until midnight
        ("2026-01-05T10:00", True),
        ("2026-01-05T09:30", False),
        ("2026-01-12T09:30", True),
    ],
)
def test_a_group_answers_or_not(at: str, answers: bool) -> None:
    assert on_duty(OFFICE, KNOWN, datetime.fromisoformat(f"{at}+08:00")) is answers


def test_without_a_calendar_a_group_always_answers() -> None:
    assert all(on_duty(None, KNOWN, datetime(2026, 10, 1, hour, tzinfo=CHINA)) for hour in range(24))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"working_days": ["9:00-12:00"]}, "expected hours such as"),
        ({"working_days": ["12:00-09:00"]}, "expected hours such as"),
        ({"working_days": ["09:00-09:00"]}, "expected hours such as"),
        ({"working_days": ["09:00-24:01"]}, "expected hours such as"),
        ({"working_days": ["13:00-17:00", "09:00-12:00"]}, "expected hours one after the other"),
        ({"working_days": ["09:00-12:00", "11:30-17:00"]}, "11:30-17:00 begins before 09:00-12:00 has ended"),
        ({"working_days": [], "seasons": [{"first": "02-30", "last": "03-01", "working_days": []}]}, "day of the year"),
        (
            {
                "working_days": [],
                "seasons": [
                    {"first": "11-01", "last": "01-31", "working_days": []},
                    {"first": "01-31", "last": "03-01", "working_days": []},
                ],
            },
            "01-31 belongs to two of them",
        ),
    ],
)
def test_hours_that_cannot_be_meant_are_refused(written: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Duty.model_validate(written)


MINUTES = st.lists(st.integers(0, 1440), min_size=2, max_size=8, unique=True).filter(lambda found: len(found) % 2 == 0)


def _windows(minutes: list[int]) -> list[str]:
    found = sorted(minutes)
    return [str(Span(*found[place : place + 2])) for place in range(0, len(found), 2)]


@given(MINUTES, st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(0, 1439))
def test_a_minute_is_in_exactly_the_windows_that_say_so(minutes: list[int], day: date, minute: int) -> None:
    windows = _windows(minutes)
    duty = Duty.model_validate({"working_days": windows, "days_off": windows})
    at = datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(minutes=minute)
    inside = sum(bound <= minute for bound in minutes) % 2 == 1
    assert on_duty(duty, KNOWN, at) is inside
    assert [str(span(window)) for window in windows] == windows


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), MINUTES)
def test_a_single_day_holds_before_all_and_changes_no_other(day: date, minutes: list[int]) -> None:
    windows = _windows(minutes)
    other = OFFICE.model_validate({**OFFICE.model_dump(), "days": {day: windows}})
    assert [str(one) for one in day_of_duty(other, KNOWN, day).spans] == windows
    for near in (day - timedelta(days=1), day + timedelta(days=1)):
        without = OFFICE.model_copy(update={"days": {}})
        assert day_of_duty(other, KNOWN, near) == day_of_duty(without, KNOWN, near)


def at(day: str) -> int:
    return round(datetime.fromisoformat(f"{day}T12:00+08:00").timestamp() * 1000)


def test_a_day_is_printed_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hours", "--on", "2026-07-01"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-07-01, Wednesday: a working day.",
        "demo, general: at all times, since the group has no duty calendar",
        "office_hours, general: 09:00-12:00, 13:00-17:30 (working day of the season 06-01 to 09-30)",
        "queue, general: at all times, since the group has no duty calendar",
        "no_agents, general: nobody answers, since the group has no numbers",
    ]
    assert run(["hours", "--on", "2027-02-05"]) == 0
    out = capsys.readouterr().out
    assert "taken for a working day, but not announced yet" in out
    assert "09:00-12:00 (written for this very day)" in out


def test_a_day_that_is_none_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hours", "--on", "2027-02-30"]) == 2
    assert capsys.readouterr().err == "--on 2027-02-30: expected a day such as 2027-02-10.\n"


def test_days_ahead_that_nobody_knows_are_told_at_the_start() -> None:
    library = load(*default_dirs())
    assert unannounced_day(library, at("2026-11-02")) is None
    assert "From 1 January 2027 on" in (unannounced_day(library, at("2026-11-03")) or "")
    known = build({**library.sources, "flows/working_days.yaml": b"valid_through: 2027-12-31"})
    assert unannounced_day(known, at("2026-11-03")) is None
