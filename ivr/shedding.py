"""New calls beyond what a hotline takes get a short answer at once, counted in the process without asking Redis."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any

from ivr.call import End, Turn
from ivr.calling_numbers import is_telephone
from ivr.flow import Limits
from ivr.library import Library
from ivr.metrics import Metrics
from ivr.pages import Call, Page
from ivr.prompts import speak

BURST_S = 4
"""Seconds' worth of new calls that may come at once, where it was quiet before."""
MOST_KNOWN = 20_000
"""Callers, and calls, that a worker remembers; those that were quiet for longest are forgotten first."""


class _Bucket:
    """What may still come now; it fills again with time."""

    __slots__ = ("at", "left")

    def __init__(self, full: float, at: float) -> None:
        self.left = full
        self.at = at

    def fill(self, a_second: float, now: float) -> float:
        """Fill for the time that has passed, and give what is in it."""
        self.left = min(a_second * BURST_S, self.left + (now - self.at) * a_second)
        self.at = now
        return self.left


class Shedding:
    """Which new calls are taken. `library` gives the current one, `write` is the channel's, `clock` is in seconds.

    Each caller has a bucket, and so has each hotline; a caller's is looked at first, so that one number alone does not
    take the hotline away from all others. Withheld numbers share none: they are not one caller.
    """

    def __init__(
        self,
        library: Callable[[], Library],
        write: Callable[[Page], bytes],
        metrics: Metrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._library = library
        self._write = write
        self._metrics = metrics
        self._clock = clock
        self._callers: OrderedDict[str, _Bucket] = OrderedDict()
        self._hotlines: dict[str, _Bucket] = {}
        self._decided: OrderedDict[str, bool] = OrderedDict()
        self._answers: dict[tuple[str, str], bytes] = {}

    def sheds(self, call: Call) -> bytes | None:
        """Give the answer of a call that is not taken; None for one that is. The same call is decided on once."""
        taken = self._decided.get(call.sid)
        name, hotline = self._library().hotline_for(call.dialled)
        if taken is None:
            over = self._over(name, hotline.limits, call.calling)
            if over:
                self._metrics.call_shed(over)
            taken = self._decided[call.sid] = not over
            _forget_the_oldest(self._decided)
        return None if taken else self._answer(name, hotline.languages[0])

    def shed(self, call: Call) -> bool:
        """Tell whether a call was not taken, here: of such a call nothing is kept, so its end is no news."""
        return self._decided.get(call.sid) is False

    def floods(self, call: Call) -> bool:
        """Tell whether a call was not taken, or comes from a number whose next call would not be taken."""
        if self.shed(call):
            return True
        bucket = self._callers.get(call.calling)
        if bucket is None:
            return False
        _, hotline = self._library().hotline_for(call.dialled)
        return bucket.fill(hotline.limits.new_calls_per_caller_a_second, self._clock()) < 1

    def _over(self, name: str, limits: Limits, calling: str) -> str:
        """Take a new call, or give the limit that it is over."""
        now = self._clock()
        caller: _Bucket | None = None
        if is_telephone(calling):
            of_one = limits.new_calls_per_caller_a_second
            caller = self._callers.setdefault(calling, _Bucket(of_one * BURST_S, now))
            self._callers.move_to_end(calling)
            _forget_the_oldest(self._callers)
            if caller.fill(of_one, now) < 1:
                return "caller"
        of_all = limits.new_calls_a_second
        everybody = self._hotlines.setdefault(name, _Bucket(of_all * BURST_S, now))
        if everybody.fill(of_all, now) < 1:
            return "hotline"
        everybody.left -= 1
        if caller is not None:
            caller.left -= 1
        return ""

    def _answer(self, name: str, lang: str) -> bytes:
        library = self._library()
        key = (library.version, name)
        if key not in self._answers:
            said = speak(library.catalogs, "call.shed", {}, lang, offered=library.hotlines.hotlines[name].languages)
            self._answers = {key: self._write(Page(Turn(said, End()), "", "turn"))} | {
                known: answer for known, answer in self._answers.items() if known[0] == library.version
            }
        return self._answers[key]


def _forget_the_oldest(known: OrderedDict[str, Any]) -> None:
    while len(known) > MOST_KNOWN:
        known.popitem(last=False)
