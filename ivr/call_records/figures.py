"""What the records of a time add up to: ways walked, callers lost on the way, outcomes, seconds; for reports and pages.

A page asks `Figures`, which reads the records of two instants and adds them up as a `Tally`: `edges` and `visits` are
the heat of a map of the flows, `drops` says where callers were lost and how, `timeline` has the calls of a day or week.
"""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.call import Edge
from ivr.call_records.archive import Archive, Archived
from ivr.call_records.path import Passage
from ivr.call_records.record import CallRecord, Outcome, follows
from ivr.call_records.ways import NOWHERE, Place

Drop = Literal["hung_up", "agent", "silence", "wrong_keys"]
DROPS: Final[tuple[Drop, ...]] = ("hung_up", "agent", "silence", "wrong_keys")
"""How a node loses a caller: who hung up there without an answer, asked for a human, or had no tries left."""

FRESH_S: Final = 30.0
"""For so long what was added up is given again: several people look at the same page."""

_MOST_KEPT: Final = 50
_IN_A_ROW: Final = 50


@dataclass
class Group:
    """Some of the calls: how many, what became of them, and ms until the first answer of those that got one."""

    calls: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    answered_after: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: Outcome, answered_after: int | None) -> None:
        """Add a call."""
        self.calls += 1
        self.outcomes[outcome] += 1
        if answered_after is not None:
            self.answered_after[answered_after] += 1

    @property
    def containment(self) -> float | None:
        """The share of calls that self-service alone was enough for; None where there are none."""
        return self.outcomes["self_service"] / self.calls if self.calls else None


class Trouble(NamedTuple):
    """A prompt that callers have trouble with: how often it was heard, and what they did who did not go on."""

    place: Place
    heard: int
    silences: int
    wrong_keys: int
    repeats: int
    hung_up: int

    @property
    def share(self) -> float:
        """The share of hearings that led nowhere."""
        return (self.silences + self.wrong_keys + self.repeats + self.hung_up) / self.heard


@dataclass
class Tally:
    """What calls add up to. `visits` counts how often a call listened at a node, `edges` how often a way was walked.

    `unwhole` are the records that say of themselves that some of the call is missing. `ages` are the groups by age band
    (empty where it is not known), `paces` by slow mode.
    """

    every: Group = field(default_factory=Group)
    unwhole: int = 0
    ages: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    paces: dict[bool, Group] = field(default_factory=lambda: defaultdict(Group))
    edges: Counter[Edge] = field(default_factory=Counter)
    visits: Counter[Place] = field(default_factory=Counter)
    drops: Counter[tuple[Place, Drop]] = field(default_factory=Counter)
    slips: Counter[tuple[Place, str]] = field(default_factory=Counter)
    scores: Counter[str] = field(default_factory=Counter)

    def add(self, record: CallRecord, survey: str = "") -> None:
        """Add a call, and what its caller thought of the human."""
        outcome, after = record.outcome, record.answered_after
        for group in (self.every, self.ages[record.age], self.paces[record.slow]):
            group.add(outcome, after)
        self.unwhole += not record.whole
        if survey:
            self.scores[survey] += 1
        before: Passage | None = None
        for passage in record.passages:
            self.edges.update(passage.edges)
            if passage.here != NOWHERE:
                self.visits[passage.here] += 1
            if before is not None and follows(before, passage) and before.here != NOWHERE:
                if passage.slip:
                    self.slips[before.here, passage.slip] += 1
                if drop := _dropped(before, passage):
                    self.drops[before.here, drop] += 1
            before = passage
        if before is not None and record.ending != "hotline" and outcome == "gave_up":
            self.drops[before.here, "hung_up"] += 1

    def worst(self, most: int = 10) -> list[Trouble]:
        """Give the prompts with which callers have most trouble, by nodes.

        They are ordered by the least share that is likely (the lower end of Wilson's interval of 95 %), so that a node
        that three callers heard is not the worst of all.
        """
        found = [
            Trouble(
                place=place,
                heard=heard,
                silences=self.slips[place, "silence"],
                wrong_keys=self.slips[place, "wrong"],
                repeats=self.slips[place, "again"],
                hung_up=self.drops[place, "hung_up"],
            )
            for place, heard in self.visits.items()
        ]
        found = [one for one in found if one.share]
        return sorted(found, key=lambda one: (-_at_least(one.share, one.heard), one.place))[:most]


