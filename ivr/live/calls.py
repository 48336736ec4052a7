"""Tell those who watch where calls are: gathered in the memory of each worker, and sent to Redis twice a second.

A turn only writes into a dictionary. What is sent is sealed, and holds nothing personal: a call has a short name of its
own here, from which neither caller nor CallSid can be found. Where Redis is away nothing is kept but what calls come to
meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from ivr.call import Dial, Edge, End, Session, Turn
from ivr.live.tallies import Tallies
from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway
from ivr.seals import Seals

EVERY_S: Final = 0.4
QUIET_MS: Final = 15 * 60_000
"""A call of which nothing was heard for so long is over, though nobody told: no prompt waits longer than a minute."""
SPEAKING_MS: Final = 6 * 3600_000
"""A talk with a human is no shorter than that."""
MOST_UNSENT: Final = 20_000

CALLS: Final = "ivr:{live}:calls"
WHAT: Final = "live call"

_NAME_LETTERS: Final = 8

log = logging.getLogger(__name__)


class LiveCall(Struct, frozen=True, omit_defaults=True):
    """Where a call is. Instants are ms since 1970; `until` is when it counts as over if nothing more is heard of it.

    `flow` and `node` are where it waits, `ways` what it walked to come there, `flows` the flows that it is in, from the
    first one on. `human`: it waits for a human, or speaks with one.
    """

    name: str
    hotline: str
    lang: str
    version: str
    started: int
    at: int
    until: int
    flow: str = ""
    node: str = ""
    ways: tuple[Edge, ...] = ()
    flows: tuple[str, ...] = ()
    human: bool = False


class LiveCalls:
    """The calls of one worker as they move. `now` gives ms since 1970."""

    def __init__(self, redis: Redis, seals: Seals, now: Callable[[], int], *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._seals = seals
        self._now = now
        self._line = RedisLine(redis, deadline=deadline)
        self._moved: dict[str, tuple[Session, Turn] | None] = {}
        self.tallies = Tallies(now)

    # --- on the path of a call ---

    def moved(self, sid: str, session: Session, turn: Turn) -> None:
        """Take note of a turn that was committed."""
        if session.turn == 0:
            self.tallies.count("calls")
        if len(self._moved) < MOST_UNSENT or sid in self._moved:
            self._moved[sid] = None if isinstance(turn.next, End) else (session, turn)

    def over(self, sid: str) -> None:
        """Take note that a call is over."""
        if len(self._moved) < MOST_UNSENT or sid in self._moved:
            self._moved[sid] = None

    # --- off it ---

    async def watch(self) -> None:
        """Send on what is new, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.send()

    async def send(self) -> None:
        """Send on what is new; where Redis is away counts are lost, and calls are told of again when they move."""
        moved, self._moved = self._moved, {}
        commands = [*self._about(moved), *self.tallies.commands()]
        if not commands:
            return
        try:
            await self._line.ask_all(commands)
        except StoreAway:
            self._moved = {**moved, **self._moved} if len(moved) + len(self._moved) <= MOST_UNSENT else self._moved
        except Exception:
            log.exception("Where calls are could not be told to those who watch.")

    def _about(self, moved: Mapping[str, tuple[Session, Turn] | None]) -> list[Command]:
        gone = [self.name(sid) for sid, place in moved.items() if place is None]
        there: list[str | bytes] = []
        for sid, place in moved.items():
            if place is not None:
                name = self.name(sid)
                there += [name, self._seals.seal_struct(self._live(name, *place), call=name, what=WHAT)]
        commands = []
        if there:
            commands += [Command(("HSET", CALLS, *there)), Command(("PEXPIRE", CALLS, SPEAKING_MS))]
        if gone:
            commands.append(Command(("HDEL", CALLS, *gone)))
        return commands

    def _live(self, name: str, session: Session, turn: Turn) -> LiveCall:
        human = isinstance(turn.next, Dial) or session.place is not None
        flow, node = session.stack[-1] if session.stack else ("", "")
        return LiveCall(
            name=name,
            hotline=session.hotline,
            lang=session.lang,
            version=session.version,
            started=session.started,
            at=self._now(),
            until=self._now() + (SPEAKING_MS if human else QUIET_MS),
            flow=flow,
            node=node,
            ways=turn.path,
            flows=tuple(flow for flow, _ in session.stack),
            human=human,
        )

    def name(self, sid: str) -> str:
        """Give the name by which a call is told to those who watch."""
        return self._seals.name(WHAT, sid)[:_NAME_LETTERS]
