"""The commands `callbacks list` and `callbacks note`: what agents have to call back, and how it ended."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeVar, get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from typer import echo

from ivr.agents.callback_list import ATTEMPTS, Callback, CallbackList, Outcome
from ivr.bookings import Bookings
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.upgrading import with_tables
from ivr.going_on import SERVICES
from ivr.redis_line import StoreAway, connect
from ivr.seals import Seals
from ivr.settings import Settings, SettingsError
from ivr.walk import china_time

T = TypeVar("T")

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

LANGUAGES: Final = {"zh": "Mandarin", "yue": "Cantonese", "en": "English"}


def show(form: Literal["table", "json"]) -> int:
    """Print the open callbacks, the oldest first; return the exit status."""
    settings = as_served(read_settings())
    found = asyncio.run(_in_database(settings, lambda engine: CallbackList(engine, Seals(settings.secrets)).open()))
    now = wall_clock()
    if form == "json":
        for one in found:
            echo(json.dumps(_facts(one, now), ensure_ascii=False))
    elif not found:
        echo("Nobody waits for a callback.")
    else:
        _print(found, now)
    return 0


def note(number: int, outcome: str) -> int:
    """Note how a callback ended; return the exit status."""
    said: Outcome | None = next((one for one in OUTCOMES if one == outcome), None)
    if said is None:
        raise SettingsError(f"{outcome} is no outcome of a callback: expected {', '.join(OUTCOMES)}.")
    return asyncio.run(_note(as_served(read_settings()), number, said))


async def _note(settings: Settings, number: int, outcome: Outcome) -> int:
    seals, now = Seals(settings.secrets), wall_clock()
    noted = await _in_database(settings, lambda engine: CallbackList(engine, seals).note(number, outcome, now))
    if noted is None:
        echo(f"There is no open callback {number}.", err=True)
        return 1
    if not noted.outcome:
        attempt = f"attempt {noted.attempts} of {ATTEMPTS}"
        echo(f"Callback {number}: {attempt} is noted; the next is due in half an hour.")
        return 0
    redis = connect(settings.redis_url)
    try:
        await Bookings(redis, seals).closed(noted.name)
    except StoreAway as away:
        echo(f"Callback {number} is done, but its number cannot be booked again for a week: {away}", err=True)
        return 1
    finally:
        await redis.aclose()
    echo(f"Callback {number} is done.")
    return 0


async def _in_database(settings: Settings, task: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async with with_tables(settings.database_url) as engine:
        return await task(engine)


def _facts(one: Callback, now: int) -> dict[str, Any]:
    """Give what an agent needs to know; the number and the code are None where nobody can read them any more."""
    booking = one.booking
    return {
        "id": one.id,
        "booked": f"{china_time(one.booked_at):%Y-%m-%d %H:%M}",
        "due": "now" if one.due_at <= now else f"{china_time(one.due_at):%Y-%m-%d %H:%M}",
        "attempts": one.attempts,
        "number": booking and booking.number,
        "code": booking and booking.code,
        "language": booking and LANGUAGES[booking.lang],
        "hotline": booking and booking.hotline,
        "asked": booking and (booking.asked if booking.asked in SERVICES else ""),
        "verified": booking and booking.verified,
    }


def _print(found: list[Callback], now: int) -> None:
    table = Table(box=SIMPLE_HEAD)
    rows = [_facts(one, now) for one in found]
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if value is None else _said(value) for value in row.values()))
    Console(highlight=False, width=140).print(table)


def _said(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
