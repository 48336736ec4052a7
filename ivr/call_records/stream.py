"""The stream of Redis in which records of calls wait, each sealed, for the hotline's database.

There is no consumer group: whoever reads twice writes the same row, and nobody has to claim what a dead reader had.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from redis.asyncio import Redis

from ivr.call_records.record import CallRecord
from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["RecordStream", "StoreAway"]

MOST_WAITING: Final = 100_000
"""Records that may wait: those of an hour with 27 calls a second. Beyond it the oldest are dropped, or Redis would be
full in the end, and that would cost calls."""
KEPT_MS: Final = 7 * 24 * 3600_000
AT_ONCE: Final = 500

_STREAM: Final = "ivr:{records}:waiting"
_WHAT: Final = "call record"


class RecordStream:
    """Records on their way. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._redis: Any = redis
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)

    async def add(self, records: Sequence[CallRecord]) -> None:
        """Put records, or parts of them, into the stream; what was there before stays."""
        for start in range(0, len(records), AT_ONCE):
            commands = [Command(self._added(one)) for one in records[start : start + AT_ONCE]]
            await self._line.ask_all([*commands, Command(("PEXPIRE", _STREAM, KEPT_MS))])

    def _added(self, one: CallRecord) -> tuple[str | bytes | int, ...]:
        sealed = self._seals.seal_struct(one, call=one.call, what=_WHAT)
        return ("XADD", _STREAM, "MAXLEN", "~", MOST_WAITING, "*", "c", one.call, "r", sealed)

    async def waiting(self) -> dict[bytes, CallRecord | None]:
        """Give the oldest that wait, by their ids; None for one that nobody can read, as its secret is gone."""
        entries = await self._line.ask(self._redis.execute_command("XRANGE", _STREAM, "-", "+", "COUNT", AT_ONCE))
        return {id_: self._opened(fields) for id_, fields in entries}

    def _opened(self, fields: Any) -> CallRecord | None:
        try:
            values = dict(fields) if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
            return self._seals.open_struct(values[b"r"], CallRecord, call=values[b"c"].decode(), what=_WHAT)
        except (KeyError, ValueError):
            return None

    async def written(self, ids: Collection[bytes]) -> None:
        """Take out what the database has."""
        if ids:
            await self._line.ask(self._redis.execute_command("XDEL", _STREAM, *ids))

    async def length(self) -> int:
        """Count those that wait."""
        return int(await self._line.ask(self._redis.execute_command("XLEN", _STREAM)))
