"""How much happened in a minute, an hour, a day: counted by each worker, added up in Redis, a week back.

Only names of flows, nodes and ways are counted by, and names from fixed lists; nothing personal.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from ivr.redis_line import Command, RedisLine

CHINA_MS: Final = 8 * 3600_000
"""China's time is so much ahead, and has no summer: its days are counted."""

Span = Literal["minute", "hour", "day"]

LENGTH_MS: Final[Mapping[Span, int]] = {"minute": 60_000, "hour": 3600_000, "day": 24 * 3600_000}
KEPT_MS: Final[Mapping[Span, int]] = {"minute": 3 * 3600_000, "hour": 26 * 3600_000, "day": 9 * 24 * 3600_000}

BOUNDS_MS: Final = tuple(round(5 * 1.25**step) for step in range(33))
"""Upper bounds, in ms, of the classes in which the times of turns are counted: 5 ms to 6 s, each a quarter wider."""


def number_of(span: Span, at: int) -> int:
    """Give the number of the minute, hour or day (of China) in which an instant lies, in ms since 1970."""
    return (at + CHINA_MS) // LENGTH_MS[span]


def began(span: Span, number: int) -> int:
    """Give when a minute, hour or day began, in ms since 1970."""
    return number * LENGTH_MS[span] - CHINA_MS


class Tallies:
    """What one worker has counted and not sent yet. `now` gives ms since 1970."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counted: dict[tuple[Span, int], Counter[str]] = {}

    def turn(self, seconds: float) -> None:
        """Count a webhook of a call by the time that its answer took."""
        self.count(f"turn {bisect_left(BOUNDS_MS, seconds * 1000)}", ("minute", "hour", "day"))

    def count(self, what: str, spans: Sequence[Span]) -> None:
        """Count something that happens now."""
        now = self._now()
        for span in spans:
            key = (span, number_of(span, now))
            counter = self._counted.get(key)
            if counter is None:
                counter = self._counted[key] = Counter()
            counter[what] += 1

    def commands(self) -> list[Command]:
        """Give what adds up in Redis what was counted, and forget it."""
        counted, self._counted = self._counted, {}
        commands = []
        for (span, number), counter in counted.items():
            key = _key(span, number)
            commands += [Command(("HINCRBY", key, what, count)) for what, count in counter.items()]
            commands.append(Command(("PEXPIRE", key, KEPT_MS[span])))
        return commands


class Tally(NamedTuple):
    """What was counted in a span of time that began at `began`, in ms since 1970."""

    began: int
    counts: Mapping[str, int]

    def of(self, what: str) -> int:
        """Give how often something was."""
        return self.counts.get(what, 0)

    def under(self, word: str) -> dict[str, int]:
        """Give all counts whose names begin with a word, by the rest of their names."""
        start = f"{word} "
        return {what.removeprefix(start): count for what, count in self.counts.items() if what.startswith(start)}

    def quickest(self, share: float) -> int | None:
        """Give the ms within which this share of turns was answered; None where there were none.

        It is the upper bound of a class, a quarter more than the truth at most; beyond the last one it is that one.
        """
        turns = {int(place): count for place, count in self.under("turn").items()}
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


async def read(line: RedisLine, span: Span, count: int, now: int) -> list[Tally]:
    """Read the last tallies of a span, the present one last. Raises StoreAway."""
    present = number_of(span, now)
    numbers = range(present - count + 1, present + 1)
    answers = await line.ask_all([Command(("HGETALL", _key(span, number))) for number in numbers])
    return [Tally(began(span, number), _counts(answer)) for number, answer in zip(numbers, answers, strict=True)]


def _key(span: Span, number: int) -> str:
    return f"ivr:{{live}}:{span}:{number}"


def _counts(answer: Any) -> dict[str, int]:
    pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    return {what.decode(): int(count) for what, count in pairs}
