"""The map of the flows over HTTP: who sees it, what it is made of, and what its parts say."""

import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from hotline_under_test import OPERATOR, UnderTest, serving

from ivr.call import Edge
from ivr.call_records.archive import Archive
from ivr.call_records.figures import Figures
from ivr.call_records.path import Passage
from ivr.call_records.record import CallRecord
from ivr.call_records.ways import NOWHERE, Place
from ivr.clock import wall_clock
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade
from ivr.library import Library, default_dirs, load
from ivr.lint.plan import Plan
from ivr.serve import sqlite_url
from ivr.web.flow_reading import read_node

PATHS = ["/flows", "/flows/chart", "/flows/node?flow=main&node=menu", "/flows/search?q=x", "/flows/live"]


@pytest.fixture(scope="module")
def library() -> Library:
    return load(*default_dirs())


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sqlite_url(tmp_path_factory.mktemp("database") / "calls.sqlite3")


@pytest.fixture(scope="module")
def hotline(valkey_url: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), database_url=database_url) as served:
        yield served


@pytest_asyncio.fixture
async def browsing(hotline: UnderTest) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=hotline.urls[0], headers=OPERATOR) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_no_token_and_is_not_signed_in_sees_nothing_of_the_map(path: str, hotline: UnderTest) -> None:
    async with httpx2.AsyncClient(base_url=hotline.urls[0]) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/log-in?to={path.partition('?')[0]}")
        streamed = await client.get(path, headers={"Accept": "text/event-stream"})
        assert streamed.status_code == 401
        assert (await client.post(path, headers=OPERATOR)).status_code == 405


async def test_only_the_map_may_compile_what_draws_it(browsing: httpx2.AsyncClient) -> None:
    policies = {path: (await browsing.get(path)).headers["content-security-policy"] for path in ("/", *PATHS[:4])}
    assert [path for path, policy in policies.items() if "wasm" in policy] == ["/flows"]
    assert all("'unsafe-inline'" not in policy and "'unsafe-eval'" not in policy for policy in policies.values())


async def test_every_flow_is_to_be_had_as_a_chart_with_what_its_lines_stand_for(
    browsing: httpx2.AsyncClient, library: Library
) -> None:
    for flow in ("", "*", *library.flows):
        made = (await browsing.get("/flows/chart", params={"flow": flow})).json()
        lines = re.findall(r'id="way\.(\d+)"', made["dot"])
        assert [int(number) for number in lines] == list(range(len(made["ways"])))
        assert made["version"] == library.version
        if flow in library.flows:
            assert {f"at.{flow}.{node}" for node in library.flows[flow].nodes} <= set(
                re.findall(r'id="(at[^"]+)"', made["dot"])
            )
    balance = (await browsing.get("/flows/chart", params={"flow": "balance"})).json()
    assert ["balance/fetch/ok"] in balance["ways"]
    assert (await browsing.get("/flows/chart", params={"flow": "nowhere"})).status_code == 404


async def test_every_node_tells_its_prompts_in_every_language_and_its_ways(
    browsing: httpx2.AsyncClient, library: Library
) -> None:
    told = (await browsing.get("/flows/node", params={"flow": "prove", "node": "pin"})).text
    for catalog in library.catalogs.values():
        assert catalog.prompts["identify.ask_pin"].segments[0].text in told
    assert 'href="/flows?flow=prove&amp;node=check"' in told
    waits = (await browsing.get("/flows/node", params={"flow": "agent", "node": "connect"})).text
    for prompt in ("agent.transfer", "queue.position", "queue.options"):
        assert f"<code>{prompt}</code>" in waits
    for flow, node in (("prove", "nowhere"), ("nowhere", "pin"), ("", ""), ("main", "<b>")):
        assert (await browsing.get("/flows/node", params={"flow": flow, "node": node})).status_code == 404


