"""What all workers share, as the metrics tell it; and the alert rules, none of which waits for a metric in vain."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hotline_under_test import OPERATOR, UnderTest, serving
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from ruamel.yaml import YAML
from tampering import SEALS, emptied

import ivr
from ivr.agents.callback_list import CallbackList
from ivr.agents.open_callbacks import OpenCallbacks
from ivr.agents.queue import AgentQueue, Waiter
from ivr.bookings import Booking
from ivr.call import Edge
from ivr.call_records.record import CallRecord
from ivr.call_records.stream import RecordStream
from ivr.call_records.sweep import LIVE
from ivr.clock import wall_clock
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.metrics import Metrics
from ivr.redis_line import connect
from ivr.serve import sqlite_url
from ivr.vitals import Vitals, Waiting, as_text

ALERTS = Path(ivr.__file__).parent / "alerts.yaml"
README = Path(__file__).parent.parent / "README.md"
RULES: list[dict[str, Any]] = YAML(typ="safe").load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]

EVERYTHING = Vitals(True, True, 3, 0, 2, (Waiting("demo", "general", 1, 2.5),))

_STRING = re.compile(r'"[^"]*"')
_NAME = re.compile(r"\bivr_[a-z_]+")
_FUNCTIONS = ["absent", "and", "by", "count", "histogram_quantile", "increase", "le", "max", "min", "rate", "sum"]


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


def sums(text: str) -> dict[str, float]:
    """Give the samples of a text of metrics, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def scraped(hotline: UnderTest) -> dict[str, float]:
    async with httpx2.AsyncClient() as client:
        return sums((await client.get(f"{hotline.urls[0]}/metrics", headers=OPERATOR)).text)


async def test_the_metrics_tell_who_waits_what_lives_and_what_is_open(
    hotline: UnderTest, redis: Redis, valkey_url: str, tmp_path: Path
) -> None:
    await emptied(redis)
    await redis.set(LIVE, 3, px=60_000)
    await RecordStream(redis, SEALS, deadline=5).add([CallRecord("CA1"), CallRecord("CA2")])
    queue = AgentQueue(redis, SEALS, hotline.clock, deadline=5)
    groups = [name.partition("group=")[2] for name in await scraped(hotline) if name.startswith("ivr_queue_callers")]
    assert groups, "a group of the default hotlines has a queue"
    for call, since in (("CA1", 30_000), ("CA2", 10_000)):
        labels = next(name for name in await scraped(hotline) if name.startswith("ivr_queue_callers"))
        group, name = (part.partition("=")[2] for part in labels.partition("{")[2].rstrip("}").split(","))
        await queue.join(Waiter(call, name, group, hotline.clock() - since))
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    booking = Booking("CA1", "demo", "+8613912345678", "1234", "zh", "", False, False, wall_clock())
    await CallbackList(engine, SEALS).take_over({"a": booking})
    await engine.dispose()
    counting = OpenCallbacks(connect(valkey_url), url)
    await counting.round()
    await counting.stop()
    # Whoever is called back in the morning is on no line.
    await queue.to_callback(Waiter("CA3", name, group, hotline.clock() - 9 * 3600_000), "a booking")
    told = await scraped(hotline)
    assert (told["ivr_redis_up"], told["ivr_counters_confirmed"]) == (1, 1)
    assert (told["ivr_calls_live"], told["ivr_records_waiting"], told["ivr_callbacks_open"]) == (3, 2, 1)
    assert told[labels] == 2
    assert 30 <= told[labels.replace("callers", "longest_wait_seconds")] < 3600


def test_what_is_not_known_is_left_out() -> None:
    told = sums(as_text(Vitals(redis=False)).decode())
    assert told == {"ivr_redis_up": 0}


def test_nothing_of_it_lies_in_the_files_that_workers_share(tmp_path: Path) -> None:
    told = "from ivr.vitals import Vitals, as_text; print(as_text(Vitals(True, calls=3)).decode())"
    shared = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", told], env=shared, capture_output=True, text=True, check=True)
    assert sums(done.stdout) == {"ivr_redis_up": 1, "ivr_calls_live": 3}
    assert list(tmp_path.iterdir()) == []


# --- what each worker counts -----------------------------------------------------------------------------------------


def test_ways_that_were_walked_are_told_to_whoever_asks_and_counted_once() -> None:
    metrics, way = Metrics(), Edge("main", "menu", "1")
    metrics.walked([way, way, Edge("main", "menu", "2")])
    for _ in range(2):
        told = sums(metrics.text().decode())
        assert sorted(told[name] for name in told if name.startswith("ivr_edges_total")) == [1, 2]


# --- the alert rules -------------------------------------------------------------------------------------------------


def told_metrics() -> set[str]:
    """Give the names of all samples that the hotline can tell."""
    metrics = Metrics()
    metrics.walked([])
    metrics.webhook("turn", "answer", 0.1)
    metrics.account_call("verify", "ok", 0.1)
    metrics.account_breaker("open")
    metrics.verification("ok")
    metrics.call_shed("caller")
    metrics.serves("v", 0)
    text = (metrics.text() + as_text(EVERYTHING)).decode()
    return {name.partition("{")[0] for name in sums(text)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_is_about_metrics_that_there_are_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "runbook"}
    assert all(text.endswith(".") for text in rule["annotations"].values())
    assert set(_NAME.findall(rule["expr"])) <= told_metrics()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_the_expression_of_a_rule_is_well_formed(rule: dict[str, Any]) -> None:
    """Not all of Prometheus's grammar, but what a slip of the pen breaks: brackets, words and ranges."""
    expression = _STRING.sub("", rule["expr"])
    open_ = []
    for sign in expression:
        if sign in "([{":
            open_.append(sign)
        elif sign in ")]}":
            assert open_.pop() + sign in ("()", "[]", "{}")
    assert open_ == []
    assert expression.count('"') == 0
    labels = re.findall(r"\{([a-z_]+)=~?\}", expression)
    assert set(labels) <= {"got", "kind", "outcome"}
    for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
        assert re.search(rf"{name}(\{{[^}}]*\}})?\[[0-9]+m\]", expression), "a rate is over a range"
    by = re.findall(r"by \(([a-z_, ]+)\)", expression)
    words = set(
        re.findall(r"[a-z_]+(?![a-z_0-9]*\])", re.sub(r"by \([^)]*\)|\[[^\]]*\]|\{[^}]*\}|ivr_\w+", "", expression))
    )
    assert words <= {*_FUNCTIONS}, words
    assert {label.strip() for one in by for label in one.split(",")} <= {"le", "hotline", "group", "version"}


def test_every_alert_is_in_the_readme_with_what_to_do() -> None:
    readme = README.read_text("utf-8")
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in readme] == []
