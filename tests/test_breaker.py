"""The breaker before the account service, on a clock of its own: when it opens, and when it closes again."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.accounts.breaker import ENOUGH, LOOK, PROBE_WITHIN, TRIAL_AFTER, WINDOW, Breaker, State


@dataclass
class Service:
    """An account service that takes so many seconds, or never answers; `probe` is what /healthz takes."""

    takes: float | None = 0.05
    fails: bool = False
    probe: float | None = 0.01
    probe_fails: bool = False


@dataclass
class Watched:
    """A breaker, looked after as the client does it, before a service, in simulated seconds."""

    service: Service = field(default_factory=Service)
    now: float = 1000.0
    turned: list[tuple[float, State]] = field(default_factory=list)
    told_at_once: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.breaker = Breaker(lambda: self.now, lambda state: self.turned.append((round(self.now, 2), state)))
        self.due: list[tuple[float, Callable[[], None]]] = []

    def calls(self) -> None:
        """Let a caller ask."""
        ticket = self.breaker.asks()
        if ticket is None:
            self.told_at_once += 1
            return
        self.sent += 1
        fails = self.service.fails or self.service.takes is None
        takes = 9.0 if self.service.takes is None else self.service.takes
        self.due.append((self.now + takes, lambda: self.comes_back(ticket, fails)))

    def comes_back(self, ticket: int, fails: bool) -> None:
        self.breaker.back(ticket)
        if fails:
            self.breaker.failed(ticket)
        else:
            self.breaker.answered()

    def passes(self, seconds: float, *, every: float | None = None) -> None:
        """Let time pass, with a caller every so many seconds."""
        until, next_call = self.now + seconds, self.now
        while self.now < until:
            self.now += 0.05
            for at, happens in [one for one in self.due if one[0] <= self.now]:
                self.due.remove((at, happens))
                happens()
            if every is not None and self.now >= next_call:
                next_call += every
                self.calls()
            if round(self.now / 0.05) % round(LOOK / 0.05) == 0 and self.breaker.probe_due():
                self._probes()

    def _probes(self) -> None:
        began, takes = self.now, self.service.probe
        well = takes is not None and takes <= PROBE_WITHIN and not self.service.probe_fails
        done = began + min(PROBE_WITHIN, PROBE_WITHIN if takes is None else takes)
        self.due.append((done, lambda: self.breaker.probed(began, well=well)))

    @property
    def state(self) -> State:
        return self.breaker.state


OUT = {
    "nobody listens": Service(takes=0.0, fails=True, probe=0.0, probe_fails=True),
    "nothing moves": Service(takes=None, probe=None),
    "10 s slow": Service(takes=None, probe=None),
    "500 everywhere": Service(fails=True, probe_fails=True),
}
ILL_ON_THE_INSIDE = {
    "500 from a service that says that it is well": Service(fails=True),
    "nothing moves in a service that says that it is well": Service(takes=None),
}


@pytest.mark.parametrize("name", OUT)
def test_an_outage_opens_within_three_seconds_of_the_first_caller(name: str) -> None:
    watched = Watched(OUT[name])
    watched.calls()
    watched.passes(3.0)
    assert watched.state == "open"
    sent = watched.sent
    watched.passes(1.0, every=0.1)
    assert watched.sent == sent
    assert watched.told_at_once >= 9


@pytest.mark.parametrize("name", ILL_ON_THE_INSIDE)
def test_an_outage_that_only_callers_notice_opens_as_soon(name: str) -> None:
    watched = Watched(ILL_ON_THE_INSIDE[name])
    watched.passes(3.0, every=0.3)
    assert watched.state != "closed"
    sent = watched.sent
    watched.passes(20.0, every=0.1)
    assert watched.sent - sent < 20, "one caller at a time tries, all others are told at once"


@pytest.mark.parametrize("every", [None, 0.3])
@pytest.mark.parametrize("name", [*OUT, *ILL_ON_THE_INSIDE])
def test_a_repair_closes_within_ten_seconds_also_where_nobody_calls(name: str, every: float | None) -> None:
    watched = Watched((OUT | ILL_ON_THE_INSIDE)[name])
    watched.passes(60.0, every=0.4)
    assert any(state == "open" for _, state in watched.turned)
    watched.service = Service()
    watched.passes(10.0, every=every)
    assert watched.state == "closed"
    told = watched.told_at_once
    watched.passes(10.0, every=0.3)
    assert watched.told_at_once == told


def test_a_service_that_takes_two_seconds_is_slow_and_not_out() -> None:
    for every in (None, 0.3, 1.0, 5.0):
        watched = Watched(Service(takes=2.0, probe=2.0))
        watched.calls()
        watched.passes(60.0, every=every)
        assert (watched.turned, watched.told_at_once) == ([], 0)


def test_a_glitch_opens_nothing() -> None:
    watched = Watched(Service(fails=True))
    for _ in range(ENOUGH - 1):
        watched.calls()
        watched.passes(0.5)
    watched.service = Service()
    watched.passes(20.0, every=1.0)
    assert watched.turned == []


def test_failures_far_apart_and_those_with_answers_between_them_do_not_add_up() -> None:
    watched = Watched()
    for failing in (True, False) * 2 * ENOUGH:
        watched.service.fails = failing
        watched.calls()
        watched.passes(0.2)
    watched.service.fails = True
    for _ in range(2 * ENOUGH):
        watched.calls()
        watched.passes(WINDOW / (ENOUGH - 1) + 0.3)
    assert watched.turned == []


def test_one_request_that_hangs_is_no_outage() -> None:
    watched = Watched(Service(takes=None))
    watched.calls()
    watched.service = Service()
    watched.passes(20.0)
    assert watched.turned == []


def test_a_broken_healthz_shuts_nobody_out_for_good() -> None:
    watched = Watched(Service(fails=True, probe_fails=True))
    watched.calls()
    watched.passes(1.0)
    watched.service = Service(probe_fails=True)
    watched.passes(TRIAL_AFTER + 1.0, every=0.5)
    assert [state for _, state in watched.turned] == ["open", "half_open", "closed"]


def test_a_late_answer_of_a_request_from_before_closes_and_a_late_failure_does_not_open() -> None:
    turned: list[State] = []
    breaker = Breaker(lambda: 0.0, turned.append)
    tickets = [breaker.asks() for _ in range(3)]
    first, second, third = [ticket for ticket in tickets if ticket is not None]
    breaker.failed(first, ENOUGH)
    breaker.probed(0.0, well=True)
    breaker.failed(second, ENOUGH)
    assert turned == ["open", "half_open"]
    breaker.answered()
    breaker.failed(third, ENOUGH)
    assert turned == ["open", "half_open", "closed"]


def test_while_the_probe_fails_hardly_anybody_is_asked_for_a_number() -> None:
    watched = Watched(Service(takes=0.0, fails=True, probe_fails=True))
    watched.calls()
    asked = 0
    for _ in range(120):
        watched.passes(0.5)
        asked += not watched.breaker.in_vain()
    assert 1 <= asked <= 7
    watched.service = Service()
    watched.passes(1.5)
    assert not watched.breaker.in_vain()


def test_half_open_lets_one_through_at_a_time() -> None:
    breaker = Breaker(lambda: 0.0)
    ticket = breaker.asks()
    assert ticket is not None
    breaker.failed(ticket, ENOUGH)
    assert breaker.asks() is None
    breaker.probed(0.0, well=True)
    trial = breaker.asks()
    assert trial is not None
    assert breaker.asks() is None
    breaker.failed(trial)
    assert breaker.asks() is None


phases = st.lists(
    st.tuples(
        st.builds(
            Service,
            st.sampled_from([0.05, 2.0, 4.0, None]),
            st.booleans(),
            st.sampled_from([0.01, 2.0, None]),
            st.booleans(),
        ),
        st.floats(0.1, 15.0),
        st.sampled_from([None, 0.2, 1.0]),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(phases)
def test_whatever_went_before_a_service_that_is_well_again_is_asked_within_ten_seconds(
    history: list[tuple[Service, float, float | None]],
) -> None:
    watched = Watched()
    for watched.service, seconds, every in history:
        watched.passes(seconds, every=every)
    watched.service = Service()
    watched.passes(10.0, every=0.5)
    assert watched.state == "closed"
    told = watched.told_at_once
    watched.passes(2.0, every=0.1)
    assert watched.told_at_once == told
