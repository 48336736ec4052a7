"""Standing orders of the operations page: which hotlines send new calls to agents only, and what is announced to all.

They lie in Redis without an end, for all machines. Every worker has them in its memory: it looks once a second, and
goes by what it saw last while Redis is away. They are numbered, and nobody goes back to a lower number: a Redis that
has lost them, or is older, is given them again by the first worker that looks. A worker that starts while Redis is away
has them from a file that the workers of one start share.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["Orders", "StandingOrders", "StoreAway"]

LOOK_SECONDS: Final = 1.0

_KEY: Final = "ivr:{orders}"
_WHAT: Final = "standing orders"
_TRIES: Final = 5

log = logging.getLogger(__name__)


class Orders(Struct, frozen=True, omit_defaults=True):
    """What holds: hotlines whose new calls go to agents, and the announcement by language, empty where there is none.

    `number` counts the changes; the last one was made by the account `by`, `at` ms since 1970.
    """

    number: int = 0
    agents_only: frozenset[str] = frozenset()
    announcement: dict[str, str] = {}
    by: str = ""
    at: int = 0


class StandingOrders:
    """The orders as one worker goes by them; `kept` is the file of this start, None for none."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE, kept: Path | None = None) -> None:
        self._redis: Any = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._order = self._line.script("order")
        self._kept = kept
        self.now = self._from_file()
        """What this worker goes by."""

    async def look(self) -> Orders:
        """Look what holds, and go by it from now on. Raises StoreAway."""
        number, sealed = await self._line.ask(self._redis.execute_command("HMGET", _KEY, "n", "o"))
        if int(number or 0) < self.now.number:
            number, sealed = await self._put(self.now)
        self._follow(int(number or 0), sealed)
        return self.now

    async def change(self, change: Callable[[Orders], Orders], *, by: str, at: int) -> Orders:
        """Change what holds, for all machines; two who do so at once both succeed. Raises StoreAway."""
        for _ in range(_TRIES):
            before = await self.look()
            wanted = replace(change(before), number=before.number + 1, by=by, at=at)
            self._follow(*await self._put(wanted))
            if self.now == wanted:
                return self.now
        raise StoreAway("The orders were changed by others again and again.")

    async def watch(self) -> None:
        """Look every second, until cancelled."""
        while True:
            with contextlib.suppress(StoreAway):  # what held last goes on to hold
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _put(self, orders: Orders) -> tuple[int, bytes]:
        sealed = self._seals.seal_struct(orders, call=_KEY, what=_WHAT)
        number, kept = await self._line.ask(self._order([_KEY], [orders.number, sealed]))
        return int(number), kept

    def _follow(self, number: int, sealed: bytes | None) -> None:
        if number <= self.now.number:  # lower where a change overtook the look
            return
        orders = self._opened(sealed)
        if orders is None:
            log.error("The standing orders in Redis cannot be read; what held before goes on to hold.")
            return
        self.now = orders
        log.info("Standing orders %d of %s hold from now on.", orders.number, orders.by)
        self._to_file(sealed or b"")

    def _opened(self, sealed: bytes | None) -> Orders | None:
        return self._seals.open_struct(sealed, Orders, call=_KEY, what=_WHAT)

    def _from_file(self) -> Orders:
        try:
            sealed = None if self._kept is None else self._kept.read_bytes()
        except OSError:
            sealed = None
        return self._opened(sealed) or Orders()

    def _to_file(self, sealed: bytes) -> None:
        if self._kept is None:
            return
        written = self._kept.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):  # then it is only the memory that has it
            written.write_bytes(sealed)
            written.replace(self._kept)
