"""What all workers share, read for `/metrics`: callers who wait for agents, live calls, records and callbacks."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.asyncio import Redis

from ivr.agents.queue import AgentQueue
from ivr.bookings import OPEN
from ivr.call_records.stream import RecordStream
from ivr.call_records.sweep import LIVE
from ivr.counters import Counters
from ivr.library import Library
from ivr.redis_line import RedisLine, StoreAway
from ivr.seals import Seals

PATIENCE_S: Final = 1.0


class Waiting(NamedTuple):
    """The queue of a group: how many wait, and for how many seconds the one has who waits for longest."""

    hotline: str
    group: str
    callers: int
    longest_s: float


class Vitals(NamedTuple):
    """How the service is. What could not be read is None, or missing among the queues.

    `calls` are those that live, as they were counted lately; `records` those that wait for the database; `callbacks`
    those that are open; `confirmed` tells whether the counters of this Redis may grant anything.
    """

    redis: bool
    confirmed: bool | None = None
    calls: int | None = None
    records: int | None = None
    callbacks: int | None = None
    queues: tuple[Waiting, ...] = ()


class VitalsReader:
    """Reads the vitals from Redis; `library` gives the current one, `now` ms since 1970."""

    def __init__(
        self,
        redis: Redis,
        seals: Seals,
        counters: Counters,
        library: Callable[[], Library],
        now: Callable[[], int],
        *,
        deadline: float = PATIENCE_S,
    ) -> None:
        self._redis = redis
        self._line = RedisLine(redis, deadline=deadline)
        self._stream = RecordStream(redis, seals, deadline=deadline)
        self._queue = AgentQueue(redis, seals, now, deadline=deadline)
        self._counters = counters
        self._library = library
        self._now = now

    async def read(self) -> Vitals:
        """Give the vitals; never raises."""
        try:
            return Vitals(
                confirmed=await self._counters.epoch_confirmed(),
                calls=await self._number(LIVE),
                records=await self._stream.length(),
                callbacks=await self._number(OPEN),
                queues=tuple([one async for one in self._queues()]),
                redis=await self._written(),
            )
        except StoreAway:
            return Vitals(redis=False)

    async def _written(self) -> bool:
        try:
            await self._counters.check_written()
        except StoreAway:
            return False
        return True

    async def text(self) -> bytes:
        """Give the vitals as Prometheus text; never raises."""
        return as_text(await self.read())

    async def _number(self, key: str) -> int | None:
        value = await self._line.ask(self._redis.get(key))
        return int(value) if isinstance(value, bytes) and value.isdigit() else None

    async def _queues(self) -> AsyncIterator[Waiting]:
        for name, hotline in self._library().hotlines.hotlines.items():
            for group, agents in hotline.agents.items():
                if agents.queue:
                    waiting = await self._queue.on_the_line(name, group)
                    longest = max((self._now() - one.joined_at for one in waiting), default=0)
                    yield Waiting(name, group, len(waiting), max(0, longest) / 1000)


class _Families(Collector):
    """The vitals as metrics. Values of a `Gauge` would be kept in the files that workers share, and told for ever."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the metrics; what is not known is left out."""
        vitals = self._vitals
        for name, what, value in (
            ("ivr_redis_up", "1 where Redis answers and takes what is written, 0 in public mode.", vitals.redis),
            ("ivr_counters_confirmed", "1 where the counters of this Redis may grant verifications.", vitals.confirmed),
            ("ivr_calls_live", "Calls that are going on, as they were counted within the last minutes.", vitals.calls),
            ("ivr_records_waiting", "Records of calls that wait for the database.", vitals.records),
            ("ivr_callbacks_open", "Callbacks that nobody has made yet.", vitals.callbacks),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, what, value)
        labels = ("hotline", "group")
        callers = GaugeMetricFamily("ivr_queue_callers", "Callers who wait for an agent.", labels=labels)
        longest = GaugeMetricFamily(
            "ivr_queue_longest_wait_seconds", "How long the caller has waited who waits for longest.", labels=labels
        )
        for one in vitals.queues:
            callers.add_metric((one.hotline, one.group), one.callers)
            longest.add_metric((one.hotline, one.group), one.longest_s)
        yield from (callers, longest)


def as_text(vitals: Vitals) -> bytes:
    """Give the vitals as Prometheus text; what is not known is left out, which an alert can tell from 0."""
    registry = CollectorRegistry()
    registry.register(_Families(vitals))
    return generate_latest(registry)
