"""Who is on which version: what lies in Redis, counted for people. It reads every call, so only a command does it."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from redis.asyncio import Redis

from ivr.redis_line import RedisLine
from ivr.seals import Seals
from ivr.versions.shelf import CURRENT_PATTERN, VERSION_PATTERN

WITHIN_S: Final = 60.0
"""How long all the counting may take; what was found by then is told."""

PATIENCE_S: Final = 5.0
_AT_ONCE: Final = 500

_VERSION: Final = re.compile(rb"ivr:flows:\{([0-9a-f]{32})\}")
_CALL: Final = re.compile(rb"ivr:\{([^{}]+)\}")


class Version(NamedTuple):
    """A version: when it came (ms since 1970), how many workers have new calls begin with it, how many calls are on it.

    ``came`` is None where calls are on a version that does not lie in Redis any more.
    """

    version: str
    came: int | None
    workers: int
    calls: int


class Census(NamedTuple):
    """The versions, the newest first. ``unread`` calls could not be opened; not ``whole`` is what took too long."""

    versions: tuple[Version, ...]
    unread: int
    whole: bool


async def census(redis: Redis, seals: Seals, *, within_s: float = WITHIN_S) -> Census:
    """Count versions, workers and calls. Raises StoreAway where Redis does not answer."""
    counting = _Counting(redis, seals)
    try:
        async with asyncio.timeout(within_s):
            await counting.count()
    except TimeoutError:
        return counting.so_far(whole=False)
    return counting.so_far(whole=True)


class _Counting:
    def __init__(self, redis: Redis, seals: Seals) -> None:
        self._redis = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=PATIENCE_S)
        self._came: dict[str, int | None] = {}
        self._workers: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._unread = 0

    async def count(self) -> None:
        async for key in self._keys(VERSION_PATTERN):
            if found := _VERSION.fullmatch(key):
                came = await self._line.ask(self._redis.hget(key.decode(), "came"))
                if isinstance(came, bytes) and came.isdigit():
                    self._came[found[1].decode()] = int(came)
        async for key in self._keys(CURRENT_PATTERN):
            version = await self._line.ask(self._redis.get(key))
            if isinstance(version, bytes):
                self._workers[version.decode("ascii", "replace")] += 1
        async for key in self._keys("ivr:{*}"):
            if found := _CALL.fullmatch(key):
                await self._call(key.decode("utf-8", "replace"), found[1].decode("utf-8", "replace"))

    def so_far(self, *, whole: bool) -> Census:
        names = sorted(
            self._came.keys() | self._workers.keys() | self._calls.keys(),
            key=lambda name: (self._workers[name] > 0, self._came.get(name) or 0, name),
            reverse=True,
        )
        versions = (Version(name, self._came.get(name), self._workers[name], self._calls[name]) for name in names)
        return Census(tuple(versions), self._unread, whole)

    async def _call(self, key: str, sid: str) -> None:
        sealed = await self._line.ask(self._redis.hget(key, "s"))
        if not isinstance(sealed, bytes):
            return  # it has ended, or nothing but its failed credentials is left
        session = self._seals.open_session(sealed, call=sid)
        if session is None:
            self._unread += 1
        else:
            self._calls[session.version] += 1

    async def _keys(self, pattern: str) -> AsyncIterator[bytes]:
        """Give each key once: a scan may come upon one twice."""
        seen: set[bytes] = set()
        scan = self._redis.scan_iter(match=pattern, count=_AT_ONCE).__aiter__()
        while (key := await self._line.ask(_next(scan))) is not None:
            if key not in seen:
                seen.add(key)
                yield key


async def _next(scan: AsyncIterator[bytes]) -> bytes | None:
    return await anext(scan, None)
