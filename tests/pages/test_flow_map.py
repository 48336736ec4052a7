"""The map of the flows, in a real browser: it is drawn, read, searched, and follows a call."""

import asyncio

from browsers import PHONE, accessible, fits, visiting
from hotline_under_test import OPERATOR, UnderTest
from playwright.async_api import Browser, Page, Route, expect

NUMBER, PASSWORD = "110105198503122173", "846275"
SUM = {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}


async def open_map(page: Page, query: str = "") -> None:
    await page.goto(f"/flows{query}")
    await expect(page.locator("#chart svg")).to_be_visible()


async def stands_at(page: Page, flow: str, node: str) -> None:
    """See that the followed call is lit up at a node of the flow that is drawn, and nowhere else."""
    await expect(page.locator(".node.here")).to_have_attribute("id", f"at.{flow}.{node}")
    await expect(page.locator("#where")).to_contain_text(f"{flow} / {node}")
    await expect(page.locator("#flow")).to_have_value(flow)


async def test_the_map_follows_a_whole_balance_call(browser: Browser, hotline: UnderTest) -> None:
    hotline.accounts.script({"verify": ["ok"], "balance": [SUM]})
    async with (
        hotline.carrier() as carrier,
        visiting(browser, hotline.urls[0], extra_http_headers=OPERATOR) as page,
    ):
        await open_map(page)
        await expect(page.locator("#where")).to_have_text("现在没有通话。")
        call = await carrier.dial()
        await stands_at(page, "main", "menu")
        await call.press("1")
        await stands_at(page, "number", "number")
        await call.press(f"{NUMBER}#")
        await stands_at(page, "prove", "pin")
        await expect(page.locator(".edge.walked")).not_to_have_count(0)
        await call.press(PASSWORD)
        await stands_at(page, "after", "menu")
        await call.hang_up()
        await expect(page.locator("#where")).to_have_text("现在没有通话。")
        await expect(page.locator(".node.here")).to_have_count(0)


async def test_a_node_tells_what_it_says_by_click_and_by_keyboard_alone(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(browser, hotline.urls[0], extra_http_headers=OPERATOR) as page:
        await open_map(page, "?flow=balance")
        await page.locator('[id="at.balance.tell"]').click()
        panel = page.locator("#node")
        for words in (
            "您的医保个人账户余额为",
            "你嘅醫保個人賬戶餘額",
            "Your medical insurance account balance",
            "after",
        ):
            await expect(panel).to_contain_text(words)
        await page.locator("#chart .node").first.focus()
        for _ in range(2):
            await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(panel.locator("h2")).to_contain_text("balance / fetch")
        await panel.get_by_role("link", name="tell", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(panel.locator("h2")).to_contain_text("balance / tell")
        await expect(page.locator(".node.chosen")).to_have_attribute("id", "at.balance.tell")


async def test_what_callers_hear_is_found_and_leads_to_its_node(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(browser, hotline.urls[0], extra_http_headers=OPERATOR) as page:
        await open_map(page)
        await page.locator("#search").fill("six-digit query password")
        await page.get_by_role("link", name="prove / pin", exact=True).click()
        await expect(page.locator(".node.chosen")).to_have_attribute("id", "at.prove.pin")
        await page.locator("#search").fill("无人会说的话")
        await expect(page.locator("#hits")).to_contain_text("没有找到")


async def test_the_map_is_fit_for_everybody(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(
        browser, hotline.urls[0], extra_http_headers=OPERATOR, viewport=PHONE, reduced_motion="reduce"
    ) as page:
        await open_map(page, "?flow=main&node=menu")
        await expect(page.locator("#node h2")).to_contain_text("main / menu")
        await accessible(page)
        await fits(page)
        await page.emulate_media(color_scheme="dark")
        await accessible(page)
        await page.locator("#flow").select_option("")
        await expect(page.locator('[id="at.balance.START"]')).to_be_visible()
        await accessible(page)


async def test_what_was_asked_for_last_is_shown_whichever_answer_comes_last(
    browser: Browser, hotline: UnderTest
) -> None:
    async with visiting(browser, hotline.urls[0], extra_http_headers=OPERATOR) as page:
        let_go = asyncio.Event()

        async def late(route: Route) -> None:
            await let_go.wait()
            await route.continue_()

        await page.route("**/flows/chart?flow=balance&days=1", late)
        async with page.expect_request("**/flows/chart?flow=balance&days=1"):
            await page.goto("/flows?flow=balance")
        async with page.expect_response("**/flows/chart?flow=balance&days=7"):
            await page.locator("#days").select_option("7")
            let_go.set()
        await expect(page.locator("#chart svg")).to_be_visible()
        let_go.clear()
        await page.route("**/flows/node?flow=balance&node=tell&*", late)
        async with page.expect_request("**/flows/node?flow=balance&node=tell&*"):
            await page.locator('[id="at.balance.tell"]').click()
        await page.locator('[id="at.balance.fetch"]').click()
        await expect(page.locator("#node h2")).to_contain_text("balance / fetch")
        async with page.expect_response("**/flows/node?flow=balance&node=tell&*"):
            let_go.set()
        async with page.expect_response("**/flows/node?flow=balance&node=fetch&days=1"):
            await page.locator("#days").select_option("1")
        await expect(page.locator("#node h2")).to_contain_text("balance / fetch")


async def test_a_map_without_its_stream_says_so(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(browser, hotline.urls[0], extra_http_headers=OPERATOR, breaks=True) as page:
        await page.route("**/flows/live", lambda route: route.abort())
        await page.goto("/flows")
        await expect(page.locator("#where")).to_have_text("和服务的连接断了，看不到现在的通话。")
