"""What all pages have in common, in a real browser."""

import pytest
from browsers import DESKTOP, PHONE, accessible, fits, visiting
from hotline_under_test import UnderTest
from playwright.async_api import Browser, ViewportSize, expect


@pytest.mark.parametrize(("screen", "colours"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"])
@pytest.mark.parametrize(("path", "title"), [("/", "首页"), ("/log-in", "登录")])
async def test_what_everybody_sees_is_fit_for_everybody(
    browser: Browser, hotline: UnderTest, path: str, title: str, screen: ViewportSize, colours: str
) -> None:
    async with visiting(browser, hotline.urls[0], viewport=screen, color_scheme=colours) as page:
        await page.goto(path)
        assert await page.title() == f"{title} · 12333"
        await accessible(page)
        await fits(page)


async def test_the_first_key_leads_past_the_bar_to_the_text(browser: Browser, hotline: UnderTest) -> None:
    async with visiting(browser, hotline.urls[0]) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()


async def test_a_script_that_came_into_a_page_does_not_run(browser: Browser, hotline: UnderTest) -> None:
    context = await browser.new_context(base_url=hotline.urls[0])
    page = await context.new_page()
    await page.goto("/")
    async with page.expect_console_message() as refused:  # it may come a little later than the answer
        ran = await page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.ran = true";
                document.body.append(script);
                return window.ran ?? false;
            }"""
        )
    assert ran is False
    assert "Content Security Policy" in (await refused.value).text
    await context.close()
