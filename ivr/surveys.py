"""What callers thought of the human they spoke with: kept in Redis until the hotline's database has it."""

from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.waiting_room import WaitingRoom

__all__ = ["SCORES", "Score", "StoreAway", "Survey", "Surveys"]

Score = Literal["very_satisfied", "satisfied", "fair", "dissatisfied"]
SCORES: Final[tuple[Score, ...]] = get_args(Score)

KEPT_MS: Final = 7 * 24 * 3600_000
WAITING: Final = "ivr:{surveys}:waiting"


class Survey(Struct, frozen=True):
    """One answer; `at` is ms since 1970. Nothing is personal.

    `path` are the services that the caller had chosen, `asked` the last of them, each by its name in the main menu.
    """

    call: str
    hotline: str
    lang: str
    asked: str
    score: Score
    at: int
    path: tuple[str, ...] = ()


class Surveys:
    """The answers that wait for the database. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, *, deadline: float = PATIENCE) -> None:
        self._line = RedisLine(redis, deadline=deadline)
        self._note = self._line.script("note")
        self.room = WaitingRoom(redis, self._line, WAITING, _read)

    async def note(self, survey: Survey) -> None:
        """Keep an answer; of one call the first counts."""
        await self._line.ask(self._note(keys=[WAITING], args=[survey.call, msgspec.msgpack.encode(survey), KEPT_MS]))

    async def waiting(self) -> dict[str, Survey]:
        """Give what waits for the database, by its call."""
        return await self.room.waiting()


def _read(_: str, packed: bytes) -> Survey | None:
    try:
        return msgspec.msgpack.decode(packed, type=Survey)
    except msgspec.MsgspecError:
        return None
