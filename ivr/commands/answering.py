"""The command `answer`: a telephone in a terminal that the hotline can ring, as it rings an agent's."""

import asyncio
import sys

from typer import echo

from ivr.carrier.keypad import Keypad
from ivr.commands.calling import auth_token, check_number
from ivr.commands.settling import read_settings
from ivr.datafolder import DataFolder
from ivr.exchange.client import Declined, NoExchange, plugged_in
from ivr.exchange.terminal import TerminalPhone
from ivr.settings import Settings, SettingsError


def answer(number: str) -> int:
    """Be the phone of this number until it is taken away; return the exit status."""
    check_number("--number", number)
    if not sys.stdin.isatty():
        raise SettingsError("ivr answer needs a terminal: its keyboard is the phone's keypad.")
    return asyncio.run(_answer(read_settings(), number))


async def _answer(settings: Settings, number: str) -> int:
    folder = DataFolder(settings.data_dir)
    found = folder.ready_service()
    if found is None or not found.exchange_url:
        raise SettingsError(
            "No exchange runs here to plug a phone into: start `ivr serve` as a demo or with IVR_PHONE=on, "
            "on the same data folder."
        )
    opened = {"account_sid": found.account_sid, "auth_token": auth_token(settings, folder)}
    try:
        async with (
            plugged_in(found.exchange_url, number=number, answers=True, **opened) as phone,
            Keypad() as keys,
        ):
            return await TerminalPhone(phone, keys, sys.stdout).wait_for_calls(number)
    except (NoExchange, Declined) as error:
        echo(str(error), err=True)
        return 1
