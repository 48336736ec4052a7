"""Spoken messages that callers leave off duty: what is known of each, in Redis until the hotline's database has it.

The recording itself stays with the carrier; here is only the name under which it is fetched.
"""

from functools import partial
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals
from ivr.waiting_room import WaitingRoom

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

    @property
    def dropped(self) -> bool:
        """Whether it is none: only its recording has to be deleted."""
        return self.seconds == 0


class Messages:
    """The messages that wait for the database. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._note = self._line.script("note")
        self.room = WaitingRoom(redis, self._line, WAITING, partial(opened_message, seals))

    async def note(self, message: Message) -> None:
        """Keep a message; the same recording again changes nothing."""
        sealed = sealed_message(self._seals, message)
        await self._line.ask(self._note(keys=[WAITING], args=[message.recording, sealed, KEPT_MS]))

    async def waiting(self) -> dict[str, Message]:
        """Give what waits for the database, by its recording."""
        return await self.room.waiting()


def dropped_message(call: str, recording: str, now: int) -> Message:
    """Give what is kept of a recording that is no message, until the carrier has deleted it. `now` is ms since 1970."""
    return Message(recording, 0, call, hotline="", number="", lang="", asked="", verified=False, at=now)


def opened_message(seals: Seals, recording: str, sealed: bytes) -> Message | None:
    """Open a sealed message; None for anything else."""
    return seals.open_struct(sealed, Message, call=recording, what=_WHAT)


def sealed_message(seals: Seals, message: Message) -> bytes:
    """Seal a message for Redis and for the database."""
    return seals.seal_struct(message, call=message.recording, what=_WHAT)
