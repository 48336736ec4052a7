"""The operations page over HTTP: who sees it, what it says is wrong, and what is ordered on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from desk import Desk, give_accounts, token_in
from hotline_under_test import AT_HOME, UnderTest, serving
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import PATIENT, SEALS, emptied

from ivr.audit.trail import AuditAwayError
from ivr.emergency import LONGEST
from ivr.health import Fault
from ivr.live.tallies import Tally
from ivr.orders import Orders, StandingOrders
from ivr.serve import sqlite_url
from ivr.web.charts import Label, Series, bars, lines, nice
from ivr.web.operations import _facts
from ivr.web.operations_look import Now, Slow, wrongs
from ivr.web.statics import Statics
from ivr.web.writing import Pages

PAGES = ["/operations", "/operations/live", "/operations/charts"]
ACTS = ["/operations/agents-only", "/operations/announcement"]
NUMBERS = count(100, 100)
STREAM = {"Accept": "text/event-stream"}
LINE = "因系统故障，余额查询今天暂停。"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def hotline(valkey_url: str, folder: Path) -> Iterator[UnderTest]:
    url = sqlite_url(folder / "calls.sqlite3")
    asyncio.run(give_accounts(url, "lin"))
    asyncio.run(give_accounts(url, "chen", role="supervisor"))
    with serving(valkey_url, folder, workers=2, database_url=url, public_url=AT_HOME) as served:
        yield served


@pytest_asyncio.fixture
async def signed_in(hotline: UnderTest, redis: Redis) -> AsyncIterator[Callable[[str], Desk]]:
    """Give a function that signs somebody in; nothing is ordered."""
    desks: list[Desk] = []
    orders = StandingOrders(redis, SEALS, deadline=PATIENT)
    orders.now = Orders(next(NUMBERS))  # a worker that looks just now gives Redis the orders of the test before
    nothing = await orders.change(lambda _: Orders(), by="", at=0)
    for worker in hotline.served:
        worker.app.state.hotline.stepping.emergency.orders.now = nothing

    def one(name: str = "") -> Desk:
        desks.append(Desk(hotline.urls[0]))
        if name:
            assert desks[-1].sign_in(name).status_code == 303
        return desks[-1]

    yield one
    for desk in desks:
        desk.close()


def audited(folder: Path) -> list[str]:
    entries = [
        json.loads(line) for path in (folder / "audit").glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    mine = [entry for entry in entries if entry.get("field") == "operations"]
    return [entry["outcome"] for entry in sorted(mine, key=lambda entry: entry["at"])]  # midnight begins a new file


async def orders_are(hotline: UnderTest, redis: Redis, orders: Orders) -> None:
    """Have something ordered that every worker goes by."""
    wanted = await StandingOrders(redis, SEALS, deadline=PATIENT).change(lambda _: orders, by="chen", at=0)
    for worker in hotline.served:
        worker.app.state.hotline.stepping.emergency.orders.now = wanted


async def ordered(redis: Redis) -> Orders:
    """Give what is ordered, by whichever change."""
    return replace(await StandingOrders(redis, SEALS, deadline=PATIENT).look(), number=0)


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_only_supervisors_see_it(path: str, signed_in: Callable[..., Desk]) -> None:
    stranger = signed_in().get(path)
    assert (stranger.status_code, stranger.headers["location"]) == (303, f"/log-in?to={path}")
    agent = signed_in("lin").get(path)
    assert agent.status_code == 403
    assert "只有班长能看" in agent.text


@pytest.mark.parametrize("path", ACTS)
async def test_only_a_form_of_a_supervisors_own_page_orders_anything(
    path: str, signed_in: Callable[..., Desk], redis: Redis, folder: Path
) -> None:
    before = audited(folder)
    fields = {"hotline": "demo", "on": "1", "sure": "1", "zh": LINE}
    agent, supervisor = signed_in("lin"), signed_in("chen")
    of_agent = token_in(agent.get("/console").text)
    assert agent.post(path, of_agent, **fields).status_code == 403
    assert supervisor.post(path, of_agent, **fields).status_code == 403
    assert supervisor.post(path, "", **fields).status_code == 403
    own = token_in(supervisor.get("/operations").text)
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert supervisor.client.post(path, data={"token": own, **fields}, headers=elsewhere).status_code == 403
    assert signed_in().post(path, own, **fields).status_code == 401
    assert supervisor.get(path).status_code == 405
    assert await ordered(redis) == Orders()
    assert audited(folder) == before


# --- what is ordered -------------------------------------------------------------------------------------------------


async def test_agents_only_is_audited_and_holds_until_it_is_taken_back(
    signed_in: Callable[..., Desk], redis: Redis, folder: Path
) -> None:
    desk = signed_in("chen")
    token = token_in(desk.get("/operations").text)
    answer = desk.post("/operations/agents-only", token, hotline="demo", on="1", sure="1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/operations")
    orders = await ordered(redis)
    assert orders.agents_only == {"demo"}
    assert orders.by == "chen"
    assert audited(folder)[-1] == "agents only on demo chen"
    assert "demo 的新来电都转人工" in desk.get("/operations").text
    desk.post("/operations/agents-only", token, hotline="office_hours", on="1", sure="1")
    desk.post("/operations/agents-only", token, hotline="demo", on="0")
    assert (await ordered(redis)).agents_only == {"office_hours"}
    assert audited(folder)[-1] == "agents only off demo chen"


async def test_what_was_ordered_for_a_hotline_that_is_no_more_can_be_taken_back(
    signed_in: Callable[..., Desk], redis: Redis, hotline: UnderTest
) -> None:
    await orders_are(hotline, redis, Orders(agents_only=frozenset({"renamed"})))
    desk = signed_in("chen")
    page = desk.get("/operations").text
    assert 'aria-label="恢复 renamed 的自助服务"' in page
    desk.post("/operations/agents-only", token_in(page), hotline="renamed", on="0")
    assert (await ordered(redis)).agents_only == frozenset()


async def test_a_page_that_is_open_tells_what_another_supervisor_orders(
    signed_in: Callable[..., Desk], hotline: UnderTest, redis: Redis
) -> None:
    await orders_are(hotline, redis, Orders(announcement={"zh": LINE}))

    def told() -> str:
        with signed_in("chen").client.stream("GET", "/operations/live", headers=STREAM) as answer:
            return next(line for line in answer.iter_lines() if "紧急通知" in line)

    assert "正在公布紧急通知" in await asyncio.to_thread(told)


async def test_the_stream_ends_soon_after_its_session(
    signed_in: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    monkeypatch.setattr("ivr.web.operations.SIGNED_IN_MS", 0)
    monkeypatch.setattr("ivr.web.operations._facts", lambda now, facts=_facts: {**facts(now), "half": next(NUMBERS)})
    desk, begun = signed_in("chen"), asyncio.Event()
    loop = asyncio.get_running_loop()

    def listened() -> None:
        with desk.client.stream("GET", "/operations/live", headers=STREAM) as answer:
            for line in answer.iter_lines():
                if line.startswith("event: message"):
                    loop.call_soon_threadsafe(begun.set)

    listening = asyncio.create_task(asyncio.to_thread(listened))
    await asyncio.wait_for(begun.wait(), 15)
    await emptied(redis)
    await asyncio.wait_for(listening, 15)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"hotline": "demo", "on": "1"}, 422),  # not sure
        ({"hotline": "no_agents", "on": "1", "sure": "1"}, 400),  # its data have no flow for it
        ({"hotline": "nowhere", "on": "1", "sure": "1"}, 400),
        ({"on": "1", "sure": "1"}, 400),
    ],
)
async def test_what_nobody_can_mean_is_not_ordered(
    fields: dict[str, str], status: int, signed_in: Callable[..., Desk], redis: Redis
) -> None:
    desk = signed_in("chen")
    token = token_in(desk.get("/operations").text)
    assert desk.post("/operations/agents-only", token, **fields).status_code == status
    assert await ordered(redis) == Orders()


async def test_an_announcement_is_made_changed_and_withdrawn(
    signed_in: Callable[..., Desk], redis: Redis, folder: Path
) -> None:
    desk = signed_in("chen")
    token = token_in(desk.get("/operations").text)
    assert desk.post("/operations/announcement", token, zh=f" {LINE} ", en="", yue="").status_code == 303
    assert (await ordered(redis)).announcement == {"zh": LINE}
    assert audited(folder)[-1] == "announcement in zh chen"
    page = desk.get("/operations").text
    assert f">{LINE}</textarea>" in page
    assert "正在公布紧急通知" in page
    assert desk.post("/operations/announcement", token, do="withdraw", zh=LINE).status_code == 303
    assert (await ordered(redis)).announcement == {}
    assert audited(folder)[-1] == "announcement withdrawn chen"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"zh": "今天10点停电"}, "普通话这一行不能用"),
        ({"zh": LINE, "en": "Closed at 5."}, "英语这一行不能用"),
        ({"yue": "停" * (LONGEST + 1)}, "粤语这一行不能用"),
        ({"zh": "停电</textarea><script>alert(1)</script>\x07"}, "普通话这一行不能用"),
        ({}, "一行也没有写"),
        ({"zh": "   "}, "一行也没有写"),
    ],
)
async def test_an_announcement_that_cannot_be_spoken_is_refused_and_kept_in_the_form(
    fields: dict[str, str], told: str, signed_in: Callable[..., Desk], redis: Redis
) -> None:
    desk = signed_in("chen")
    answer = desk.post("/operations/announcement", token_in(desk.get("/operations").text), **fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert "<script>alert" not in answer.text
    assert all(text.strip()[:4].replace("<", "&lt;") in answer.text for text in fields.values())
    assert await ordered(redis) == Orders()


async def test_what_is_not_in_the_audit_trail_does_not_hold(
    hotline: UnderTest, signed_in: Callable[..., Desk], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise AuditAwayError("The disk is full.")

    desk = signed_in("chen")
    token = token_in(desk.get("/operations").text)
    monkeypatch.setattr(hotline.served[0].app.state.hotline.stepping.ledger._trail, "enter", away)
    assert desk.post("/operations/agents-only", token, hotline="demo", on="1", sure="1").status_code == 503
    assert desk.post("/operations/announcement", token, zh=LINE).status_code == 503
    assert await ordered(redis) == Orders()


# --- what it shows ---------------------------------------------------------------------------------------------------


def now(**changed: Any) -> Now:
    fine = Now(
        at=0, calls=(), minutes=(), queues=(), faults=(), records=0, breaker="closed", version="v", problems=0,
        undecided="", orders=Orders(), slow=Slow({}, 0, 0), database_away=False,
    )  # fmt: skip
    return fine._replace(**changed)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"faults": [Fault("store")]}, ["Redis 没有应答"]),
        ({"faults": [Fault("full")]}, ["Redis 写不进去"]),
        ({"faults": [Fault("counters"), Fault("accounts")]}, ["ivr counters confirm", "账户系统没有应答"]),
        ({"faults": [Fault("audit", "No space left on device")]}, ["No space left on device"]),
        ({"database_away": True}, ["数据库没有应答"]),
        ({"records": 1000}, []),
        ({"records": 1001}, ["1001 条通话记录"]),
        ({"problems": 2}, ["2 处错误"]),
        ({"undecided": "From 1 January on"}, ["working_days.yaml"]),
        ({"slow": Slow({}, 5, 0)}, []),
        ({"slow": Slow({}, 5, 2)}, ["2 个回电预约"]),
        ({"slow": None}, []),
        ({"minutes": [Tally(0, {"turn 10": 99, "turn 31": 1})]}, []),
        ({"minutes": [Tally(0, {"turn 10": 90, "turn 32": 10})]}, ["最慢的百分之一"]),
    ],
)
def test_what_is_wrong_is_said_in_sentences(changed: dict[str, Any], told: list[str]) -> None:
    said = wrongs(now(**changed))
    assert len(said) == len(told)
    for sentence, word in zip(said, told, strict=True):
        assert word in sentence
        assert sentence.endswith("。")


async def test_charts_are_of_records_and_every_value_is_in_a_table(signed_in: Callable[..., Desk]) -> None:
    desk = signed_in("chen")
    for span, name in (("day", "最近一天"), ("week", "最近七天"), ("year", "最近一天")):
        part = desk.get(f"/operations/charts?span={span}").text
        assert f"用表格看{name}" in part
        assert part.count("<svg") == 2
        # A page may be open for days: it asks again for what it shows.
        key = "week" if span == "week" else "day"
        assert f'hx-get="/operations/charts?span={key}" hx-trigger="every 300s"' in part


@pytest.mark.parametrize(
    ("most", "end"),
    [(0, 4), (1, 4), (4, 4), (5, 8), (9, 10), (11, 20), (100, 100), (101, 200), (350, 400), (9999, 10000)],
)
def test_axes_end_at_round_numbers(most: float, end: float) -> None:
    assert nice(most) == end


def test_charts_have_what_is_there() -> None:
    series = [Series("one", "一", [1, 0, 3]), Series("two", "二", [2, 0, None])]
    drawn = bars("来电", series, [Label(0, "零时")])
    assert [bar.kind for bar in drawn.bars] == ["one", "two", "one"]
    low, high, _ = drawn.bars
    assert low.y == round(high.y + high.height, 1), "the second stands on the first"
    assert high.height == pytest.approx(2 * low.height, abs=0.2)
    assert "零时" in {word.text for word in drawn.words}
    (line,) = [path for path in lines("", [Series("one", "一", [1, None, 3, 4])], []).paths if path.kind == "line one"]
    assert line.d.count("M") == 2, "a gap interrupts the line"


def test_nothing_of_a_name_becomes_a_part_of_a_chart() -> None:
    hostile = '"><script>'
    pages = Pages(Statics(), ())
    text = pages.part("chart.html", chart=bars(hostile, [Series("one", "", [1])], [Label(0, hostile)]))
    assert "<script" not in text
