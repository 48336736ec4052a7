"""What waits in a hash of Redis until the hotline's database has it: noted by workers, taken by their parent."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis

from ivr.redis_line import RedisLine

Thing = TypeVar("Thing")


class WaitingRoom(Generic[Thing]):
    """One such hash, ``key``; `read` makes of a name and what was kept under it the thing, or None where it cannot.

    What cannot be read (its secret is gone, it is of another release) is dropped: nobody can ever read it, and it must
    not keep anything else from the database. Every method raises StoreAway where Redis does not confirm.
    """

    def __init__(self, redis: Redis, line: RedisLine, key: str, read: Callable[[str, bytes], Thing | None]) -> None:
        self._redis = redis
        self._line = line
        self._key = key
        self._read = read

    async def waiting(self) -> dict[str, Thing]:
        """Give what waits for the database, by name."""
        kept: dict[Any, Any] = await self._line.ask(self._redis.hgetall(self._key))
        found = {}
        for field, value in kept.items():
            name = field.decode("ascii", "replace")
            thing = self._read(name, value)
            if thing is None:
                await self._forget(field)
            else:
                found[name] = thing
        return found

    async def handed_over(self, name: str) -> None:
        """Forget what waited: the database has it."""
        await self._forget(name)

    async def _forget(self, field: str | bytes) -> None:
        await self._line.ask(self._redis.hdel(self._key, field))
