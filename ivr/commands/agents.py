"""The commands `agents add`, `list`, `disable`, `enable` and `password`: who may sign in to the console."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer import echo

from ivr.agents.accounts import NAME, ROLES, Account, Accounts, GroupName, group_name
from ivr.agents.passwords import hashed, weakness
from ivr.app import load_library
from ivr.clock import wall_clock
from ivr.commands.running import as_served
from ivr.commands.serving import read_settings
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade
from ivr.library import Library, LibraryError
from ivr.problems import did_you_mean, listed
from ivr.settings import Settings, SettingsError
from ivr.walk import china_time

T = TypeVar("T")

_MANY: Final = 12


def add(name: str, role: str, groups: Sequence[str], phone: str, *, from_input: bool) -> int:
    """Add an account; return the exit status."""
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"{name} is no name to sign in with: expected 2 to 32 of a-z, 0-9 and . _ -, a letter first."
        )
    if role not in ROLES:
        raise SettingsError(f"--role {role}: expected agent or supervisor.")
    settings = as_served(read_settings())
    checked = _checked(settings, role, groups, phone)
    kept = hashed(_password(name, from_input=from_input))
    known_role = next(one for one in ROLES if one == role)

    async def task(accounts: Accounts) -> bool:
        return await accounts.add(name, role=known_role, groups=checked, phone=phone, password=kept, now=wall_clock())

    if not _in_database(settings, task):
        echo(f"There is an account {name} already.", err=True)
        return 1
    echo(f"{name} may sign in.")
    return 0


def show() -> int:
    """Print all accounts; return the exit status."""
    found: list[Account] = _in_database(as_served(read_settings()), Accounts.all)
    if not found:
        echo("Nobody may sign in yet: ivr agents add NAME --group HOTLINE/GROUP --phone NUMBER")
        return 0
    table = Table(box=SIMPLE_HEAD)
    for heading in ("name", "role", "groups", "phone", "since", ""):
        table.add_column(heading, no_wrap=True)
    for one in found:
        state = "disabled" if one.disabled_at else "sample" if one.sample else ""
        groups = " ".join(map(str, one.groups)) or "all"
        table.add_row(one.name, one.role, groups, one.phone, f"{china_time(one.created_at):%Y-%m-%d}", state)
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    return 0


def disable(name: str) -> int:
    """Disable an account; return the exit status."""
    return _change(name, f"{name} may sign in no more.", disabled_at=wall_clock())


def enable(name: str) -> int:
    """Enable an account; return the exit status."""
    return _change(name, f"{name} may sign in again.", disabled_at=None)


def change_password(name: str, *, from_input: bool) -> int:
    """Change the password of an account; return the exit status."""
    return _change(name, f"{name} has a new password.", password=hashed(_password(name, from_input=from_input)))


def _change(name: str, done: str, **columns: object) -> int:
    if not _in_database(as_served(read_settings()), lambda accounts: accounts.change(name, **columns)):
        echo(f"There is no account {name}.", err=True)
        return 1
    echo(done)
    return 0


def _checked(settings: Settings, role: str, groups: Sequence[str], phone: str) -> list[GroupName]:
    """Hold groups and telephone against hotlines.yaml. Raises `SettingsError` with what was expected."""
    try:
        library = load_library(settings)
    except LibraryError as error:
        raise SettingsError(str(error)) from None
    checked = [_group(library, text) for text in dict.fromkeys(groups)]
    if not checked and role == "agent":
        raise SettingsError("--group is missing: expected a group of flows/hotlines.yaml, as demo/general.")
    if not phone and role == "agent":
        raise SettingsError("--phone is missing: expected one of the numbers of the group.")
    for hotline, group in checked if phone else []:
        numbers = library.hotlines.hotlines[hotline].agents[group].numbers
        if phone not in numbers:
            raise SettingsError(
                f"--phone {phone} is no number of {hotline}/{group}: expected {listed(numbers) or 'one'}, "
                "since only numbers listed in flows/hotlines.yaml are ever dialled."
            )
    return checked


def _group(library: Library, text: str) -> GroupName:
    known = [GroupName(hotline, group) for hotline, data in library.hotlines.hotlines.items() for group in data.agents]
    found = group_name(text)
    if found is None or found not in known:
        names = [str(one) for one in known]
        hint = did_you_mean(text, names) or f" The groups are {listed(names[:_MANY])}."
        raise SettingsError(f"--group {text} is no group of flows/hotlines.yaml.{hint}")
    return found


def _password(name: str, *, from_input: bool) -> str:
    """Ask for a password, or read it. Raises `SettingsError` where it will not do."""
    if from_input:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt="Once more")
    else:
        raise SettingsError("There is no terminal to ask for the password: expected --password-stdin.")
    if wrong := weakness(password, name):
        raise SettingsError(wrong)
    return password


def _in_database(settings: Settings, task: Callable[[Accounts], Awaitable[T]]) -> T:
    async def asked() -> T:
        await upgrade(settings.database_url)
        async with opened(settings.database_url) as engine:
            return await task(Accounts(engine))

    return asyncio.run(asked())
