"""What a worker does for the records of its calls: their paths grow with their turns, and what ends is sent on.

The path of a call lies in its session (`ivr.call_records.path`). What is left of a call is kept by the very script that
ends it, in the call's slot, so that no worker's death loses it. A second later the worker sends it on to the stream,
off the path of any call; where it was killed before that, a sweep of another worker does (`ivr.call_records.sweep`).

Calls without Redis leave what there is to tell in the memory of their worker, until Redis is back: only there a killed
worker does lose something, and the record of its call then says that it is not whole.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.call import End, Event, Session, Turn
from ivr.call_records.path import Passage, ends_with, gone_on, joined
from ivr.call_records.record import CallRecord, Ending, Trace, masked, record_of
from ivr.call_records.stream import RecordStream
from ivr.call_records.ways import NOWHERE, KnownWays
from ivr.library import Library
from ivr.pages import Call
from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway
from ivr.seals import Seals
from ivr.stepping import Step
from ivr.store import left_key
from ivr.versions.live import LiveVersions, StillComing

EVERY_S: Final = 1.0
MOST_ASIDE: Final = 20_000
"""Calls whose parts a worker keeps while Redis is away; those that were kept for longest go first."""

_WHAT: Final = "left of a call"

log = logging.getLogger(__name__)


class Left(NamedTuple):
    """What is left of a call: to read, and as it lies in Redis until it is sent on."""

    trace: Trace
    sealed: bytes


class Recorder:
    """The records of one worker's calls. `now` gives milliseconds since 1970."""

    def __init__(
        self, redis: Redis, seals: Seals, versions: LiveVersions, now: Callable[[], int], *, deadline: float = PATIENCE
    ) -> None:
        self.stream = RecordStream(redis, seals, deadline=deadline)
        self._line = RedisLine(redis, deadline=deadline)
        self._seals = seals
        self._versions = versions
        self._now = now
        self._ways = KnownWays()
        self._over: list[Left] = []
        self._aside: OrderedDict[str, Trace] = OrderedDict()
        self._untold: OrderedDict[str, tuple[Call, bool]] = OrderedDict()

    # --- on the path of a call: none of these waits for anything ---

    def path(self, one: Step, session: Session, turn: Turn, library: Library) -> bytes:
        """Give the path of a call after a step."""
        took = round((asyncio.get_running_loop().time() - one.arrived) * 1000)
        now = self._now()
        return gone_on(one.before, session, turn, one.event, self._ways.of(library), now=now, took=took)

    def left(self, call: Call, session: Session | None, ending: Ending, *, spoke: bool = False) -> Left:
        """Give what is to be kept of a call that ends now; without a session nothing is known but its end."""
        trace = Trace(call.sid, masked(call.calling), ended=self._now(), ending=ending, spoke=spoke)
        if session is not None:
            trace = replace(trace, **_told_by(session))
        return Left(trace, self._seals.seal_struct(trace, call=call.sid, what=_WHAT))

    def over(self, left: Left | None) -> None:
        """Take note that a call is over, where it is: what is left of it lies in Redis, and is sent on in a moment."""
        if left is not None:
            self._over.append(left)

    def aside(self, call: Call, before: Session, session: Session, turn: Turn, event: Event, library: Library) -> None:
        """Take note of a turn that was made without Redis."""
        known = self._aside.get(call.sid) or Trace(call.sid, masked(call.calling))
        if ends_with(known.path, session.turn):
            return  # the same webhook again
        session = replace(session, path=known.path)  # what it had in Redis is merged with it there
        path = gone_on(before, session, turn, event, self._ways.of(library), now=self._now(), took=0)
        known = replace(known, **_told_by(replace(session, path=path)))
        if isinstance(turn.next, End):
            known = replace(known, ended=self._now(), ending="hotline")
        self._keep(self._aside, call.sid, known)

    def untold(self, call: Call, *, spoke: bool) -> None:
        """Take note of an end that could not be noted, because Redis is away."""
        self._keep(self._untold, call.sid, (call, spoke))

    def _keep(self, kept: OrderedDict[str, Any], call: str, what: object) -> None:
        kept[call] = what
        if len(kept) > MOST_ASIDE:
            kept.popitem(last=False)

    # --- off it ---

    async def watch(self, ended: Callable[[Call, bool], Awaitable[None]]) -> None:
        """Send on every second, until cancelled. `ended` notes an end again that could not be noted."""
        while True:
            await asyncio.sleep(EVERY_S)
            untold, self._untold = self._untold, OrderedDict()
            while untold and not self._untold:  # else Redis is still away
                _, (call, spoke) = untold.popitem(last=False)
                await ended(call, spoke)
            self._untold = untold | self._untold
            await self.send_on()

    async def send_on(self) -> None:
        """Send on what is left of calls; what Redis does not take now is kept. Never raises."""
        over, self._over = self._over, []
        aside, self._aside = self._aside, OrderedDict()
        try:
            await self.take(over)
            over = []
            await self.stream.add([await self._record(trace) for trace in aside.values()])
        except StoreAway:
            self._over = over + self._over
            for call in aside.keys() & self._aside.keys():  # it went on meanwhile
                self._aside[call] = _joined(aside[call], self._aside[call])
            self._aside = aside | self._aside
        except Exception:  # what cannot be sent must not keep all others from it
            log.exception("Records of calls could not be sent on, and are lost.")

    async def take(self, over: list[Left]) -> None:
        """Send on what lies in Redis of calls that are over, and take it away there. Raises StoreAway."""
        if not over:
            return
        await self.stream.add([await self._record(left.trace) for left in over])
        await self._line.ask_all([Command(("LREM", left_key(left.trace.call), 0, left.sealed)) for left in over])

    async def speaks(self, call: str, agent: str, group: str) -> None:
        """Send on with whom a caller is put through to speak; nobody is held up for it where Redis is away."""
        with contextlib.suppress(StoreAway):
            await self.stream.add([CallRecord(call, started=self._now(), spoke=True, agent=agent, group=group)])

    async def left_word(self, call: str, session: Session) -> None:
        """Send on that a message was left as the call ended; `session` is what it was before it."""
        now = self._now()
        passage = Passage(
            turn=session.turn + 1,
            at=max(now - session.started, 0),
            took=0,
            here=NOWHERE,
            lang=session.lang,
            human=True,
            left_word=True,
        )
        with contextlib.suppress(StoreAway):
            await self.stream.add([CallRecord(call, started=session.started, passages=(passage,))])

    async def broke_off(self, call: str, session: Session) -> None:
        """Send on the record of a call of which nothing has been heard since its last turn. Raises StoreAway."""
        calling, _ = session.parties
        trace = replace(Trace(call, masked(calling), ended=session.last_at), **_told_by(session))
        await self.stream.add([await self._record(trace)])

    async def _record(self, trace: Trace) -> CallRecord:
        library = await self._library(trace.version) if trace.version else None
        return record_of(trace, self._ways.of(library) if library is not None else None)

    async def _library(self, version: str) -> Library | None:
        for _ in range(3):
            try:
                return await self._versions.find(version)
            except StillComing:
                continue
        return None

    def opened(self, call: str, sealed: bytes) -> Trace | None:
        """Read what is left of a call; None for what cannot be read."""
        return self._seals.open_struct(sealed, Trace, call=call, what=_WHAT)


def _told_by(session: Session) -> dict[str, Any]:
    return {
        "hotline": session.hotline,
        "version": session.version,
        "started": session.started,
        "path": session.path,
    }


def _joined(before: Trace, after: Trace) -> Trace:
    """Give one trace of two that follow each other."""
    path = joined(before.path, after.path)
    if after.ending == "unknown":
        return replace(after, path=path, ended=before.ended, ending=before.ending)
    return replace(after, path=path)
