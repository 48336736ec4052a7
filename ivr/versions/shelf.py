"""Where versions lie while calls are on them: their files in Redis, from where any worker can take them.

A version is one hash ``ivr:flows:{<version>}`` (files packed, sum their SHA-1, came ms since 1970). It names itself:
what does not hash to its own name is nothing. So nobody's word is needed for which version is right, and machines with
different folders can share one Redis, as they do while a release is rolled out. Which version a worker has new calls
begin with is told in ``ivr:flows:current:{<worker>}``, for people alone.
"""

import hashlib
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from redis.asyncio import Redis

from ivr.library import version_of
from ivr.redis_line import PATIENCE, RedisLine

KEEP_S: Final = 6 * 3600.0
"""How long a version stays after the last turn on it: as long as a call that speaks with a human may be silent here."""

CURRENT_S: Final = 60.0
"""How long a worker that has gone is still told to serve its version."""

MOST_BYTES: Final = 8_000_000
"""More than any hotline has; whatever unpacks to more was not packed here."""

VERSION_PATTERN: Final = "ivr:flows:{*"
CURRENT_PATTERN: Final = "ivr:flows:current:{*"


class Shelf:
    """The versions in Redis. Every method raises StoreAway within ``deadline`` seconds where Redis does not confirm."""

    def __init__(self, redis: Redis, *, worker: str, deadline: float = PATIENCE, keep_s: float = KEEP_S) -> None:
        self._redis = redis
        self._line = RedisLine(redis, deadline=deadline)
        self._shelve = self._line.script("shelve")
        self._keep_ms = round(keep_s * 1000)
        self._current = f"ivr:flows:current:{{{worker}}}"
        self._packed: tuple[str, bytes] = "", b""
        """The version that was put there last, as it was packed: all calls wait for that."""

    async def keep(self, version: str, sources: Mapping[str, bytes], now: int) -> None:
        """Have a version stay for a call's life from now on; it is put there where it is missing."""
        keys = [version_key(version)]
        if not await self._line.ask(self._shelve(keys=keys, args=[self._keep_ms])):
            if self._packed[0] != version:
                self._packed = version, pack(sources)
            packed = self._packed[1]
            total = hashlib.sha1(packed, usedforsecurity=False).hexdigest()
            await self._line.ask(self._shelve(keys=keys, args=[self._keep_ms, packed, total, now]))

    async def take(self, version: str) -> Mapping[str, bytes] | None:
        """Give the files of a version; None where it is not there, or is not what its name says."""
        (packed,) = await self._line.ask(self._redis.hmget(version_key(version), ["files"]))
        sources = unpack(packed) if isinstance(packed, bytes) else None
        return sources if sources is not None and version_of(sources) == version else None

    async def tell_current(self, version: str) -> None:
        """Note down which version this worker has new calls begin with."""
        await self._line.ask(self._redis.set(self._current, version, px=round(CURRENT_S * 1000)))

    async def leave(self) -> None:
        """Note down that this worker takes no new calls any more."""
        await self._line.ask(self._redis.delete(self._current))


def version_key(version: str) -> str:
    """Name the key that holds a version."""
    return f"ivr:flows:{{{version}}}"


def pack(sources: Mapping[str, bytes]) -> bytes:
    """Pack the bytes of files by their names."""
    return zlib.compress(msgspec.msgpack.encode(dict(sources)))


def unpack(packed: bytes) -> Mapping[str, bytes] | None:
    """Give the files again; None for anything that was not packed here, however large it would become."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, MOST_BYTES)
        return MappingProxyType(msgspec.msgpack.decode(data, type=dict[str, bytes])) if unpacking.eof else None
    except (zlib.error, msgspec.MsgspecError):
        return None
