"""The report: what calls add up to, in all three forms; how the commands about records of calls are called."""

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.__main__ import run
from ivr.call import Edge
from ivr.call_records.archive import DAY_MS, Archive
from ivr.call_records.figures import Bucket, Figures, Tally, percentile
from ivr.call_records.path import Passage
from ivr.call_records.record import CallRecord
from ivr.call_records.ways import NOWHERE, Place
from ivr.clock import wall_clock
from ivr.database.opening import open_engine
from ivr.database.upgrading import upgrade
from ivr.serve import sqlite_url
from ivr.walk import china_day

NOW = wall_clock()
TODAY = china_day(NOW)
MENU, POLICY, NUMBER, AFTER = (
    Place("main", "menu"),
    Place("policy", "menu"),
    Place("number", "number"),
    Place("policy_answer", "after"),
)
AGENT = Place("agent", "connect")


def call(number: int, *passages: Passage, ending: str = "caller", at: int = NOW) -> CallRecord:
    return CallRecord(f"CA{number:032x}", "5678", "demo", "v", at, at + 60_000, ending, passages)  # type: ignore[arg-type]


def at_menu(**more: object) -> Passage:
    return Passage(0, 10, 2, MENU, (Edge("main", "came", "no"),), lang="zh", **more)  # type: ignore[arg-type]


SERVED = call(
    1,
    at_menu(),
    Passage(1, 4000, 3, POLICY, (Edge("main", "menu", "5"),), lang="zh"),
    Passage(2, 9000, 5, AFTER, (Edge("policy", "menu", "1"),), lang="zh", told=True),
)
SENT_ON = call(
    2,
    at_menu(age="60+"),
    Passage(1, 3000, 2, AGENT, (Edge("main", "", "0"),), lang="zh", human=True),
    Passage(2, 90_000, 2, NOWHERE, (Edge("agent", "connect", "answered"),), lang="zh", human=True, spoke=True),
    ending="hotline",
)
SILENT = call(
    3,
    at_menu(),
    Passage(1, 9000, 2, MENU, slip="silence", slow=True),
    Passage(2, 20_000, 2, MENU, slip="silence", slow=True),
    Passage(3, 31_000, 2, AGENT, (Edge("main", "", "lost"),), slip="silence", slow=True, human=True),
)
HUNG_UP = call(4, at_menu(), Passage(1, 2000, 2, NUMBER, (Edge("main", "menu", "1"),), slip="wrong"))
LOST_WAYS = call(5, Passage(7, 2000, 2, NUMBER), ending="unknown")
CALLS = (SERVED, SENT_ON, SILENT, HUNG_UP, LOST_WAYS)


def tally() -> Tally:
    tally = Tally()
    for one in CALLS:
        tally.add(one)
    return tally


def test_what_became_of_calls_is_counted_by_age_and_pace() -> None:
    found = tally()
    assert found.every.outcomes == {"self_service": 1, "agent": 1, "gave_up": 3}
    assert found.every.containment == 1 / 5
    assert found.every.answered_after == {9000: 1}
    assert {age: group.calls for age, group in found.ages.items()} == {"": 4, "60+": 1}
    assert {slow: group.calls for slow, group in found.paces.items()} == {False: 4, True: 1}
    assert found.unwhole == 1


def test_callers_are_lost_where_they_hang_up_ask_for_a_human_or_have_no_tries_left() -> None:
    found = tally()
    assert found.drops == {
        (MENU, "agent"): 1,
        (MENU, "silence"): 1,
        (AGENT, "hung_up"): 1,
        (NUMBER, "hung_up"): 2,
    }, "who has an answer, or has spoken with a human, is not lost"
    assert found.visits[MENU] == 6
    assert found.edges[Edge("main", "menu", "5")] == 1
    assert found.slips == {(MENU, "silence"): 3, (MENU, "wrong"): 1}


def test_the_worst_prompts_are_not_those_that_hardly_anybody_heard() -> None:
    found = Tally()
    rare, often = Place("a", "rare"), Place("a", "often")
    found.visits.update({rare: 2, often: 400, MENU: 1000})
    found.slips.update({(rare, "silence"): 1, (often, "silence"): 180, (MENU, "wrong"): 10})
    assert [one.place for one in found.worst()] == [often, rare, MENU]
    assert [one.place for one in found.worst(1)] == [often]


@pytest.mark.parametrize(
    ("counted", "share", "expected"),
    [({}, 0.5, None), ({7: 1}, 0.99, 7), ({1: 50, 2: 49, 900: 1}, 0.5, 1), ({1: 50, 2: 49, 900: 1}, 0.99, 2)],
)
def test_percentiles_are_values_that_were_seen(counted: dict[int, int], share: float, expected: int | None) -> None:
    assert percentile(Counter(counted), share) == expected


