"""Spoken messages on the console: whose they are, that hearing one leaves an entry, and that one agent sees to each."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from calling_floor import Floor, calling_floor
from desk import Desk, give_accounts

from ivr.agents.accounts import GroupName
from ivr.audit.trail import AuditAwayError, AuditTrail
from ivr.carrier.recordings import tone
from ivr.web.messages import AWAY, GONE
from ivr.web.to_do import DONE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    async with calling_floor(valkey_url, tmp_path_factory.mktemp("data"), "lin", workers=1) as one:
        elsewhere = GroupName("office_hours", "general")
        await give_accounts(one.database_url, "zhao", groups=(elsewhere,), phone="+12025550134")
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def floor(running: Floor) -> Floor:
    await running.emptied()
    return running


@pytest.fixture
def desks(floor: Floor) -> Iterator[dict[str, Desk]]:
    found = {name: Desk(floor.urls[0]) for name in ("lin", "zhao")}
    for name, desk in found.items():
        assert desk.sign_in(name).status_code == 303
    yield found
    for desk in found.values():
        desk.close()


async def heard(desk: Desk, id_: str) -> httpx2.Response:
    """Ask for a recording, away from the event loop, on which the carrier's API answers."""
    return await asyncio.to_thread(desk.get, f"/console/messages/{id_}/recording")


def listed(desk: Desk) -> list[str]:
    return re.findall(r"/console/messages/([0-9]+)/recording", desk.get("/console/to-do").text)


async def test_a_message_is_heard_with_an_entry_by_those_whose_it_is(floor: Floor, desks: dict[str, Desk]) -> None:
    message = await floor.leaves_a_message()
    (id_,) = listed(desks["lin"])
    page = desks["lin"].get("/console/to-do").text
    for told in ("尾号8000", "粤语", "已验证", "想办：缴费年限", "留言，3秒"):
        assert told in page
    assert "13800138000" not in page
    assert floor.audited("message") == []
    answer = await heard(desks["lin"], id_)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert answer.content == tone(3)
    assert floor.audited("message") == [message.call]
    assert listed(desks["zhao"]) == []
    assert (await heard(desks["zhao"], id_)).status_code == 404
    assert floor.audited("message") == [message.call]


async def test_without_its_entry_a_recording_is_not_given(
    floor: Floor, desks: dict[str, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.leaves_a_message()
    (id_,) = listed(desks["lin"])

    async def refuses(*_: Any, **__: Any) -> None:
        raise AuditAwayError("The disk is full.")

    monkeypatch.setattr(AuditTrail, "enter", refuses)
    answer = await heard(desks["lin"], id_)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")


async def test_what_the_carrier_does_not_give_is_told(floor: Floor, desks: dict[str, Desk]) -> None:
    message = await floor.leaves_a_message()
    (id_,) = listed(desks["lin"])
    del floor.recordings[message.recording]
    answer = await heard(desks["lin"], id_)
    assert (answer.status_code, GONE in answer.text) == (404, True)
    assert (await heard(desks["lin"], "999999")).status_code == 404
    assert (await heard(desks["lin"], "1x")).status_code == 404


async def test_one_agent_sees_to_a_message(floor: Floor, desks: dict[str, Desk]) -> None:
    await floor.leaves_a_message()
    (id_,) = listed(desks["lin"])
    assert DONE in desks["zhao"].act("/console/messages/done", message=id_).text
    assert desks["lin"].act("/console/messages/done", message="1;2").status_code == 400
    assert desks["lin"].act("/console/messages/done", message=id_).status_code == 303
    assert DONE in desks["lin"].act("/console/messages/done", message=id_).text
    assert listed(desks["lin"]) == []


async def test_a_carrier_that_is_away_is_told(
    floor: Floor, desks: dict[str, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.leaves_a_message()
    (id_,) = listed(desks["lin"])
    monkeypatch.setattr("ivr.channels.twilio.recordings.FETCH_S", 0.0001)
    answer = await heard(desks["lin"], id_)
    assert (answer.status_code, AWAY in answer.text) == (503, True)
