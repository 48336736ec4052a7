"""The command `counters confirm`: an operator's word that the store may count again."""

import asyncio

from redis.exceptions import AuthenticationError, NoPermissionError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from typer import echo

from ivr.commands.serving import read_settings
from ivr.redis_line import NotFoundError, StoreAway
from ivr.serve import confirm_counters
from ivr.settings import SettingsError
from ivr.urls import without_password


def confirm() -> int:
    """Confirm the counters of the store at IVR_REDIS_URL; return the exit status."""
    settings = read_settings()
    if not settings.redis_url:
        raise SettingsError(
            "IVR_REDIS_URL is not set: the embedded store is confirmed by ivr serve, "
            "whenever it starts. Start it anew to have its counters confirmed."
        )
    try:
        asyncio.run(confirm_counters(settings))
    except StoreAway as error:
        store = without_password(settings.redis_url)
        echo(f"The store at {store} did not confirm its counters: {_why(error)}.", err=True)
        return 1
    echo(f"The counters of {without_password(settings.redis_url)} are confirmed.")
    return 0


def _why(error: StoreAway) -> str:
    match error.__cause__:
        case AuthenticationError() | NoPermissionError():
            return "it does not accept the user or password of IVR_REDIS_URL"
        case ReadOnlyError():
            return "it is a replica, which cannot be written"
        case NotFoundError() as found:
            return str(found).rstrip(".")
        case None | RedisConnectionError() | RedisTimeoutError() | OSError():
            return "it does not answer"
        case _:
            return "it answers, but does not do what it is asked"
