"""The telephone in the browser: whole calls by keyboard and by clicks, and an agent's telephone beside it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest
from browsers import DESKTOP, PHONE, accessible, fits, visiting
from copied_library import Copied
from exchange_beside import heard, with_exchange
from hotline_under_test import AT_HOME, OPERATOR_TOKEN, UnderTest, serving
from playwright.async_api import Browser, Page, expect
from redis.asyncio import Redis

from ivr.exchange.demo import DemoAccounts

NUMBER, PASSWORD = "11010519491231002X", "846275"
BALANCE = {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}
AGENT, RINGS_AT_ONCE = "+12025550136", "12393"
"""A number of an agent, and that of the hotline whose callers are connected with it without a queue."""


class Accounts:
    """What an exchange asks of a demo's own account service: how slow it is made, and what it has texted."""

    def __init__(self) -> None:
        self.slowness: list[float] = []
        self.texts: list[dict[str, object]] = []
        self.looks = 0

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "PUT":
            self.slowness.append(json.loads(request.content)["seconds"])
            return httpx2.Response(204)
        self.looks += 1
        after = int(request.url.params["after"])
        return httpx2.Response(200, json=self.texts[after:])


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture(scope="module")
def phones(valkey_url: str, accounts: Accounts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    """Serve the hotline of a demo, and an exchange beside it on which time is short."""
    folder = tmp_path_factory.mktemp("data")
    Copied(folder).edit("flows/hotlines.yaml", ("numbers: []", f'numbers: ["{AGENT}"]'))

    def served_for(exchange: str) -> AbstractContextManager[UnderTest]:
        return serving(
            valkey_url,
            folder,
            workers=2,
            public_url=AT_HOME,
            exchange_url=exchange,
            stand_ins="account_url,twilio_auth_token",
            flows_dir=str(folder / "flows"),
        )

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(accounts.answer), base_url="http://accounts")
    with with_exchange(served_for, accounts=DemoAccounts("", "", client)) as hotline:
        yield hotline


def told_a_balance(phones: UnderTest) -> None:
    """Let the account service tell one balance."""
    phones.accounts.script({"verify": ["ok"], "balance": [BALANCE]})


async def test_a_balance_call_by_keyboard_alone(browser: Browser, phones: UnderTest, redis: Redis) -> None:
    told_a_balance(phones)
    async with visiting(browser, phones.urls[0]) as page:
        await page.goto("/phone")
        await page.keyboard.press("Enter")
        await heard(page, "人工服务，请按零")
        await page.keyboard.press("1")
        await heard(page, "身份证号码或社会保障卡号")
        await page.keyboard.type(NUMBER.replace("X", "*") + "#")
        await heard(page, "请输入六位查询密码")
        await page.keyboard.type(PASSWORD)
        await heard(page, "余额为两万零一百八十元零五分")
        await expect(page.locator("#heard .keys")).to_have_text(
            ["按键1", f"按键{NUMBER.replace('X', '*')}#", f"按键{PASSWORD}"]
        )
        await page.keyboard.press("Escape")
        await expect(page.locator("#state")).to_have_text("已挂机")
        await expect(page.locator("#heard .bad")).to_have_count(0)


async def test_a_balance_call_by_clicks_on_a_small_screen(browser: Browser, phones: UnderTest, redis: Redis) -> None:
    told_a_balance(phones)
    async with visiting(browser, phones.urls[0], viewport=PHONE, has_touch=True) as page:

        async def keyed(keys: str) -> None:
            for key in keys:
                await page.locator(f'[data-key="{key}"]').click()

        await page.goto("/phone")
        await page.get_by_role("button", name="拨号").click()
        await heard(page, "For English, press eight")
        await keyed("8")
        await heard(page, "For your account balance, press one")
        await keyed("1")
        await heard(page, "Please key in your ID card number")
        await keyed(NUMBER.replace("X", "*") + "#")
        await heard(page, "password")
        await keyed(PASSWORD)
        await heard(page, "twenty thousand one hundred eighty yuan")
        await accessible(page)
        await fits(page)
        await page.get_by_role("button", name="挂机").click()
        await expect(page.locator("#heard .note").last).to_have_text("您已挂机。")


async def test_an_agent_s_telephone_rings_and_both_talk(browser: Browser, phones: UnderTest, redis: Redis) -> None:
    async with visiting(browser, phones.urls[0]) as caller, visiting(browser, phones.urls[1]) as agent:
        await are_connected(caller, agent)
        await caller.keyboard.type("我的卡丢了")
        await caller.keyboard.press("Enter")
        await expect(agent.locator("#heard .theirs")).to_have_text("对方我的卡丢了")
        await accessible(agent)
        await agent.keyboard.press("Escape")
        await expect(agent.locator("#state")).to_have_text("等电话打进来")
        await heard(caller, "请为这次服务评价")


