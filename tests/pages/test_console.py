"""The agents' console in a real browser: the queue, taking, the card, notes, presence, and what is to be done."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from browsers import PHONE, accessible, fits, visiting
from calling_floor import Floor, calling_floor
from desk import GENERAL, PASSWORD, give_accounts
from playwright.async_api import Browser, Page, Route, expect

from ivr.agents.accounts import GroupName
from ivr.agents.queue import Waiter
from ivr.walk import china_time
from ivr.web.console import TAKEN

AT_OFFICE_HOURS = "12334"
"""A number of the sample hotline where agents work by a duty calendar; zhao is one of them."""

Sits = Callable[..., Awaitable[Page]]

CARD: dict[str, Any] = {
    "verified": True, "path": ("balance", "years"), "asked": "years", "lang": "yue", "caller_tail": "8000",
    "keyed_tail": "2173", "repeats": 2, "silences": 1, "slow": True, "age_band": "60+",
}  # fmt: skip
TOLD = (
    "已验证", "余额 → 缴费年限", "没有听到答复", "重听2次，没按键1次", "尾号8000", "尾号2173", "粤语", "六十岁以上",
    "请说慢一点",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    async with calling_floor(valkey_url, tmp_path_factory.mktemp("data"), "lin", "wu") as one:
        by_hours = GroupName("office_hours", "general")
        await give_accounts(one.database_url, "zhao", groups=(by_hours,), phone="+12025550134")
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def floor(running: Floor) -> AsyncIterator[Floor]:
    await running.emptied()
    yield running


@pytest_asyncio.fixture(loop_scope="session")
async def sits(browser: Browser, floor: Floor) -> AsyncIterator[Sits]:
    """Give a function that lets an agent sit down at the console, in a browser of their own."""
    async with AsyncExitStack() as visits:

        async def one(name: str, worker: int = 0, heading: str = "社保热线 · general", **options: Any) -> Page:
            page = await visits.enter_async_context(visiting(browser, floor.urls[worker], **options))
            await page.goto("/console")
            await page.get_by_label("账号").fill(name)
            await page.get_by_label("密码").fill(PASSWORD)
            await page.get_by_role("button", name="登录").click()
            await expect(page.get_by_role("heading", name=heading)).to_be_visible()
            if heading.startswith("社保热线"):  # which has a queue: its length is told as soon as the stream is there
                await expect(page.get_by_role("status").first).not_to_be_empty()
            return page

        yield one


async def state_of(floor: Floor, waiter: Waiter) -> str:
    card = await floor.queue.card(waiter.hotline, waiter.group, waiter.call)
    return "" if card is None else card.state


async def test_a_caller_is_seen_taken_spoken_with_and_noted(floor: Floor, sits: Sits) -> None:
    page = await sits("lin")
    await expect(page.locator("#queue")).to_contain_text("没有人在等")
    caller = await floor.calls(ago_s=200, **CARD)
    await floor.calls(ago_s=20)
    rows = page.locator("#queue li")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text(re.compile(r"等了3分钟\s+粤语\s+已验证\s+想办：缴费年限", re.DOTALL))
    await expect(page.get_by_role("status").first).to_have_text("社保热线 · general：2人在等。")
    await page.get_by_role("button", name="就绪").click()
    await expect(page.get_by_role("button", name="就绪")).to_have_attribute("aria-pressed", "true")
    await accessible(page)

    # By keyboard alone: the button of the next one, the card, the note.
    await page.get_by_role("button", name="接听下一位").press("Enter")
    await expect(page.get_by_role("heading", name="来电卡片")).to_be_focused()
    card = page.locator("#card")
    for told in TOLD:
        await expect(card).to_contain_text(told)
    await expect(page.locator("#phase")).to_contain_text("您的电话正在响")
    assert floor.audited("card") == [caller.call]
    assert await state_of(floor, caller) == "ringing"
    await floor.phone.rung()

    await floor.queue.bridged(*GENERAL, caller.call, await floor.agent_of(caller))
    await expect(page.locator("#phase")).to_contain_text("正在通话")
    await page.get_by_label("备注").fill("来电人问年限，")
    await floor.queue.leave(*GENERAL, caller.call)
    await expect(page.locator("#phase")).to_contain_text("通话结束了")
    await expect(page.get_by_role("button", name="话后处理")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_label("备注")).to_have_value("来电人问年限，")
    await page.set_viewport_size(PHONE)
    await fits(page)
    await accessible(page)

    await page.get_by_label("备注").press_sequentially("已告知。")
    await page.get_by_label("结果").select_option("已解决")
    await page.get_by_role("button", name="保存记录").press("Enter")
    await expect(page.locator("#card")).to_have_count(0)
    await expect(page.get_by_role("button", name="就绪")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#lost")).to_be_hidden()
    (note,) = await floor.notes(caller.call)
    assert (note.agent, note.outcome, note.text) == ("lin", "solved", "来电人问年限，已告知。")
    assert note.path == ("balance", "years")


async def test_a_caller_and_an_agent_from_key_0_to_the_survey_that_is_looked_into(floor: Floor, sits: Sits) -> None:
    page = await sits("lin")
    call = await floor.dials()
    await expect(page.locator("#queue li")).to_contain_text("未验证")
    await page.get_by_role("button", name="接听下一位").click()
    await expect(page.locator("#card")).to_contain_text("尾号8000")
    await floor.phone.rung()
    floor.phone.answered.set()
    await floor.phones.settled()
    assert "工作人员不会向您索要银行卡密码" in "".join(one.text for one in call.heard)
    await call.press("4")
    assert call.ended

    await expect(page.locator("#phase")).to_contain_text("请写记录")
    await page.get_by_label("备注").fill("线路不好")
    await page.get_by_label("结果").select_option("没有解决")
    await page.get_by_role("button", name="保存记录").click()
    await expect(page.locator("#card")).to_have_count(0)
    await floor.handed_over()
    await page.goto("/console/to-do")
    await expect(page.locator("main")).to_contain_text("lin记：没有解决，线路不好")
    await accessible(page)
    await page.get_by_role("button", name="已跟进").click()
    await expect(page.locator("main")).to_contain_text("不满意的来电 0个")


async def test_a_callback_from_its_booking_in_the_queue_to_done(floor: Floor, sits: Sits) -> None:
    call = await floor.dials()
    await call.press("1")
    heard = "".join(one.text for one in await call.press("1"))
    await call.hang_up()
    await floor.handed_over()
    page = await sits("lin")
    await expect(page.locator("#queue li")).to_contain_text("回电")
    await page.get_by_role("button", name="接听下一位").click()
    leg = await floor.phone.rung()
    floor.phone.answered.set()
    await floor.phones.settled()
    assert [ring.number for ring in leg.rings] == ["+8613800138000"]
    code = "".join(one.text for one in leg.heard).partition("四位暗号，")[2].partition("。")[0]
    assert len(code) == 4
    assert code in heard
    await expect(page.locator("#phase")).to_contain_text("请写记录")
    await floor.handed_over()
    await page.goto("/console/to-do")
    await expect(page.locator("main")).to_contain_text("没有要回的电话")


async def test_of_two_agents_who_take_one_caller_exactly_one_gets_the_card(floor: Floor, sits: Sits) -> None:
    caller = await floor.calls(**CARD)
    pages = [await sits("lin"), await sits("wu", worker=1)]
    buttons = [page.locator(f"#take-{caller.call}") for page in pages]
    for button in buttons:
        await expect(button).to_be_visible()
    # Both press what they see, before either page is told of the other.
    pressed, let_go = asyncio.Semaphore(0), asyncio.Event()

    async def held(route: Route) -> None:
        pressed.release()
        await let_go.wait()
        await route.continue_()

    for page, button in zip(pages, buttons, strict=True):
        await page.route("**/console/take", held)
        await button.click()
        await pressed.acquire()
    let_go.set()
    card, sentence = [page.locator("#card") for page in pages], [page.get_by_role("alert") for page in pages]
    winner = 0 if await floor.agent_of(caller) == await floor.id_of("lin") else 1
    await expect(card[winner]).to_be_visible()
    await expect(sentence[1 - winner]).to_have_text(TAKEN)
    await expect(card[1 - winner]).to_have_count(0)
    assert floor.audited("card") == [caller.call]
    assert len(floor.phone.legs) == 1


async def test_a_button_that_is_pressed_while_the_queue_changes_does_what_it_says(floor: Floor, sits: Sits) -> None:
    caller = await floor.calls(ago_s=20, **CARD)
    page = await sits("lin")
    await page.locator(f"#take-{caller.call}").hover()
    await page.mouse.down()
    await floor.calls(ago_s=10)
    await expect(page.locator("#queue li")).to_have_count(2)
    await page.mouse.up()
    await expect(page.locator("#card")).to_contain_text("尾号8000")
    assert floor.audited("card") == [caller.call]


async def test_an_agent_whose_browser_is_gone_gives_the_caller_back_to_the_head_of_the_queue(
    floor: Floor, browser: Browser, sits: Sits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("presence", "watch"):
        monkeypatch.setattr(f"ivr.web.{module}.GONE_MS", 4000)
    first = await floor.calls(ago_s=90)
    second = await floor.calls(ago_s=30)
    page = await sits("lin")
    await page.get_by_role("button", name="接听下一位").click()
    await expect(page.locator("#card")).to_be_visible()
    assert await state_of(floor, first) == "ringing"
    other = await sits("wu", worker=1)
    await expect(other.locator("#who-is-here")).to_contain_text("lin")
    await page.context.close()
    await expect(other.locator("#who-is-here")).not_to_contain_text("lin")
    await expect(other.locator("#queue li").first).not_to_contain_text("正在接通")
    assert [one.call for one in await floor.queue.waiting(*GENERAL)] == [first.call, second.call]
    assert await state_of(floor, first) == "waiting"
    await floor.phones.settled()
    assert floor.phone.legs[0].status == "canceled"


async def test_a_card_survives_a_reload_and_each_look_at_it_leaves_an_entry(floor: Floor, sits: Sits) -> None:
    caller = await floor.calls(**CARD)
    page = await sits("lin")
    await page.get_by_role("button", name="接听下一位").click()
    await expect(page.locator("#card")).to_be_visible()
    assert floor.audited("card") == [caller.call]
    await page.reload()
    await expect(page.locator("#card")).to_contain_text("尾号2173")
    assert floor.audited("card") == [caller.call] * 2
    await page.get_by_role("button", name="不接了").click()
    await expect(page.locator("#card")).to_have_count(0)
    await expect(page.locator("#queue li")).to_have_count(1)
    assert await state_of(floor, caller) == "waiting"


async def test_a_callback_is_worked_off_by_hand_from_its_booking_to_its_end(floor: Floor, sits: Sits) -> None:
    booking = await floor.books("13800138000", code="4711", asked="balance", lang="en", verified=True)
    page = await sits("lin")
    to_do = page.locator("#to-do")
    await expect(to_do).to_contain_text("尾号8000")
    await expect(to_do).not_to_contain_text("13800138000")
    await expect(to_do).not_to_contain_text("4711")
    await to_do.get_by_role("button", name="显示号码").click()
    number = page.locator("#number")
    await expect(number).to_contain_text("号码 13800138000；接通后先说暗号 4711。")
    assert floor.audited("callback") == [booking.call]
    await accessible(page)
    await number.get_by_role("button", name="没人接").click()
    await expect(to_do).to_contain_text("打过1次，共3次")
    await expect(page.get_by_text("13800138000")).to_have_count(0)
    await to_do.get_by_role("button", name="显示号码").click()
    await number.get_by_role("button", name="已接通").click()
    await expect(to_do).to_contain_text("没有要回的电话")


async def test_a_callback_that_is_due_rings_the_agent_who_takes_it(floor: Floor, sits: Sits) -> None:
    known = {"path": ("balance", "years"), "answered": True, "repeats": 2, "age_band": "60+", "keyed_tail": "2173"}
    booking = await floor.books("13900139000", code="1234", asked="years", **known)
    page = await sits("lin")
    await page.locator("#to-do").get_by_role("button", name="拨打").click()
    await expect(page.locator("#phase")).to_contain_text("先拨通您，再拨通对方")
    for words in ("尾号9000", "余额 → 缴费年限", "已经听到答复", "重听2次", "六十岁以上", "尾号2173"):
        await expect(page.locator("#card")).to_contain_text(words)
    assert floor.audited("card") == [booking.call]
    await floor.phone.rung()


async def test_an_unhappy_caller_is_looked_into_with_the_way_of_the_call_and_the_note(floor: Floor, sits: Sits) -> None:
    await floor.unhappy("CA" + "5" * 32, path=("balance", "years"), text="来电人很着急")
    page = await sits("wu")
    to_do = page.locator("#to-do")
    await expect(to_do).to_contain_text(re.compile(r"走过：余额 → 缴费年限\s+lin记：没有解决，来电人很着急"))
    await to_do.get_by_role("button", name="已跟进").click()
    await expect(to_do).to_contain_text("不满意的来电 0个")


async def test_the_console_works_without_scripts(browser: Browser, floor: Floor) -> None:
    caller = await floor.calls(**CARD)
    async with visiting(browser, floor.urls[0], java_script_enabled=False, viewport=PHONE) as page:
        await page.goto("/console")
        await page.get_by_label("账号").fill("lin")
        await page.get_by_label("密码").fill(PASSWORD)
        await page.get_by_role("button", name="登录").click()
        await page.get_by_role("button", name="接听下一位").click()
        await expect(page.locator("#card")).to_contain_text("尾号2173")
        assert await state_of(floor, caller) == "ringing"
        await page.get_by_role("link", name="打开待办").click()
        await expect(page.get_by_role("heading", name="要回的电话")).to_be_visible()


async def test_single_keys_work_for_those_who_want_them_and_not_while_they_type(floor: Floor, sits: Sits) -> None:
    await floor.calls(**CARD)
    page = await sits("lin")
    await page.keyboard.press("n")
    await expect(page.locator("#card")).to_have_count(0)
    await page.get_by_label("用单键").check()
    await page.keyboard.press("n")
    await expect(page.locator("#card")).to_be_visible()
    await page.get_by_label("备注").press_sequentially("n")
    await expect(page.get_by_label("备注")).to_have_value("n")


async def test_a_message_is_listed_heard_and_seen_to(floor: Floor, sits: Sits) -> None:
    message = await floor.leaves_a_message()
    page = await sits("lin")
    await page.goto("/console/to-do")
    await expect(page.get_by_role("heading", name="留言 1个")).to_be_visible()
    await accessible(page)
    seconds = await page.locator("audio").evaluate(
        "audio => new Promise(heard => { audio.oncanplay = () => heard(audio.duration); audio.preload = 'auto' })"
    )
    assert round(seconds) == 3
    assert floor.audited("message")[:1] == [message.call]
    await page.get_by_role("button", name="已处理").press("Enter")
    await expect(page.locator("main")).to_contain_text("没有留言")
    await page.set_viewport_size(PHONE)
    await fits(page)


async def test_who_listens_to_a_message_is_not_interrupted_by_the_list_that_comes_anew(
    floor: Floor, sits: Sits
) -> None:
    await floor.leaves_a_message()
    page = await sits("lin")
    await page.locator("#to-do audio").evaluate("one => { one.isHeard = true }")
    await floor.leaves_a_message()
    await page.evaluate("htmx.ajax('GET', '/console/to-do', {source: '#to-do', target: '#to-do'})")
    await expect(page.locator("#to-do audio")).to_have_count(2)
    assert await page.locator("#to-do audio").evaluate_all("them => them.map(heard => !!heard.isHeard)") == [
        True,
        False,
    ]


async def test_a_page_that_has_lost_its_stream_says_so_until_it_is_back(floor: Floor, sits: Sits) -> None:
    page = await sits("lin", breaks=True)
    lost = page.locator("#lost")
    await expect(lost).to_be_hidden()
    await page.route("**/console/live", lambda route: route.abort())
    await page.reload()
    await expect(lost).to_be_visible()
    await page.unroute("**/console/live")
    await expect(lost).to_be_hidden()


async def test_who_calls_at_night_is_called_back_or_leaves_a_message_for_the_morning(floor: Floor, sits: Sits) -> None:
    clock = floor.hotline.clock
    now = china_time(clock())
    clock.ahead_ms = round((now.replace(hour=22, minute=0) - now).total_seconds() * 1000)
    try:
        call = await floor.dials(to=AT_OFFICE_HOURS)
        assert "现在不是人工服务时间" in "".join(one.text for one in call.heard)
        await call.press("1")
        heard = "".join(one.text for one in await call.press("1"))
        assert "四位暗号" in heard
        await call.hang_up()
        call = await floor.dials(to=AT_OFFICE_HOURS, calling="+8613900139000")
        await call.press("2")
        heard = "".join(one.text for one in await call.speak(5, "#"))
        assert "留言已经收到" in heard
        await call.hang_up()
    finally:
        clock.ahead_ms = 0
    await floor.handed_over()
    page = await sits("zhao", heading="要回的电话")
    await page.goto("/console/to-do")
    for told in ("要回的电话 1个", "尾号8000", "留言 1个", "尾号9000"):
        await expect(page.locator("main")).to_contain_text(told)
    await accessible(page)
