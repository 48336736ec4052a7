"""The others who wait for a human, as a call script tells of them: in memory for the engine, in Redis over HTTP."""

from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple

from hotline_under_test import SECRET_KEY
from redis.asyncio import Redis

from ivr.agents.queue import AgentQueue, Waiter
from ivr.call import Session
from ivr.library import Library
from ivr.seals import Seals

GROUP = "general"
MINUTE_MS = 60_000
ANSWERS = 10


class Stood(NamedTuple):
    """Where a caller stands."""

    ahead: int
    minutes: int | None


class RememberedQueue:
    """The queue of one script, in memory: how many are before its caller, and how many behind."""

    def __init__(self, ahead: int, *, offered: bool, brisk: bool) -> None:
        self.before, self.behind = ahead, 0
        self.brisk = brisk
        self.offered = offered
        self.booked = ""
        self._joined: int | None = None

    async def stands(self, _call: str, session: Session, _library: Library) -> Stood:
        """Tell where the caller stands; who has no place any more is behind all others."""
        assert session.place is not None
        if self._joined != session.place.joined:
            self.before, self.behind, self._joined = self.before + self.behind, 0, session.place.joined
        return Stood(self.before, self.before + 1 if self.brisk else None)

    def comes(self) -> None:
        self.behind += 1

    def goes(self) -> None:
        self.before -= 1

    async def aside(self, _call: str, _session: Session) -> None: ...

    async def gone(self, _call: str, _session: Session) -> None: ...

    async def served(self, _call: str, _session: Session) -> str:
        return ""

    async def speaks(self, _call: str, _session: Session) -> bool:
        return False

    async def to_callback(self, _call: str, _session: Session, _library: Library, booking: str) -> None:
        self.booked = booking


class OthersInQueue:
    """Those who wait in the real queue beside the caller of a script; `stay` before each step, or they vanish."""

    def __init__(self, redis: Redis, hotline: str, clock: Callable[[], int]) -> None:
        seals = Seals([b64decode(SECRET_KEY)])
        self._queue = AgentQueue(redis, seals, clock, deadline=5)
        self._earlier = AgentQueue(redis, seals, lambda: self._at, deadline=5)
        self._at = 0
        self._hotline = hotline
        self._clock = clock
        self._waiting: list[Waiter] = []

    async def are(self, ahead: int, *, brisk: bool) -> None:
        """Let them wait already; `brisk`: ten callers were answered, one a minute."""
        now = self._clock()
        for answered in range(ANSWERS if brisk else 0):
            self._at = now - (ANSWERS - answered) * MINUTE_MS
            await self._earlier.join(self._other(f"answered-{answered}", self._at))
            await self._earlier.bridged(self._hotline, GROUP, f"answered-{answered}")
            await self._earlier.leave(self._hotline, GROUP, f"answered-{answered}")
        for place in range(ahead):
            self._waiting.append(self._other(f"ahead-{place}", now - MINUTE_MS))
        await self.stay()

    async def stay(self) -> None:
        for one in self._waiting:
            await self._queue.join(one)

    async def comes(self) -> None:
        self._waiting.append(self._other(f"behind-{len(self._waiting)}", self._clock()))
        await self.stay()

    async def goes(self) -> None:
        await self._queue.leave(self._hotline, GROUP, self._waiting.pop(0).call)

    def _other(self, name: str, at: int) -> Waiter:
        return Waiter(name, self._hotline, GROUP, at)
