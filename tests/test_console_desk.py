"""What the console shows and does, over HTTP: whose callers, what needs an audit entry, and what is away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
import pytest_asyncio
from calling_floor import Floor, calling_floor
from desk import GENERAL, Desk, give_accounts
from tampering import emptied

from ivr.agents.accounts import GroupName
from ivr.audit.trail import AuditAwayError, AuditTrail
from ivr.web.console import BUSY, NOBODY, NOT_TAKEN, NOT_YOURS
from ivr.web.looks import By, Looks

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = GroupName("office_hours", "general")
ENGLISH = GroupName("queue", "english")
CALLER: dict[str, Any] = {"caller_tail": "8000", "keyed_tail": "2173", "verified": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    async with calling_floor(valkey_url, tmp_path_factory.mktemp("data"), "lin", "wu", workers=1) as one:
        await give_accounts(one.database_url, "zhao", groups=(ELSEWHERE,), phone="+12025550134")
        await give_accounts(one.database_url, "zhou", role="supervisor", groups=())
        await give_accounts(one.database_url, "qian", groups=(ENGLISH,), phone="+12025550136")
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def floor(running: Floor) -> AsyncIterator[Floor]:
    await running.emptied()
    yield running


@pytest.fixture
def lin(floor: Floor) -> Iterator[Desk]:
    yield from seated(floor, "lin")


@pytest.fixture
def zhao(floor: Floor) -> Iterator[Desk]:
    yield from seated(floor, "zhao")


@pytest.fixture
def chen(floor: Floor) -> Iterator[Desk]:
    yield from seated(floor, "chen")


@pytest.fixture
def zhou(floor: Floor) -> Iterator[Desk]:
    yield from seated(floor, "zhou")


@pytest.fixture
def qian(floor: Floor) -> Iterator[Desk]:
    yield from seated(floor, "qian")


async def acts(desk: Desk, path: str, **fields: str) -> httpx2.Response:
    """Send a form, away from the event loop, on which the carrier's API answers."""
    return await asyncio.to_thread(desk.act, path, **fields)


def seated(floor: Floor, name: str) -> Iterator[Desk]:
    desk = Desk(floor.urls[0])
    assert desk.sign_in(name).status_code == 303
    yield desk
    desk.close()


async def test_nobody_sees_or_takes_callers_of_a_group_that_is_not_theirs(floor: Floor, zhao: Desk, lin: Desk) -> None:
    caller = await floor.calls(**CALLER)
    booking = await floor.books("13800138000", code="4711", asked="balance")
    await floor.unhappy("CA" + "5" * 32, path=("balance",), text="很着急")
    assert "lin（" in lin.get("/console").text
    for path in ("/console", "/console/to-do"):
        page = zhao.get(path).text
        assert "lin（" not in page
        assert "8000" not in page
        assert "很着急" not in page
    answer = await acts(zhao, "/console/take", group=str(GENERAL), call=caller.call)
    assert (answer.status_code, NOT_YOURS in answer.text) == (409, True)
    assert "您的组没有排队" in zhao.get("/console").text
    assert (await acts(zhao, "/console/callbacks/show", callback="1")).status_code == 409
    assert (await acts(zhao, "/console/surveys/looked-into", call="CA" + "5" * 32)).status_code == 409
    assert floor.audited("card") == floor.audited("callback") == []
    assert [one.state for one in await floor.queue.waiting(*GENERAL)] == ["waiting"]
    assert booking.number[-4:] in lin.get("/console/to-do").text


async def test_callbacks_and_messages_of_a_hotline_that_is_no_more_are_a_supervisors_of_all(
    floor: Floor, lin: Desk, zhou: Desk
) -> None:
    await floor.books("13800138000", code="4711", asked="balance", hotline="renamed")
    await floor.leaves_a_message(hotline="renamed")
    for desk, there in ((zhou, "1个"), (lin, "0个")):
        page = desk.get("/console/to-do").text
        assert f'要回的电话 <span class="soft">{there}' in page
        assert f'留言 <span class="soft">{there}' in page
    callback = str(await floor.first_callback())
    assert NOT_TAKEN["phone"] in (await acts(zhou, "/console/callbacks/take", callback=callback)).text
    assert "13800138000" in (await acts(zhou, "/console/callbacks/show", callback=callback)).text
    await acts(zhou, "/console/callbacks/note", callback=callback, outcome="reached")
    assert "没有要回的电话" in zhou.get("/console/to-do").text


