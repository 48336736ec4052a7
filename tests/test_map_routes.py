"""The map of the flows over HTTP: who sees it, what it is made of, and what its parts say."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from hotline_under_test import OPERATOR, UnderTest

from ivr.library import Library, default_dirs, load

PATHS = ["/flows", "/flows/chart", "/flows/node?flow=main&node=menu", "/flows/search?q=x", "/flows/live"]


@pytest.fixture(scope="module")
def library() -> Library:
    return load(*default_dirs())


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
    for flow, node in (("prove", "nowhere"), ("nowhere", "pin"), ("", ""), ("main", "<b>")):
        assert (await browsing.get("/flows/node", params={"flow": flow, "node": node})).status_code == 404


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
        async with browsing.stream("GET", "/flows/live", headers={"Accept": "text/event-stream"}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            async for line in stream.aiter_lines():
                if line.startswith("data:") and '"at.main.menu":1' in line:
                    assert call.sid not in line
                    break
        await call.hang_up()