# --- from the database -----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setenv("IVR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("IVR_SECRET_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    archive = Archive(engine)
    await archive.take_over(CALLS)
    yield archive
    await engine.dispose()


async def test_a_timeline_has_its_calls_and_turns_by_the_time_at_which_they_began(database: Archive) -> None:
    figures = Figures(database.engine)
    minutes = await figures.timeline(NOW - 120_000, NOW + 60_000, 60_000)
    assert [one.calls for one in minutes] == [0, 0, 5]
    assert minutes[2].outcomes == {"self_service": 1, "agent": 1, "gave_up": 3}
    assert (minutes[2].percentile(0.5), minutes[2].percentile(0.99)) == (2, 5)
    assert minutes[0] == Bucket(NOW - 120_000)
    assert (await figures.tally(NOW - 1, NOW)).every.calls == 0
    known = await figures.tally(NOW, NOW + 1)
    assert known.every.calls == 5
    assert await figures.tally(NOW, NOW + 1) is known, "what was added up a moment ago is not added up again"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(arguments) == status
    output = capsys.readouterr()
    return output.out if status == 0 else output.err


@pytest.mark.usefixtures("database")
def test_a_report_says_the_same_in_three_forms(capsys: pytest.CaptureFixture[str]) -> None:
    days = ("--from", str(TODAY - timedelta(days=1)), "--to", str(TODAY))
    table = told(capsys, "report", *days)
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) <= 120
    report = json.loads(told(capsys, "report", *days, "--format", "json"))
    lines = list(csv.DictReader(io.StringIO(told(capsys, "report", *days, "--format", "csv"))))
    every = report["calls"][0]
    assert (every["count"], every["containment"], every["self_service"], every["answer_median"]) == (5, 0.2, 1, 9.0)
    assert {"section": "calls", "row": "all calls", "measure": "containment", "value": "0.2"} in lines
    assert "all calls            5      20.0 %" in table
    assert [row["node"] for row in report["nodes"]] == ["main.menu", "number.number", "agent.connect"]
    assert report["prompts"][0]["node"] == "number.number"
    assert [row["prompt"] for row in report["prompts"]][1] == "main.long main.rest"
    assert {row["row"] for row in lines if row["section"] == "nodes"} == {row["node"] for row in report["nodes"]}
    assert {row["row"] for row in lines if row["section"] == "prompts"} == {row["node"] for row in report["prompts"]}
    assert "main.long main.rest" in table
    assert report["incomplete_records"] == 1


@pytest.mark.usefixtures("database")
def test_days_are_those_of_china_and_the_last_week_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    before = china_day(wall_clock())
    begins = json.loads(told(capsys, "report", "--format", "json"))["from"]
    # Midnight may pass meanwhile.
    assert begins in {str(today - timedelta(days=6)) for today in (before, china_day(wall_clock()))}
    gone = ("--from", "2020-01-01", "--to", "2020-01-31")
    assert told(capsys, "report", *gone) == "There was no call from 2020-01-01 to 2020-01-31.\n"
    assert json.loads(told(capsys, "report", *gone, "--format", "json"))["calls"][0]["containment"] is None
    wrong = told(capsys, "report", "--from", "2026-02-02", "--to", "2026-02-01", status=2)
    assert "expected a day that is not after" in wrong
    for beyond in (("--to", "9999-12-31"), ("--to", "0001-01-02"), ("--from", "0001-01-01")):
        assert "expected a day from 2000-01-01 to 2999-12-31" in told(capsys, "report", *beyond, status=2)


@pytest.mark.usefixtures("database")
def test_the_record_of_a_call_is_shown_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "records", "show", "--call", SERVED.call)
    assert "outcome            self_service" in text
    assert "silences           0" in text
    assert "4.0 s  main.menu 5 → policy.menu" in text
    facts = json.loads(told(capsys, "records", "show", "--call", SENT_ON.call, "--format", "json"))
    assert (facts["outcome"], facts["age"], facts["hung_up_by"], facts["complete"]) == ("agent", "60+", "hotline", True)
    assert facts["path"][1][:4] == [1, 3000, 2, ["agent", "connect"]]
    assert "never told" in told(capsys, "records", "show", "--call", LOST_WAYS.call)
    assert "no record of the call CA9" in told(capsys, "records", "show", "--call", "CA9", status=1)


async def test_old_records_are_deleted_on_request(database: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    await database.take_over([call(9, at=NOW - 93 * DAY_MS), call(10, at=NOW - 91 * DAY_MS)])
    pruned = await asyncio.to_thread(told, capsys, "records", "prune")
    assert pruned == "Deleted of calls older than 92 days: records 1, notes 0, surveys 0.\n"
    assert await database.one(call(10).call) is not None
