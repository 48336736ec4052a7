"""What the last minutes were like: counted by each worker, added up in Redis, seen at once.

What came of calls, and longer times, is told by their records; here is only what cannot wait until a call is over.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ivr.redis_line import Command, RedisLine

MINUTE_MS: Final = 60_000
KEPT_MS: Final = 3 * 3600_000

BOUNDS_MS: Final = tuple(round(5 * 1.25**step) for step in range(33))
"""Upper bounds, in ms, of the classes in which the times of turns are counted: 5 ms to 6 s, each a quarter wider."""

_TURNS: Final = tuple(f"turn {place}" for place in range(len(BOUNDS_MS) + 1))


class Tallies:
    """What one worker has counted and not sent yet. `now` gives ms since 1970."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counted: dict[int, dict[str, int]] = {}

    def turn(self, seconds: float) -> None:
        """Count a webhook of a call by the time that its answer took."""
        self.count(_TURNS[bisect_left(BOUNDS_MS, seconds * 1000)])

    def count(self, what: str) -> None:
        """Count something that happens now."""
        counted = self._counted.setdefault(self._now() // MINUTE_MS, {})
        counted[what] = counted.get(what, 0) + 1

    def commands(self) -> list[Command]:
        """Give what adds up in Redis what was counted, and forget it."""
        counted, self._counted = self._counted, {}
        commands = []
        for minute, counter in counted.items():
            commands += [Command(("HINCRBY", _key(minute), what, count)) for what, count in counter.items()]
            commands.append(Command(("PEXPIRE", _key(minute), KEPT_MS)))
        return commands


class Tally(NamedTuple):
    """What was counted in a minute, or some of them, from `began` on, in ms since 1970."""

    began: int
    counts: Mapping[str, int]

    def of(self, what: str) -> int:
        """Give how often something was."""
        return self.counts.get(what, 0)

    @property
    def turns(self) -> dict[int, int]:
        """The webhooks by the class of their time, see `BOUNDS_MS`."""
        return {int(what[5:]): count for what, count in self.counts.items() if what.startswith("turn ")}

    def quickest(self, share: float) -> int | None:
        """Give the ms within which this share of turns was answered; None where there were none.

        It is the upper bound of a class, a quarter more than the truth at most; beyond the last one it is that one.
        """
        turns = self.turns
        wanted, so_far = share * sum(turns.values()), 0
        for place in sorted(turns):
            so_far += turns[place]
            if so_far >= wanted:
                return BOUNDS_MS[min(place, len(BOUNDS_MS) - 1)]
        return None


def added(tallies: Sequence[Tally]) -> Tally:
    """Add tallies up; the first one tells when it all began."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally.counts)
    return Tally(tallies[0].began if tallies else 0, total)


async def read(line: RedisLine, count: int, now: int) -> list[Tally]:
    """Read the tallies of the last minutes, the present one last. Raises StoreAway."""
    minutes = range(now // MINUTE_MS - count + 1, now // MINUTE_MS + 1)
    answers = await line.ask_all([Command(("HGETALL", _key(minute))) for minute in minutes])
    return [Tally(minute * MINUTE_MS, _counts(answer)) for minute, answer in zip(minutes, answers, strict=True)]


def _key(minute: int) -> str:
    return f"ivr:{{live}}:minute:{minute}"


def _counts(answer: Any) -> dict[str, int]:
    pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    return {what.decode(): int(count) for what, count in pairs}