async def test_who_leaves_the_page_hangs_up(
    browser: Browser, phones: UnderTest, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.exchange.service.FORGOTTEN_S", 3600.0)
    async with visiting(browser, phones.urls[0]) as caller, visiting(browser, phones.urls[1]) as agent:
        await are_connected(caller, agent)
        await agent.goto("/log-in")
        await heard(caller, "请为这次服务评价")


async def test_a_page_that_the_browser_has_kept_can_call_again(browser: Browser, phones: UnderTest) -> None:
    async with visiting(browser, phones.urls[0]) as page:
        await page.goto("/phone")
        await page.keyboard.press("Enter")
        await heard(page, "人工服务，请按零")
        await page.evaluate("window.dispatchEvent(new Event('pagehide'))")
        await expect(page.locator("#hang-up")).to_be_disabled()
        async with page.expect_response("**/phone/line/*/dial") as dialled:
            await page.keyboard.press("Enter")
        assert (await dialled.value).status == 204


async def are_connected(caller: Page, agent: Page) -> None:
    """Let an agent's telephone wait for calls, and a caller be connected with it."""
    await agent.goto("/phone")
    await agent.get_by_label("当坐席的电话").check()
    await agent.get_by_label("坐席号码").select_option(AGENT)
    await agent.get_by_role("button", name="接上电话").click()
    await expect(agent.locator("#state")).to_have_text("等电话打进来")
    await caller.goto("/phone")
    await caller.get_by_label("拨打").select_option(RINGS_AT_ONCE)
    await caller.keyboard.press("Enter")
    await heard(caller, "人工服务，请按零")
    await caller.keyboard.press("0")
    await agent.get_by_role("button", name="接听").click()
    await expect(caller.locator("#state")).to_have_text("已接通")


async def test_silence_and_a_duplicate_webhook_are_buttons(browser: Browser, phones: UnderTest) -> None:
    async with visiting(browser, phones.urls[0]) as page:
        await page.goto("/phone")
        silence, duplicate = page.get_by_role("button", name="静默"), page.get_by_role("button", name="重发")
        await expect(silence).to_be_disabled()
        await page.get_by_role("button", name="拨号").click()
        await heard(page, "社保热线")
        await duplicate.click()
        await expect(page.locator("#heard .note").last).to_have_text("上一个请求又发了一次，回答一模一样。")
        await silence.click()
        await heard(page, "没有收到您的按键")


async def test_the_account_service_is_made_slow_and_its_texts_are_read(
    browser: Browser, phones: UnderTest, accounts: Accounts
) -> None:
    async with visiting(browser, phones.urls[0]) as page:
        await page.goto("/phone")
        slow = page.get_by_role("button", name="账户服务变慢")
        for pressed in ("true", "false"):
            await slow.click()
            await expect(slow).to_have_attribute("aria-pressed", pressed)
        assert accounts.slowness == [4, 0]
        before = accounts.looks
        await page.get_by_role("button", name="拨号").click()
        for _ in range(600):
            if accounts.looks > before + 1:  # the first look is for what was texted before this call
                break
            await asyncio.sleep(0.05)
        accounts.texts.append({"id": 1, "to": "138****8000", "text": "验证码123456"})
        await expect(page.locator("#heard .texts")).to_have_text("短信，发到 138****8000验证码123456")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_it_is_fit_for_everybody(
    browser: Browser, phones: UnderTest, screen: dict[str, int], colours: str
) -> None:
    async with visiting(browser, phones.urls[0], viewport=screen, color_scheme=colours) as page:
        await page.goto("/phone")
        await accessible(page)
        await page.get_by_label("Language").select_option("en")
        await expect(page.get_by_role("heading", name="Telephone")).to_be_visible()
        await page.get_by_role("button", name="Large type").click()
        await accessible(page)
        await fits(page)
        # Both are kept for the next visit.
        await page.reload()
        await expect(page.get_by_role("button", name="Large type")).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_role("button", name="Call")).to_be_visible()


async def test_who_may_not_operate_a_real_hotline_has_no_telephone(
    browser: Browser, valkey_url: str, tmp_path: Path
) -> None:
    with serving(valkey_url, tmp_path, public_url=AT_HOME, exchange_url="http://127.0.0.1:9") as hotline:
        async with visiting(browser, hotline.urls[0]) as page:
            for path in ("/phone", "/phone/line/x/events"):
                answer = await page.request.get(path)
                assert answer.status == 401
            assert (await page.request.post("/phone/line", data={})).status == 401
        opened = {"username": "operator", "password": OPERATOR_TOKEN}
        async with visiting(browser, hotline.urls[0], http_credentials=opened) as page:
            assert (await page.goto("/phone")).ok  # type: ignore[union-attr]


async def test_without_an_exchange_there_is_no_telephone(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(browser, hotline.urls[0]) as page:
        assert (await page.request.get("/phone")).status == 404
        await page.goto("/")
        await expect(page.get_by_role("link", name="电话")).to_have_count(0)
