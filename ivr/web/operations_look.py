"""What the operations page shows: looked up in Redis twice a second, in the database now and then."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.callback_list import CallbackList
from ivr.agents.queue import AgentQueue
from ivr.call_records.figures import Figures
from ivr.call_records.record import OUTCOMES, Outcome
from ivr.call_records.stream import RecordStream
from ivr.database.line import DatabaseAwayError, DatabaseLine
from ivr.health import Fault, Kind, unannounced_day
from ivr.live.board import Board
from ivr.live.calls import LiveCall
from ivr.live.tallies import Tally, added
from ivr.orders import Orders
from ivr.redis_line import StoreAway
from ivr.walk import china_time
from ivr.web.parts import Parts

SLOW_S: Final = 10.0
"""Seconds after which the database is asked again."""
MANY_RECORDS: Final = 1000
LATE_MS: Final = 24 * 3600_000
"""Who books in the evening is called back in the morning, or after a holiday; a day is late on most days."""
SLOW_TURN_MS: Final = 4000
MINUTES: Final = 60
"""Minutes of which the numbers of calls are shown."""
LATELY: Final = 5
"""Minutes over which the times of turns are told."""

_FAULTS: Final[Mapping[Kind, str]] = {
    "store": "Redis 没有应答：来电只能听政策、转人工，不能核验身份。",
    "full": "Redis 写不进去（满了，或者是副本）：来电只能听政策、转人工，不能核验身份。",
    "counters": "Redis 的计数器没有确认：在运行 ivr counters confirm 以前，不能核验身份。",
    "accounts": "账户系统没有应答：打电话的人马上会听到，政策咨询和人工服务照常。",
    "audit": "审计记录写不进去（{}）：不播报任何个人信息。",
}

Given = TypeVar("Given")


class Queue(NamedTuple):
    """A queue: how many callers wait in it, since when the first of them (ms since 1970), and how many speak."""

    hotline: str
    group: str
    waiting: int
    since: int | None
    speaking: int


class Slow(NamedTuple):
    """What the database tells: today's calls by outcome, and callbacks; `late` ones were booked a day ago."""

    outcomes: Mapping[Outcome, int]
    callbacks: int
    late: int


class Now(NamedTuple):
    """What is so now. `calls` is None where Redis does not answer; `slow` where the database did not, so far."""

    at: int
    calls: Sequence[LiveCall] | None
    minutes: Sequence[Tally]
    queues: Sequence[Queue]
    faults: Sequence[Fault]
    records: int
    breaker: str
    version: str
    problems: int
    undecided: str
    orders: Orders
    slow: Slow | None
    database_away: bool

    @property
    def lately(self) -> Tally:
        """What was counted in the last minutes."""
        return added(self.minutes[-LATELY:])

    @property
    def nodes(self) -> list[tuple[str, int]]:
        """Where calls are, most of them first."""
        return Counter(f"{call.flow} / {call.node}" for call in self.calls or ()).most_common()

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The flow versions in use with their calls; new calls begin with the first."""
        counted = Counter(call.version for call in self.calls or ())
        return [(self.version, counted.pop(self.version, 0)), *counted.most_common()]


class Lookout:
    """Looks for all who watch at one worker. `figures` adds records up for charts and map as well."""

    def __init__(self, parts: Parts, board: Board, database: DatabaseLine) -> None:
        self._parts = parts
        self._board = board
        self._database = database
        self._queue = AgentQueue(parts.redis, parts.seals, parts.now, deadline=parts.patience)
        self._records = RecordStream(parts.redis, parts.seals, deadline=parts.patience)
        self._figures: tuple[AsyncEngine, Figures] | None = None
        self._slow: Slow | None = None
        self._database_away = False
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -SLOW_S

    async def look(self) -> Now:
        """Look at everything. Never raises StoreAway: that Redis is away is something to see."""
        self._ask_the_database()
        parts = self._parts
        library = parts.versions.current
        at = parts.now()
        calls: Sequence[LiveCall] | None = None
        minutes: Sequence[Tally] = ()
        queues: Sequence[Queue] = ()
        records = 0
        faults = await parts.health.faults()
        try:
            calls = await self._board.calls()
            minutes = await self._board.minutes(MINUTES)
            queues = await self._queues()
            records = await self._records.length()
        except StoreAway:
            calls = None
        return Now(
            at=at,
            calls=calls,
            minutes=minutes,
            queues=queues,
            faults=faults,
            records=records,
            breaker=parts.health.breaker,
            version=library.version,
            problems=parts.problems(),
            undecided=unannounced_day(library, at) or "",
            orders=parts.orders.now,
            slow=self._slow,
            database_away=self._database_away,
        )

    async def figures(self, add_up: Callable[[Figures], Awaitable[Given]]) -> Given:
        """Add up records. Raises DatabaseAwayError."""

        async def task(engine: AsyncEngine) -> Given:
            if self._figures is None or self._figures[0] is not engine:
                self._figures = (engine, Figures(engine))
            return await add_up(self._figures[1])

        return await self._database.ask(task)

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _queues(self) -> list[Queue]:
        found = []
        for name, hotline in self._parts.versions.current.hotlines.hotlines.items():
            for group, agents in hotline.agents.items():
                if agents.queue:
                    waiting = await self._queue.on_the_line(name, group)
                    speaking = await self._queue.speaking(name, group)
                    since = waiting[0].joined_at if waiting else None
                    found.append(Queue(name, group, len(waiting), since, len(speaking)))
        return found

    def _ask_the_database(self) -> None:
        clock = asyncio.get_running_loop().time()
        if (self._asking is None or self._asking.done()) and clock - self._asked_at >= SLOW_S:
            self._asked_at = clock
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        now = self._parts.now()
        midnight = round(china_time(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
        minute = now - now % 60_000 + 60_000
        try:
            tally = await self.figures(lambda figures: figures.tally(midnight, minute))
            open_ = await self._database.ask(lambda engine: CallbackList(engine, self._parts.seals).open())
        except DatabaseAwayError:
            self._database_away = True
            return
        late = sum(callback.booked_at < now - LATE_MS for callback in open_)
        outcomes = {outcome: tally.every.outcomes[outcome] for outcome in OUTCOMES}
        self._slow, self._database_away = Slow(outcomes, len(open_), late), False


def wrongs(now: Now) -> list[str]:
    """Say in sentences what is wrong, and what therefore is not had."""
    said = [_FAULTS[fault.kind].format(fault.why) for fault in now.faults]
    if now.database_away:
        said.append("数据库没有应答：通话记录先留在 Redis 里，回电和统计看不到。")
    if now.records > MANY_RECORDS:
        said.append(f"有 {now.records} 条通话记录还没有写进数据库。")
    if now.problems:
        said.append(f"流程文件有 {now.problems} 处错误，所以仍用原来的版本；运行 ivr check 可以看到每一处。")
    if now.undecided:
        said.append("以后六十天里有些日子还不知道是否上班，请把放假通知写进 flows/working_days.yaml。")
    if now.slow is not None and now.slow.late:
        said.append(f"有 {now.slow.late} 个回电预约过了一天还没有办完。")
    slowest = now.lately.quickest(0.99)
    if slowest is not None and slowest > SLOW_TURN_MS:
        said.append(f"最近{LATELY}分钟最慢的百分之一应答用了 {slowest} 毫秒以上，打电话的人会听到提示音。")
    return said
