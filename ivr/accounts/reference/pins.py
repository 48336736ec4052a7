"""Passwords of the reference service: kept as argon2 hashes, and refused where they are easily guessed."""

import asyncio
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LISTED: Final = frozenset({"112233", "123321", "147258", "159753", "258369", "520131", "521131", "147369", "168168"})
"""Passwords that many people choose and no rule below finds."""


class Pins:
    """Hash and compare passwords, in a thread each, and always at the cost of one comparison."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        # OWASP's smallest argon2id: 10^6 passwords can be tried against any hash, so more would only slow the start.
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._nobodys = ""

    async def open(self) -> None:
        """Make the hash against which the secrets of nobody are compared."""
        self._nobodys = await self.hash("not six digits, so it matches nothing")

    async def hash(self, pin: str) -> str:
        """Return the argon2 hash of ``pin``."""
        return await asyncio.to_thread(self._hasher.hash, pin)

    async def matches(self, hashed: str | None, pin: str) -> bool:
        """Compare; with None (nobody, a locked account, another kind of secret) it takes as long and is False."""
        return await asyncio.to_thread(self._compare, hashed or self._nobodys, pin)

    def _compare(self, hashed: str, pin: str) -> bool:
        try:
            return self._hasher.verify(hashed, pin)
        except (VerificationError, InvalidHashError):
            return False


def is_weak(pin: str, *, birth: str, numbers: Iterable[str], listed: Collection[str] = LISTED) -> bool:
    """Tell whether six digits are easily guessed; ``birth`` is YYYYMMDD, ``numbers`` are the member's own.

    Weak are: all equal; a run up or down; two equal halves, three equal pairs; forms of the birth date; the last six
    digits of the member's numbers; what is listed. The bureau's real system judges for itself; the hotline does, too.
    """
    year, month, day = birth[2:4], birth[4:6], birth[6:8]
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    return (
        steps in ({0}, {1}, {-1})
        or pin == pin[:3] * 2
        or pin == pin[:2] * 3
        or pin in {year + month + day, day + month + year, month + day + year, birth[:6]}
        or any(number.rstrip("X").endswith(pin) for number in numbers)
        or pin in listed
    )
