"""The circuit breaker before the account service: while it is out, callers are told at once instead of waiting for it.

It does nothing by itself: the client asks it before each request, tells it what came of it, and probes when told to.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

State = Literal["closed", "open", "half_open"]

WINDOW: Final = 10.0
"""Seconds for which a failure counts against the service; any answer in between wipes it out."""
ENOUGH: Final = 8
"""Failures after which the service is out, though it may say that it is well."""
OVERDUE: Final = 2.3
"""Seconds after which a request counts as failed although it is still waited for, or ten seconds would pass."""
WEIGHT_OVERDUE: Final = 4
"""A quick failure costs its caller nothing, a request that hangs costs ten seconds: two of these are enough."""
SUSPICIOUS: Final = 0.75
"""Seconds after which an unanswered request is a reason to look whether the service is there at all."""
PROBE_EVERY: Final = 1.0
PROBE_WITHIN: Final = 1.8
"""Together with SUSPICIOUS and one LOOK less than three seconds, and more than the two that a slow service may take."""
LOOK: Final = 0.2
GOOD_PROBES: Final = 3
"""After so many in a row it is closed, also where nobody has called meanwhile."""
TRIAL_AFTER: Final = 5.0
"""Seconds after which one request is let through although the probe fails: /healthz alone shuts nobody out."""
SCOUT_EVERY: Final = 10.0
"""While the probe still fails, so often somebody is asked for a number, whose verification can be that one request."""


class Breaker:
    """Closed: everybody asks. Open: nobody does. Half open: one at a time, whose answer closes it.

    It opens when failures have added up, or at the first one (or the first request that takes long) where a probe of
    the service fails as well. `now` gives seconds on a clock that only runs forward; `changed` is told every new state.
    """

    def __init__(
        self, now: Callable[[], float] = time.monotonic, changed: Callable[[State], None] = lambda _: None
    ) -> None:
        self.state: State = "closed"
        self._now = now
        self._changed = changed
        self._ticket = 0
        self._waiting: dict[int, float] = {}  # when each request that is under way began, the oldest first
        self._overdue: set[int] = set()
        self._failures: deque[tuple[float, int]] = deque()  # when, and how much each weighs
        self._answered_at = self._probed_at = float("-inf")
        self._opened_at = 0.0
        self._opened_after = 0  # the last ticket of the time before it opened
        self._good = 0
        self._scout_at = float("-inf")

    # --- requests ---

    def in_vain(self) -> bool:
        """Tell whether a caller would be asked for a number in vain: by all signs the service will not answer."""
        if self.state == "closed" or (self.state == "half_open" and self._good):
            return False
        now = self._now()
        if self.state == "open" or now - self._scout_at < SCOUT_EVERY:
            return True
        self._scout_at = now
        return False

    def asks(self) -> int | None:
        """Give the ticket of a request that may be sent; None where the caller has to be told at once."""
        if self.state == "open" or (self.state == "half_open" and self._trial_is_out()):
            return None
        self._ticket += 1
        self._waiting[self._ticket] = self._now()
        return self._ticket

    def back(self, ticket: int) -> None:
        """Take note that a request is over, whatever came of it."""
        self._waiting.pop(ticket, None)
        self._overdue.discard(ticket)

    def answered(self) -> None:
        """Take note of an answer, a refusal included: the service is there."""
        self._answered_at = self._now()
        self._failures.clear()
        if self.state != "closed":
            self._turn("closed")

    def failed(self, ticket: int, weight: int = 1) -> None:
        """Take note that a request got no answer, or none that can be used."""
        if self.state == "open" or ticket <= self._opened_after:
            return  # that is known already
        now = self._now()
        self._failures.append((now, weight))
        while self._failures[0][0] < now - WINDOW:
            self._failures.popleft()
        if self.state == "half_open" or sum(weight for _, weight in self._failures) >= ENOUGH:
            self._turn("open")

    # --- looking after it, every LOOK seconds ---

    def probe_due(self) -> bool:
        """Look whether requests are overdue, then tell whether the service is to be probed now."""
        now = self._now()
        for ticket, began in list(self._waiting.items()):
            if now - began < OVERDUE:
                break
            if ticket not in self._overdue:
                self._overdue.add(ticket)
                self.failed(ticket, WEIGHT_OVERDUE)
        if self.state == "open" and now - self._opened_at >= TRIAL_AFTER:
            self._turn("half_open")
        due = now - self._probed_at >= PROBE_EVERY and (self.state != "closed" or self._suspicious())
        if due:
            self._probed_at = now
        return due

    def probed(self, began: float, *, well: bool) -> None:
        """Take note of a probe that began at `began`, unless a request has been answered since: that tells more."""
        if began < self._answered_at:
            return
        self._good = self._good + 1 if well else 0
        if self.state == "closed" and not well and self._suspicious():
            self._turn("open")
        elif self.state == "open" and well:
            self._turn("half_open")
        elif self.state == "half_open" and self._good >= GOOD_PROBES and not self._trial_is_out():
            self._turn("closed")

    def _trial_is_out(self) -> bool:
        return any(ticket > self._opened_after for ticket in self._waiting)

    def _suspicious(self) -> bool:
        now = self._now()
        oldest = next(iter(self._waiting.values()), now)
        return now - oldest >= SUSPICIOUS or (bool(self._failures) and self._failures[-1][0] >= now - WINDOW)

    def _turn(self, state: State) -> None:
        self._failures.clear()
        if state == "open":
            self._opened_at, self._opened_after, self._good = self._now(), self._ticket, 0
        self.state = state
        self._changed(state)
