"""What is counted for the operator: turns, work, account calls, verifications; no label ever holds anything personal.

Every label comes from the flow files or from a fixed list, so their number is bounded. With several workers each one
writes files of its own below ``PROMETHEUS_MULTIPROC_DIR``, which the parent sets, and any of them can tell the sum.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.values import MultiProcessValue

from ivr.call import Edge

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Metric = TypeVar("Metric", Counter, Histogram)

TELL_S = 1.0

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 10.0)


class Metrics:
    """The counters of one worker."""

    def __init__(self, seat: int | None = None, answered: Callable[[float], None] = lambda _: None) -> None:
        """`seat` is one that no other process has meanwhile: who sits there next counts on in the same files.

        `answered` is told of each webhook the seconds to its answer.
        """
        self._answered = answered
        if seat is not None and "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            # What the package has for several processes is not typed.
            mark_process_dead(seat)  # type: ignore[no-untyped-call]
            values.ValueClass = MultiProcessValue(lambda: seat)  # type: ignore[no-untyped-call]
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        self._untold: dict[Edge, int] = {}
        self._registry = registry = CollectorRegistry()
        self._edges = Counter(
            "ivr_edges", "Ways walked through the flows: out of a node by a key or outcome.",
            ("flow", "node", "via"), registry=registry,
        )  # fmt: skip
        self._webhooks = Counter(
            "ivr_webhooks", "Webhooks of the carrier by kind and by what they got.", ("kind", "got"), registry=registry
        )
        self._webhook_seconds = Histogram(
            "ivr_webhook_seconds", "Seconds from a webhook to its answer.", ("kind",), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._account_calls = Counter(
            "ivr_account_calls", "Requests to the account service by operation and result.",
            ("operation", "result"), registry=registry,
        )  # fmt: skip
        self._account_seconds = Histogram(
            "ivr_account_seconds", "Seconds that the account service took.", ("operation",), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._account_out = Gauge(
            "ivr_account_out", "Workers whose breaker keeps callers from the account service, because it is out.",
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._account_breaker = Counter(
            "ivr_account_breaker", "Times that the breaker before the account service opened, half opened or closed.",
            ("state",), registry=registry,
        )  # fmt: skip
        self._verifications = Counter(
            "ivr_verifications", "Verifications by their outcome in the flow.", ("outcome",), registry=registry
        )
        self._calls_shed = Counter(
            "ivr_calls_shed", "New calls that got the short answer, by the limit they were over: caller or hotline.",
            ("limit",), registry=registry,
        )  # fmt: skip
        self._log_lines_dropped = Counter(
            "ivr_log_lines_dropped", "Log lines that their sink did not take in time.", registry=registry
        )
        self._version = Gauge(
            "ivr_flow_version", "1 for the flow version that new calls begin with.", ("version",),
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._serving = ""
        self._refused = Gauge(
            "ivr_flow_problems", "Problems for which the flow files are not served as they lie there; 0 when they are.",
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip

    def walked(self, path: Iterable[Edge]) -> None:
        """Count the edges of a committed turn; others are told of them within a second."""
        for edge in path:
            self._untold[edge] = self._untold.get(edge, 0) + 1

    async def watch(self) -> None:
        """Tell of the edges that were walked, until cancelled: one by one that took a fortieth of a turn's time."""
        while True:
            await asyncio.sleep(TELL_S)
            self.tell()

    def tell(self) -> None:
        """Tell of the edges that were walked."""
        untold, self._untold = self._untold, {}
        for edge, times in untold.items():
            self._child(self._edges, edge).inc(times)

    def webhook(self, kind: str, got: str, seconds: float) -> None:
        """Count a webhook of a kind (voice, turn, poll …) by what it got (answer, forbidden, trouble …)."""
        self._child(self._webhooks, (kind, got)).inc()
        self._child(self._webhook_seconds, (kind,)).observe(seconds)
        self._answered(seconds)

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Metric:
        """Give the child of a metric for its labels, found once: finding it costs more than counting."""
        known = self._children.get((metric, labels))
        if known is None:
            known = self._children[metric, labels] = metric.labels(*labels)
        return known

    def account_call(self, operation: str, result: str, seconds: float) -> None:
        """Count a request to the account service; `result` is ok, refused, expired or the reason of an outage."""
        self._child(self._account_calls, (operation, result)).inc()
        self._child(self._account_seconds, (operation,)).observe(seconds)

    def account_breaker(self, state: str) -> None:
        """Take note that the breaker before the account service is closed, open or half_open from now on."""
        self._account_out.set(state != "closed")
        self._account_breaker.labels(state).inc()

    def verification(self, outcome: str) -> None:
        """Count a verification by the outcome that the flow saw."""
        self._verifications.labels(outcome).inc()

    def call_shed(self, limit: str) -> None:
        """Count a new call that was over a limit (caller, hotline)."""
        self._child(self._calls_shed, (limit,)).inc()

    def log_line_dropped(self) -> None:
        """Count a line of the log that was not written."""
        self._log_lines_dropped.inc()

    def serves(self, version: str, problems: int) -> None:
        """Tell which flow version new calls begin with, and how many problems keep the files from being served."""
        if self._serving not in ("", version):
            self._version.labels(self._serving).set(0)
        self._serving = version
        self._version.labels(version).set(1)
        self._refused.set(problems)

    def text(self) -> bytes:
        """Give all workers' counts as Prometheus text."""
        self.tell()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # nor is this
        return generate_latest(registry)
