"""The command `counters confirm`: an operator's word that the store may count again."""

import asyncio

from typer import echo

from ivr.commands.serving import read_settings
from ivr.redis_line import StoreAway
from ivr.serve import confirm_counters
from ivr.settings import SettingsError
from ivr.urls import without_password


def confirm() -> int:
    """Confirm the counters of the store at IVR_REDIS_URL; return the exit status."""
    settings = read_settings()
    if not settings.redis_url:
        raise SettingsError("IVR_REDIS_URL is not set: the embedded store is confirmed by ivr serve, at every start.")
    try:
        asyncio.run(confirm_counters(settings))
    except StoreAway as error:
        echo(f"The store at {without_password(settings.redis_url)} did not confirm its counters: {error}", err=True)
        return 1
    echo(f"The counters of {without_password(settings.redis_url)} are confirmed.")
    return 0