async def test_without_an_audit_entry_there_is_no_card_and_the_caller_waits_on(
    floor: Floor, lin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.calls(**CALLER)
    await floor.books("13800138000", code="4711", asked="balance")

    async def refuses(*_: object, **__: object) -> None:
        raise AuditAwayError("The disk is full.")

    monkeypatch.setattr(AuditTrail, "enter", refuses)
    answer = await acts(lin, "/console/take", group=str(GENERAL))
    assert (answer.status_code, NOT_TAKEN["audit"] in answer.text) == (409, True)
    assert "2173" not in answer.text
    assert [one.state for one in await floor.queue.waiting(*GENERAL)] == ["waiting"]
    shown = await acts(lin, "/console/callbacks/show", callback=str(await floor.first_callback()))
    assert shown.status_code == 503
    assert "4711" not in shown.text
    assert floor.phone.legs == []

    monkeypatch.undo()
    assert (await acts(lin, "/console/take", group=str(GENERAL))).status_code == 303
    monkeypatch.setattr(AuditTrail, "enter", refuses)
    assert "2173" in lin.get("/console").text  # the entry of this look was written as the caller was taken
    reopened = lin.get("/console")
    assert (reopened.status_code, "2173" in reopened.text) == (503, False)


async def test_one_look_at_a_card_leaves_one_entry_and_each_other_one_another(floor: Floor, lin: Desk) -> None:
    caller = await floor.calls(**CALLER)
    await acts(lin, "/console/take", group=str(GENERAL))
    for looks in (1, 2, 3):
        assert "2173" in lin.get("/console").text
        assert floor.audited("card") == [caller.call] * looks


async def test_a_page_with_scripts_looks_once_though_its_stream_tells_of_the_case_as_well(
    floor: Floor, lin: Desk
) -> None:
    caller = await floor.calls(**CALLER)
    lin.client.headers["HX-Request"] = "true"
    assert "2173" in (await acts(lin, "/console/take", group=str(GENERAL))).text
    for looks in (1, 2):
        assert "2173" in lin.get("/console/case?shown=").text
        assert floor.audited("card") == [caller.call] * looks


@pytest.mark.parametrize("first", ["stream", "taking"])
async def test_the_stream_may_be_quicker_than_the_answer_to_the_taking(floor: Floor, first: By) -> None:
    entered: list[tuple[str, ...]] = []

    async def enter(call: str, *told: str) -> None:
        entered.append((call, *told))

    looks = Looks(cast(AuditTrail, SimpleNamespace(enter=enter)), floor.redis, deadline=5)
    assert await looks.taken("CA-1", "7")
    for by in ("stream", "taking") if first == "stream" else ("taking", "stream"):
        await looks.look("CA-1", "7", by)
        assert entered == [("CA-1", "", "card", "agent 7")]
    await looks.look("CA-1", "7", "stream")
    assert len(entered) == 2


async def test_after_the_taking_a_reload_is_another_look(floor: Floor, lin: Desk) -> None:
    caller = await floor.calls(**CALLER)
    lin.client.headers["HX-Request"] = "true"
    await acts(lin, "/console/take", group=str(GENERAL))
    del lin.client.headers["HX-Request"]
    assert "2173" in lin.get("/console").text
    assert floor.audited("card") == [caller.call] * 2


async def test_a_callback_that_is_taken_is_looked_at_with_one_entry(floor: Floor, lin: Desk) -> None:
    booking = await floor.books("13800138000", code="4711", asked="balance")
    await acts(lin, "/console/callbacks/take", callback=str(await floor.first_callback()))
    for looks in (1, 2):
        assert "尾号8000" in lin.get("/console").text
        assert floor.audited("card") == [booking.call] * looks


async def test_who_is_at_a_case_takes_no_other_one_and_notes_it_once(floor: Floor, lin: Desk) -> None:
    assert NOBODY in (await acts(lin, "/console/take", group=str(GENERAL))).text
    first, second = await floor.calls(ago_s=90, **CALLER), await floor.calls(ago_s=30)
    assert (await acts(lin, "/console/take", group=str(GENERAL))).headers["location"] == "/console"
    assert BUSY in (await acts(lin, "/console/take", group=str(GENERAL), call=second.call)).text
    page = lin.get("/console").text
    name = page.split('name="case" value="', 1)[1].split('"', 1)[0]
    assert "通话还没有结束" in (await acts(lin, "/console/note", case=name, outcome="solved", text="")).text
    await floor.queue.bridged(*GENERAL, first.call)
    lin.get("/console")
    await floor.queue.leave(*GENERAL, first.call)
    for outcome, text in (("", ""), ("great", ""), ("solved", "字" * 2001)):
        assert "请选择结果" in (await acts(lin, "/console/note", case=name, outcome=outcome, text=text)).text
    assert "已经写过了" in (await acts(lin, "/console/note", case="other", outcome="solved", text="")).text
    assert (await acts(lin, "/console/note", case=name, outcome="solved", text="<b>好</b>")).status_code == 303
    assert "已经写过了" in (await acts(lin, "/console/note", case=name, outcome="solved", text="")).text
    (note,) = await floor.notes(first.call)
    assert note.text == "<b>好</b>"


async def test_who_speaks_with_an_agent_can_be_handed_over_to_another_group_that_has_a_queue(
    floor: Floor, lin: Desk
) -> None:
    caller = await floor.calls(**CALLER)
    await acts(lin, "/console/take", group=str(GENERAL))
    assert "不能转组" in (await acts(lin, "/console/hand-over", to="english")).text
    await floor.queue.bridged(*GENERAL, caller.call)
    assert "不能转去" in (await acts(lin, "/console/hand-over", to="general")).text
    assert (await acts(lin, "/console/hand-over", to="english")).status_code == 303
    assert "来电人会排到 english 组" in lin.get("/console").text
    assert await floor.queue.done(*GENERAL, caller.call) == "english"


async def test_nobody_is_handed_over_to_a_group_that_does_not_answer_at_this_hour(
    floor: Floor, lin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await floor.calls(**CALLER)
    await acts(lin, "/console/take", group=str(GENERAL))
    await floor.queue.bridged(*GENERAL, caller.call)
    assert "转到另一组" in lin.get("/console").text
    monkeypatch.setattr("ivr.web.console.on_duty", lambda *_: False)
    assert "转到另一组" not in lin.get("/console").text
    assert "不能转去" in (await acts(lin, "/console/hand-over", to="english")).text


async def test_what_people_wrote_is_text_on_the_page(floor: Floor, lin: Desk) -> None:
    await floor.unhappy("CA" + "6" * 32, path=("balance",), text="<script>alert(1)</script>")
    page = lin.get("/console/to-do").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


async def test_a_note_is_sealed_in_the_database(floor: Floor, tmp_path: Path) -> None:
    await floor.unhappy("CA" + "7" * 32, path=("balance",), text="secret-words-of-a-note")
    files = Path(floor.database_url.removeprefix("sqlite+aiosqlite:///"))
    data = b"".join(path.read_bytes() for path in files.parent.glob(f"{files.name}*"))
    assert b"secret-words" not in data


async def test_a_phone_that_is_no_number_of_the_group_is_not_rung(
    floor: Floor, lin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_accounts(floor.database_url, "sun", phone="+8613900139000")
    await floor.calls(**CALLER)
    (desk,) = [Desk(floor.urls[0])]
    desk.sign_in("sun")
    assert NOT_TAKEN["phone"] in (await acts(desk, "/console/take", group=str(GENERAL))).text
    desk.close()
    assert floor.phone.legs == []
    assert [one.state for one in await floor.queue.waiting(*GENERAL)] == ["waiting"]


async def test_a_supervisor_sees_the_same_desk(floor: Floor, chen: Desk) -> None:
    await floor.calls(**CALLER)
    page = chen.get("/console").text
    assert "1人在等" in page
    assert "chen（班长）" in page


async def test_groups_of_hotlines_that_are_called_the_same_are_told_apart(lin: Desk, zhou: Desk) -> None:
    page = zhou.get("/console").text
    for title in ("社保热线 · general（demo）", "社保热线 · general（queue）", "社保热线 · english <"):
        assert title in page
    assert "社保热线 · general <" in lin.get("/console").text


async def test_the_stream_tells_what_changes_and_never_the_card(floor: Floor, lin: Desk) -> None:
    await floor.calls(**CALLER)
    await acts(lin, "/console/take", group=str(GENERAL))
    told: list[str] = []
    with lin.client.stream("GET", "/console/live", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            told.append(line)
            if line == "event: case":
                break
    names = {line.removeprefix("event: ") for line in told if line.startswith("event: ")}
    assert names == {"presence", "queue", "status", "phase", "case"}
    assert "2173" not in "".join(told)


async def test_the_streams_of_one_worker_tell_each_agent_of_their_own_groups_alone(
    floor: Floor, lin: Desk, qian: Desk
) -> None:
    await floor.calls(**CALLER)

    def listened() -> str:
        with watching(qian) as hers, watching(lin) as his:
            others, ours = hers.iter_lines(), his.iter_lines()
            queue_in(others)
            return queue_in(ours)

    told = await asyncio.to_thread(listened)
    assert ("general" in told, "english" in told, "1人在等" in told) == (True, False, True)


def watching(desk: Desk) -> AbstractContextManager[httpx2.Response]:
    return desk.client.stream("GET", "/console/live", headers={"Accept": "text/event-stream"})


def queue_in(lines: Iterator[str]) -> str:
    """Give the next queue that a stream tells."""
    return next("".join(iter(lines.__next__, "")) for line in lines if line == "event: queue")


async def test_a_stream_ends_soon_after_its_session(floor: Floor, lin: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.web.console.SIGNED_IN_MS", 100)
    told: list[str] = []

    def listened() -> None:
        with lin.client.stream("GET", "/console/live", headers={"Accept": "text/event-stream"}) as answer:
            for line in answer.iter_lines():
                told.append(line)
                if line == "event: presence":
                    signed_out.set()

    signed_out = threading.Event()
    listening = asyncio.create_task(asyncio.to_thread(listened))
    await asyncio.to_thread(signed_out.wait, 15)
    await emptied(floor.redis)
    await asyncio.wait_for(listening, 15)
    assert "event: out" in told
    assert "登录已经结束" in told[-2]


async def test_the_database_away_is_a_sentence_and_the_queue_goes_on(
    floor: Floor, lin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.calls(**CALLER)

    def away(*_: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr("ivr.web.to_do.CallbackList", away)
    answer = lin.get("/console/to-do", **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-retarget"]) == (503, "#told")
    assert "数据库没有应答" in answer.text
    assert "1人在等" in lin.get("/console").text
