"""Who is at the console: what agents say of themselves, as long as their browsers give signs."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ivr.agents.accounts import Account
from ivr.redis_line import Command, RedisLine

State = Literal["ready", "break", "wrap_up"]
STATES: Final[tuple[State, ...]] = ("ready", "break", "wrap_up")

GONE_MS: Final = 30_000
"""So long after the last sign of an agent's browser nobody is there."""

KEY: Final = "ivr:{desk}:presence"
KEPT_MS: Final = 24 * 3600_000


class _Kept(Struct, frozen=True):
    name: str
    state: State
    since: int
    seen: int
    groups: tuple[str, ...] = ()


class Present(NamedTuple):
    """An agent at the console: in which state, since when (ms since 1970), and whether signs still come.

    `groups` are those of the account, none for a supervisor of all.
    """

    agent: str
    name: str
    state: State
    since: int
    here: bool
    groups: tuple[str, ...] = ()


class Presence:
    """What agents say of themselves. Every method raises StoreAway where Redis does not confirm."""

    def __init__(self, redis: Redis, now: Callable[[], int], *, deadline: float) -> None:
        self._redis = redis
        self._now = now
        self._line = RedisLine(redis, deadline=deadline)

    async def set(self, account: Account, state: State) -> None:
        """Note what an agent does from now on."""
        now = self._now()
        kept = _Kept(account.name, state, now, now, tuple(map(str, account.groups)))
        await self._write({str(account.id): kept})

    async def seen(self, accounts: Iterable[Account]) -> dict[str, Present]:
        """Note that these agents' browsers give signs, and give everybody by the id of the account.

        Who has not been there comes as one who takes a break: only agents themselves say that they are ready.
        """
        now, found = self._now(), await self._read()
        signs = {}
        for account in accounts:
            before = found.get(str(account.id))
            if before is None or not _is_here(before, now):
                signs[str(account.id)] = _Kept(account.name, "break", now, now, tuple(map(str, account.groups)))
            elif now - before.seen >= GONE_MS // 6:
                signs[str(account.id)] = msgspec.structs.replace(before, seen=now)
        if signs:
            await self._write(signs)
        everybody = found | signs
        return {
            agent: Present(agent, kept.name, kept.state, kept.since, _is_here(kept, now), kept.groups)
            for agent, kept in everybody.items()
        }

    async def wraps_up(self, agent: str) -> None:
        """Note that an agent has done with a caller, and writes down what came of it."""
        kept = (await self._read()).get(agent)
        if kept is not None:
            await self._write({agent: msgspec.structs.replace(kept, state="wrap_up", since=self._now())})

    async def left(self, agent: str) -> None:
        """Note that an agent is gone."""
        await self._line.ask(self._redis.hdel(KEY, agent))

    async def _read(self) -> dict[str, _Kept]:
        kept: dict[Any, Any] = await self._line.ask(self._redis.hgetall(KEY))
        found = {}
        for agent, packed in kept.items():
            try:
                found[agent.decode()] = msgspec.msgpack.decode(packed, type=_Kept)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return found

    async def _write(self, kept: dict[str, _Kept]) -> None:
        fields = [word for agent, one in kept.items() for word in (agent, msgspec.msgpack.encode(one))]
        await self._line.ask_all([Command(("HSET", KEY, *fields)), Command(("PEXPIRE", KEY, KEPT_MS))])


def _is_here(kept: _Kept, now: int) -> bool:
    return now - kept.seen < GONE_MS