def test_no_prompt_of_a_node_is_left_out(library: Library) -> None:
    plan = Plan(library, {}, (), {}, {}, 0)
    for flow, name, node in plan.nodes():
        read = read_node(library, flow.flow, name)
        assert read is not None
        assert {said.prompt for said in read.said} >= {spoken.prompt for spoken in plan.prompts_of(name, node)}


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("prove", "prove / gate"),
        ("FETCH", "balance / fetch"),
        ("identify.ask_pin", "prove / pin"),
        ("六位查询密码", "prove / pin"),
        ("six-digit query password", "prove / pin"),
    ],
)
async def test_nodes_are_found_by_name_prompt_and_words_in_any_language(
    wanted: str, there: str, browsing: httpx2.AsyncClient
) -> None:
    hits = re.findall(r">([a-z_]+ / [a-z_]+)<", (await browsing.get("/flows/search", params={"q": wanted})).text)
    assert there in hits


async def test_what_is_asked_for_never_becomes_a_part_of_the_page(browsing: httpx2.AsyncClient) -> None:
    hostile = '"><script>alert(1)</script>'
    for path in ("/flows", "/flows/search"):
        answer = await browsing.get(path, params={"q": hostile, "flow": hostile, "node": hostile})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


async def test_a_stream_begins_with_where_calls_are(hotline: UnderTest, browsing: httpx2.AsyncClient) -> None:
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        asked = {"Accept": "text/event-stream"}
        async with browsing.stream("GET", "/flows/live", headers=asked, timeout=60) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            async for line in stream.aiter_lines():
                if line.startswith("data:") and '"at.main.menu":1' in line:
                    assert call.sid not in line
                    break
        await call.hang_up()


def record(number: int, days_ago: float) -> CallRecord:
    """Give the record of a call that was cut off in the policy menu."""
    at = wall_clock() - round(days_ago * 24 * 3600_000)
    menu = Passage(0, 10, 2, Place("main", "menu"), (Edge("main", "came", "no"),), lang="zh")
    policy = Passage(1, 4000, 3, Place("policy", "menu"), (Edge("main", "menu", "5"),), lang="zh")
    over = Passage(2, 5000, 3, NOWHERE, lang="zh")
    passages = (menu, policy, over)[: 3 if number % 2 else 2]
    return CallRecord(f"CA{number:032x}", "5678", "demo", "v", at, at + 60_000, "caller", passages)


async def test_heat_is_what_the_records_of_the_days_add_up_to(browsing: httpx2.AsyncClient, database_url: str) -> None:
    async def dot_of(flow: str, days: str) -> str:
        made = (await browsing.get("/flows/chart", params={"flow": flow, "days": days})).json()
        assert made["heat"] is (days != "")
        return str(made["dot"])

    await upgrade(database_url)
    async with opened(database_url) as engine:
        await Archive(engine).take_over([record(0, 0.1), record(2, 0.2), record(4, 3.0)])
    for days, walked in (("1", "2 ×"), ("7", "3 ×")):
        assert f"key 5\\n{walked}" in await dot_of("main", days)
        assert f"{walked[0]} came, {walked[0]} lost" in await dot_of("policy", days)
        assert f"{walked[0]} came, {walked[0]} lost" in await dot_of("", days)
        assert f"{walked[0]} came, 0 lost" in await dot_of("main", days)
    assert "×" not in await dot_of("main", "")
    told = (await browsing.get("/flows/node", params={"flow": "policy", "node": "menu", "days": "7"})).text
    assert '<dt>到过</dt><dd class="figure">3</dd><dt>没有答案就挂机</dt><dd class="figure">3</dd>' in told


async def test_without_the_database_the_map_is_drawn_without_heat(
    browsing: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OSError("The database is away.")

    monkeypatch.setattr(Figures, "tally", away)
    made = (await browsing.get("/flows/chart", params={"flow": "main", "days": "1"})).json()
    assert made["heat"] is False
    assert "at.main.menu" in made["dot"]
    told = await browsing.get("/flows/node", params={"flow": "main", "node": "menu", "days": "1"})
    assert told.status_code == 200
    assert "到过" not in told.text
