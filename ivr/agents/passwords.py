"""Passwords of agents: which ones will do, and hashing them away from the event loop."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

SHORTEST, LONGEST = 10, 128

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
"""The second of the settings that OWASP recommends for Argon2id: 19 MiB, since calls are answered beside it."""

_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$rlCxifYDfQX+H9GWphQyuw$B7f/N1Cgonz5h7HeUNX6uDt2l9h1Edr5x94XXM5oPl4"
"""What the password of somebody who does not exist is held against, so that it takes as long."""


def weakness(password: str, name: str) -> str:
    """Say in a sentence what is wrong with a password; nothing where it will do."""
    text = _normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        return f"The password is too short or too long: expected {SHORTEST} to {LONGEST} characters."
    if len(set(text)) < 5 or name in text.lower():
        return "The password is too simple: expected at least five different characters, and not the name."
    return ""


def hashed(password: str) -> str:
    """Give what is kept of a password; takes about 30 ms of processor time."""
    return _HASHER.hash(_normal(password))


def fits(password: str, kept: str) -> bool:
    """Tell whether a password is the one of which this is kept; takes as long as `hashed`."""
    try:
        return _HASHER.verify(kept, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


class PasswordTrials:
    """Tries passwords in one thread, one after the other: a run of them takes no worker's processors from its calls."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    async def fits(self, password: str, kept: str | None) -> bool:
        """Tell whether a password fits; with nothing kept none does, after the same time."""
        fitting = await asyncio.get_running_loop().run_in_executor(self._thread, fits, password, kept or _NOBODYS)
        return fitting and kept is not None

    def stop(self) -> None:
        """End the thread, once it has done what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _normal(password: str) -> str:
    # What looks the same on two keyboards is the same; lone surrogates, which no keyboard types, become question marks.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
