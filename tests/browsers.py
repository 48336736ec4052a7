"""A real browser for tests of pages: Debian's Chromium, looked at with axe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axe_playwright_python.async_playwright import Axe
from chromium import CHROMIUM
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=800)

PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

# What pops up under the address bar is a page of its own, loaded for each visitor's window, which nobody sees here: it
# takes as much of the processor as all that a test looks at. Of two such switches the last one counts, so that what
# Playwright switches off comes again.
NOT_NEEDED = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    *("AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying"),
    *("OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)
ARGUMENTS = ["--no-sandbox", f"--disable-features={','.join(NOT_NEEDED)}"]


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Run a browser."""
    async with async_playwright() as playwright:
        assert CHROMIUM is not None
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, url: str, *, breaks: bool = False, **options: object) -> AsyncIterator[Page]:
    """Give a page of a visitor with cookies of their own, under ``url``; what its console says must be nothing bad.

    Where a test `breaks` the way to the server it may complain of that.
    """
    context = await browser.new_context(base_url=url, locale="zh-CN", timezone_id="Asia/Shanghai", **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        await context.close()
    refused = [one for one in complaints if "the server responded with a status of 4" not in one]
    assert breaks or refused == [], f"a policy refused something, or a script raised: {refused}"


async def accessible(page: Page) -> None:
    """Have axe look at a page as it is now: it finds nothing."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def fits(page: Page) -> None:
    """See that nothing has to be scrolled sideways to be read."""
    wide, room = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room, f"the page is {wide} px wide where there are {room}"