def _dropped(before: Passage, passage: Passage) -> Drop | None:
    if any(edge.via == "lost" for edge in passage.edges):
        return "silence" if passage.slip == "silence" else "wrong_keys"
    return "agent" if passage.human and not before.human else None


def _at_least(share: float, count: int, z: float = 1.96) -> float:
    middle = share + z * z / (2 * count)
    spread = z * sqrt((share * (1 - share) + z * z / (4 * count)) / count)
    return max(0.0, (middle - spread) / (1 + z * z / count))


@dataclass
class Bucket:
    """Some minutes of a day or a week, from `at` on. `took` counts turns by the ms that their answers took."""

    at: int
    calls: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    took: Counter[int] = field(default_factory=Counter)

    def add(self, record: CallRecord) -> None:
        """Add a call."""
        self.calls += 1
        self.outcomes[record.outcome] += 1
        self.took.update(one.took for one in record.passages if not one.public)

    def percentile(self, share: float) -> int | None:
        """Give the ms within which this share of the turns was answered."""
        return percentile(self.took, share)


def percentile(counted: Counter[int], share: float) -> int | None:
    """Give the value that this share of what was counted does not exceed; None where nothing was counted."""
    most = share * counted.total()
    so_far = 0
    for value in sorted(counted):
        so_far += counted[value]
        if so_far >= most:
            return value
    return None


class Figures:
    """Adds up the records of a database. Methods raise what its driver raises; instants are ms since 1970.

    Every few records others have their turn: a worker that adds up answers calls meanwhile. Whatever was asked for
    within the last `FRESH_S` is not added up again, so pages ask for whole minutes.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._archive = Archive(engine)
        self._known: OrderedDict[tuple[object, ...], tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def tally(self, first: int, last: int) -> Tally:
        """Add up the calls that began in a time (``last`` excluded)."""
        tally: Tally = await self._lately(("tally", first, last), lambda: self._tally(first, last))
        return tally

    async def timeline(self, first: int, last: int, every_ms: int) -> list[Bucket]:
        """Give calls, outcomes and turns for each stretch of a time, also for those in which nobody called."""
        key = ("timeline", first, last, every_ms)
        found: list[Bucket] = await self._lately(key, lambda: self._timeline(first, last, every_ms))
        return found

    async def _lately(self, key: tuple[object, ...], add_up: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        clock = asyncio.get_running_loop().time
        at, known = self._known.get(key, (0.0, None))
        if known is None or (known.done() and (clock() > at + FRESH_S or known.cancelled() or known.exception())):
            known = asyncio.create_task(add_up())
            self._known[key] = (clock(), known)
            if len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return await asyncio.shield(known)

    async def _tally(self, first: int, last: int) -> Tally:
        tally = Tally()
        async for one in self._each(first, last):
            tally.add(one.record, one.survey)
        return tally

    async def _timeline(self, first: int, last: int, every_ms: int) -> list[Bucket]:
        buckets = [Bucket(at) for at in range(first, last, every_ms)]
        async for record, _ in self._each(first, last):
            buckets[(record.began - first) // every_ms].add(record)
        return buckets

    async def _each(self, first: int, last: int) -> AsyncIterator[Archived]:
        async for some in self._archive.between(first, last):
            for place, one in enumerate(some):
                if place % _IN_A_ROW == 0:
                    await asyncio.sleep(0)
                yield one
