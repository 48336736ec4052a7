"""The sweep: it finds calls whose worker died before their records were on their way, and those that never ended.

It goes through the names in Redis from time to time, one worker for all, so that no list of calls has to be kept, which
every turn would have to be written into, and which could lose a call itself.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Final

from redis.asyncio import Redis

from ivr.call_records.record import Trace
from ivr.call_records.recorder import Left, Recorder
from ivr.redis_line import Command, RedisLine, StoreAway
from ivr.store import LAST_REPLY_S, LEFT_MS, CallStore, Kept

PAUSE_S: Final = 10.0
SHARE: Final = 20
"""A sweep is followed by a pause of so many times what it took, and of `PAUSE_S` at least."""
PATIENCE_S: Final = 2.0

FRESH_MS: Final = 5000
"""Its worker sends a record on within this; then another one does."""
BROKEN_OFF_MS: Final = 15 * 60_000
"""A call of which nothing was heard for so long has broken off: no prompt waits for longer than a minute."""

LIVE: Final = "ivr:{records}:live"
"""How many calls there are, as the last sweep counted them."""
LIVE_MS: Final = 120_000

ENDED_MS: Final = round(LAST_REPLY_S * 1000)
"""Of a call that ended by itself the last reply stays for so long; one that goes on is kept for longer by far."""

_TURN: Final = "ivr:{records}:sweeping"
_AT_ONCE: Final = 100
_KNOWN: Final = 20_000

log = logging.getLogger(__name__)


class Sweep:
    """Looks through one Redis. `kept_ms` is for how long a call is kept there after a turn that waits for keys.

    After `broken_off_ms` without one it has broken off.
    """

    def __init__(
        self, redis: Redis, store: CallStore, recorder: Recorder, *, kept_ms: int, broken_off_ms: int = BROKEN_OFF_MS
    ) -> None:
        self._redis: Any = redis
        self._line = RedisLine(redis, deadline=PATIENCE_S)
        self._store = store
        self._recorder = recorder
        self._least_ms = kept_ms - broken_off_ms
        self._told: OrderedDict[str, None] = OrderedDict()

    async def watch(self) -> None:
        """Sweep by turns with all other workers, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                if await self._line.ask(self._redis.set(_TURN, "", px=round(PAUSE_S * 900), nx=True)):
                    await self.sweep()
            except StoreAway:
                pass  # the calls themselves tell that Redis is away
            except Exception:
                log.exception("The sweep for records of calls failed; the next one tries again.")
            await asyncio.sleep(max(PAUSE_S, SHARE * (clock() - began)))

    async def sweep(self) -> None:
        """Send on what dead workers left, and what broke off; count the calls that live. Raises StoreAway."""
        async for keys in self._keys("ivr:{*}:left"):
            ages = await self._line.ask_all([Command(("PTTL", key)) for key in keys])
            for key, left_ms in zip(keys, ages, strict=True):
                if 0 < left_ms < LEFT_MS - FRESH_MS:
                    await self._send_on(key)
        live = 0
        async for keys in self._keys("ivr:{*}"):
            ages = await self._line.ask_all([Command(("PTTL", key)) for key in keys])
            for key, left_ms in zip(keys, ages, strict=True):
                live += left_ms > ENDED_MS
                if ENDED_MS < left_ms < self._least_ms:
                    await self._broke_off(_sid(key))
        await self._line.ask(self._redis.set(LIVE, live, px=LIVE_MS))

    async def _send_on(self, key: bytes) -> None:
        sid = _sid(key)
        for sealed in await self._line.ask(self._redis.lrange(key.decode(), 0, -1)):
            trace = self._recorder.opened(sid, sealed)
            # Where its secret is gone nothing but the call's name can be read.
            await self._recorder.take([Left(trace or Trace(sid), sealed)])

    async def _broke_off(self, sid: str) -> None:
        if sid in self._told:
            return
        kept = await self._store.load(sid)
        if isinstance(kept, Kept):
            await self._recorder.broke_off(sid, kept.session)
        self._told[sid] = None
        if len(self._told) > _KNOWN:
            self._told.popitem(last=False)

    async def _keys(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Give the keys of a pattern, some at a time; one may come twice."""
        scan = self._redis.scan_iter(match=pattern, count=_AT_ONCE).__aiter__()
        keys: list[bytes] = []
        while True:
            key = await self._line.ask(_next(scan))
            if key is not None:
                keys.append(key)
            if keys and (key is None or len(keys) >= _AT_ONCE):
                yield keys
                keys = []
            if key is None:
                return


async def _next(scan: AsyncIterator[bytes]) -> bytes | None:
    return await anext(scan, None)


def _sid(key: bytes) -> str:
    return key.decode("utf-8", "replace").partition("{")[2].partition("}")[0]
