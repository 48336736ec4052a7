"""The command `hours`: when the agents of every hotline answer on a day, and why."""

from datetime import date

from typer import echo

from ivr.app import load_library
from ivr.clock import wall_clock
from ivr.commands.serving import read_settings
from ivr.duty.calendar import DayOfDuty, day_of_duty
from ivr.flow import AgentGroup
from ivr.library import Library, LibraryError
from ivr.settings import SettingsError
from ivr.walk import china_day


def show_hours(on: str | None) -> int:
    """Print the hours of every group of agents on a day (``2027-02-10``, else today); return the exit status."""
    settings = read_settings()
    try:
        day = china_day(wall_clock()) if on is None else date.fromisoformat(on)
    except ValueError:
        raise SettingsError(f"--on {on}: expected a day such as 2027-02-10.") from None
    try:
        library = load_library(settings)
    except LibraryError as error:
        echo(f"{error}\nNo hours are shown until that is put right.", err=True)
        return 1
    echo(_kind_of(library, day))
    for name, hotline in library.hotlines.hotlines.items():
        for group_name, group in hotline.agents.items():
            echo(f"{name}, {group_name}: {_hours_of(library, group, day)}")
    return 0


def _kind_of(library: Library, day: date) -> str:
    kind = "a working day" if library.working_days.holds(day) else "a day off"
    if library.working_days.is_announced(day):
        return f"{day}, {day:%A}: {kind}."
    return f"{day}, {day:%A}: taken for {kind}, but not announced yet (see flows/working_days.yaml)."


def _hours_of(library: Library, group: AgentGroup, day: date) -> str:
    if not group.numbers:
        return "nobody answers, since the group has no numbers"
    if group.duty is None:
        return "at all times, since the group has no duty calendar"
    found = day_of_duty(group.duty, library.working_days, day)
    hours = ", ".join(str(one) for one in found.spans) or "nobody answers"
    return f"{hours} ({_why(found)})"


def _why(found: DayOfDuty) -> str:
    if found.why == "single day":
        return "written for this very day"
    season = found.season
    return found.why if season is None else f"{found.why} of the season {season.first} to {season.last}"
