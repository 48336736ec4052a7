"""The duty calendar of a group of agents: which hours of which day they answer, and whether they do at an instant."""

from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ivr.duty.days import Day, DayOfYear, Span, Window, span
from ivr.duty.working_days import WorkingDays


def _in_order(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    for one, then in pairwise(span(window) for window in windows):
        if then.begins < one.ends:
            raise ValueError(f"expected hours one after the other, but {then} begins before {one} has ended")
    return windows


Windows = Annotated[tuple[Window, ...], Field(strict=False), AfterValidator(_in_order)]
"""The hours of a day, in order; none is a day without duty."""


class _Hours(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    working_days: Windows
    days_off: Windows = ()


class Season(_Hours):
    """Other hours between two days of every year, both included; a season may go over the end of the year."""

    first: DayOfYear
    last: DayOfYear

    def holds(self, day: date) -> bool:
        """Tell whether a day belongs to the season."""
        here = f"{day:%m-%d}"
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last


class Duty(_Hours):
    """The hours of a group on working days and on days off, by season, and of single `days`, which hold before all."""

    seasons: tuple[Season, ...] = Field(default=(), strict=False)
    days: dict[Day, Windows] = {}

    @model_validator(mode="after")
    def _one_season_a_day(self) -> Self:
        for day in _EVERY_DAY:
            if sum(season.holds(day) for season in self.seasons) > 1:
                raise ValueError(f"expected seasons that do not overlap, but {day:%m-%d} belongs to two of them")
        return self


class DayOfDuty(NamedTuple):
    """The hours of one day, and why they are these: a single day, or its kind and the season where there is one."""

    spans: tuple[Span, ...]
    why: Literal["single day", "working day", "day off"]
    season: Season | None = None


ALWAYS: Final = DayOfDuty((Span(0, 24 * 60),), "working day")
"""Every day of a group that has no duty calendar."""

_EVERY_DAY: Final = tuple(date.fromordinal(date(2000, 1, 1).toordinal() + day) for day in range(366))


def day_of_duty(duty: Duty | None, working_days: WorkingDays, day: date) -> DayOfDuty:
    """Give the hours of a group on a day in China."""
    if duty is None:
        return ALWAYS
    if day in duty.days:
        return DayOfDuty(_spans(duty.days[day]), "single day")
    season = next((season for season in duty.seasons if season.holds(day)), None)
    hours = season or duty
    if working_days.holds(day):
        return DayOfDuty(_spans(hours.working_days), "working day", season)
    return DayOfDuty(_spans(hours.days_off), "day off", season)


def on_duty(duty: Duty | None, working_days: WorkingDays, at: datetime) -> bool:
    """Tell whether a group answers at an instant; ``at`` is China's time. Without a duty calendar it always does."""
    minute = at.hour * 60 + at.minute
    return any(one.begins <= minute < one.ends for one in day_of_duty(duty, working_days, at.date()).spans)


def _spans(windows: tuple[Window, ...]) -> tuple[Span, ...]:
    return tuple(span(window) for window in windows)
