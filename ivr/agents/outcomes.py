"""How callbacks ended that the hotline dialled: noted in Redis, from where the database takes them.

No webhook waits for the database: what became of an attempt waits in a hash of Redis, and the parent process hands it
over, as it does with bookings.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine
from ivr.waiting_room import WaitingRoom

KEPT_MS: Final = 7 * 24 * 3600_000
WAITING: Final = "ivr:{callbacks}:outcomes"


class Ended(Struct, frozen=True):
    """How an attempt ended: of which `callback` in the list, after how many other attempts, when in ms since 1970."""

    callback: int
    attempt: int
    outcome: Literal["reached", "no_answer"]
    at: int


class Outcomes:
    """The attempts that have ended. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, *, deadline: float = PATIENCE) -> None:
        self._line = RedisLine(redis, deadline=deadline)
        self._note = self._line.script("outcome")
        self.room = WaitingRoom(redis, self._line, WAITING, _read)

    async def note(self, ended: Ended) -> None:
        """Note how an attempt ended; the first word of it holds, however often and by whomever it is told again."""
        name = f"{ended.callback}.{ended.attempt}"
        await self._line.ask(self._note([WAITING], [name, msgspec.json.encode(ended), KEPT_MS]))

    # --- for the parent process, which hands over ---

    async def waiting(self) -> dict[str, Ended]:
        """Give what waits for the database, by name."""
        return await self.room.waiting()


def _read(_: str, packed: bytes) -> Ended | None:
    try:
        return msgspec.json.decode(packed, type=Ended)
    except msgspec.MsgspecError:
        return None
