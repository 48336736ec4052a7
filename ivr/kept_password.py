"""The first entry of a new password, sealed in a key of its call: the only secret that ever lies in Redis."""

from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine
from ivr.seals import Seals
from ivr.store import new_password_key

KEPT_MS = 120_000
"""How long the second entry may take."""

WHAT = "new password"


class KeptPasswords:
    """The first entries of new passwords, sealed, each in a key of its call that ends with it."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)

    async def keep(self, call: str, digits: str) -> None:
        """Keep the first entry for two minutes. Raises StoreAway."""
        sealed = self._seals.seal(digits.encode(), call=call, what=WHAT)
        await self._line.ask(self._redis.set(new_password_key(call), sealed, px=KEPT_MS))

    async def take(self, call: str) -> str | None:
        """Give the first entry and forget it; None where there is none any more. Raises StoreAway."""
        sealed = await self._line.ask(self._redis.getdel(new_password_key(call)))
        opened = self._seals.open(sealed, call=call, what=WHAT) if isinstance(sealed, bytes) else None
        return None if opened is None else opened.decode()

    async def drop(self, call: str) -> None:
        """Forget the first entry. Raises StoreAway."""
        await self._line.ask(self._redis.delete(new_password_key(call)))
