"""Spoken messages that callers leave off duty: what is known of each, in Redis until the hotline's database has it.

The recording itself stays with the carrier; here is only the name under which it is fetched.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["Message", "Messages", "StoreAway"]

KEPT_MS: Final = 7 * 24 * 3600_000
"""For so long the database may be away before a message is forgotten."""

WAITING: Final = "ivr:{messages}:waiting"

_WHAT: Final = "message"


class Message(Struct, frozen=True):
    """A message; `at` is ms since 1970, `number` the calling number, empty where it was withheld."""

    recording: str
    seconds: int
    call: str
    hotline: str
    number: str
    lang: str
    asked: str
    verified: bool
    at: int


class Messages:
    """The messages that wait for the database. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._note = self._line.script("note")

    async def note(self, message: Message) -> None:
        """Keep a message; the same recording again changes nothing."""
        sealed = sealed_message(self._seals, message)
        await self._line.ask(self._note(keys=[WAITING], args=[message.recording, sealed, KEPT_MS]))

    async def waiting(self) -> dict[str, Message]:
        """Give what waits for the database, by its recording; what does not open is dropped."""
        kept: dict[Any, Any] = await self._line.ask(self._redis.hgetall(WAITING))
        found = {}
        for field, sealed in kept.items():
            recording = field.decode("ascii", "replace")
            message = opened_message(self._seals, recording, sealed)
            if message is None:  # sealed with a secret that is gone: nobody can ever read it
                await self.handed_over(recording)
            else:
                found[recording] = message
        return found

    async def handed_over(self, recording: str) -> None:
        """Forget what waited: the database has it."""
        await self._line.ask(self._redis.hdel(WAITING, recording))


def opened_message(seals: Seals, recording: str, sealed: bytes) -> Message | None:
    """Open a sealed message; None for anything else."""
    data = seals.open(sealed, call=recording, what=_WHAT)
    try:
        return None if data is None else msgspec.msgpack.decode(data, type=Message)
    except msgspec.MsgspecError:
        return None


def sealed_message(seals: Seals, message: Message) -> bytes:
    """Seal a message for Redis and for the database."""
    return seals.seal(msgspec.msgpack.encode(message), call=message.recording, what=_WHAT)
