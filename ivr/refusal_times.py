"""How long the account service last took to refuse, known to all workers: refusals of our own take as long."""

import contextlib
from typing import Literal

from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway

Question = Literal["verification", "code"]
"""What the service refuses: a number with its password or code, or to send one more code."""

KEPT_MS = 3600_000
UNKNOWN_S = 0.05
"""What is assumed before the service has refused anything."""
LONGEST_S = 10.0


class RefusalTimes:
    """The latest refusals in Redis, by their questions. Nothing in them is anybody's, and no method raises."""

    def __init__(self, redis: Redis, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._line = RedisLine(redis, deadline=deadline)

    async def note(self, question: Question, seconds: float) -> None:
        """Remember for an hour how long the service has just taken to refuse."""
        with contextlib.suppress(StoreAway):  # what was known before is as good
            await self._line.ask(self._redis.set(_key(question), round(seconds * 1000), px=KEPT_MS))

    async def recent(self, question: Question) -> float:
        """Give in seconds how long a recent refusal of the service took, at any worker."""
        try:
            kept = await self._line.ask(self._redis.get(_key(question)))
        except StoreAway:
            return UNKNOWN_S
        return min(int(kept) / 1000, LONGEST_S) if isinstance(kept, bytes) and kept[:6].isdigit() else UNKNOWN_S


def _key(question: Question) -> str:
    return f"ivr:refusal:{question}"
