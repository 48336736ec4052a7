"""Take the pictures of the README: a demo is started, called and answered, and its pages are looked at.

    python tests/take_pictures.py [FOLDER]

Needs what the tests of pages need. Without a folder the pictures are written to where the README shows them from.
"""

import asyncio
import os
import random
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from browsers import browsing, visiting
from playwright.async_api import Browser, Page, expect
from typer import echo

from ivr.accounts.reference.members import SAMPLE_MEMBERS
from ivr.agents.samples import SAMPLE_AGENTS
from ivr.carrier.carrier import Carrier
from ivr.datafolder import DataFolder
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.supervisor import listen

PICTURES = Path(__file__).parent.parent / ".github" / "pictures"
SCREEN = {"width": 1240, "height": 860}
START_S = 120.0
CALLS = 60
"""Calls before the pictures are taken, so that the operations page has something to tell."""

WAYS = (
    ("1", "number", "pin", "*"),
    ("1", "number", "pin"),
    ("2", "number", "pin"),
    ("3", "1", "number", "pin", "*"),
    ("4", "1", "number", "pin"),
    ("5", "1"),
    ("5", "3", "*"),
    ("1", "number", "000111"),
    ("8", "1"),
    ("-", "-"),
    ("1", "12345#"),
)
"""What callers key; the number and the password are those of a sample member."""


@asynccontextmanager
async def demo() -> AsyncIterator[tuple[str, DataFolder]]:
    """Start `ivr serve` on a data folder of its own, wait until it is ready, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="ivr") as folder:
        with listen("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        data = DataFolder(Path(folder))
        env = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
        command = [sys.executable, "-m", "ivr", "serve", "--port", str(port)]
        service = await asyncio.create_subprocess_exec(
            *command, env=env | {"IVR_DATA_DIR": folder}, stdout=DEVNULL, stderr=DEVNULL
        )
        url = f"http://127.0.0.1:{port}"
        try:
            await ready(url)
            yield url, data
        finally:
            service.terminate()
            await service.wait()


async def ready(url: str) -> None:
    """Wait until calls can be taken."""
    async with httpx2.AsyncClient(trust_env=False) as client, asyncio.timeout(START_S):
        while True:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.2)


async def calls_come_in(url: str, token: str) -> None:
    """Let callers want this and that, most of them served by themselves."""
    chance = random.Random(12333)
    members = [member for member in SAMPLE_MEMBERS if member.id_number and member.pin][:6]
    async with Carrier(url, account_sid=DEMO_ACCOUNT_SID, auth_token=token, strict=False) as carrier:
        for number in range(CALLS):
            call = await carrier.dial(from_=f"+861380013{number:04d}")
            member = chance.choice(members)
            for keys in chance.choice(WAYS):
                if call.ended:
                    break
                keyed = {"number": f"{member.id_number}#".replace("X", "*"), "pin": member.pin}.get(keys, keys)
                await (call.silence() if keyed == "-" else call.press(keyed))
            await call.hang_up()


async def heard(page: Page, words: str) -> None:
    """Wait until a sentence is heard on the telephone of a page."""
    await expect(page.locator("#heard .heard", has_text=words).last).to_be_visible(timeout=60_000)


async def asks_for_a_balance(phone: Page) -> None:
    """Call on the telephone of a page and hear the first sample member's balance."""
    member = SAMPLE_MEMBERS[0]
    await phone.goto("/phone")
    await phone.keyboard.press("Enter")
    await heard(phone, "人工服务，请按零")
    await phone.keyboard.press("1")
    await heard(phone, "身份证号码或社会保障卡号")
    await phone.keyboard.type(f"{member.id_number}#")
    await heard(phone, "请输入六位查询密码")
    await phone.keyboard.type(member.pin)
    await heard(phone, "余额为")
    await heard(phone, "结束通话，请挂机")


async def signed_in(page: Page, place: str, name: str, password: str) -> None:
    """Open a page behind the log-in."""
    await page.goto(place)
    await page.get_by_label("账号").fill(name)
    await page.get_by_label("密码").fill(password)
    await page.get_by_role("button", name="登录").click()


async def is_answered(caller: Page, phone: Page, console: Page) -> None:
    """Let the caller ask for a human, and the agent take the call and speak."""
    agent = SAMPLE_AGENTS[0]
    await phone.goto("/phone")
    await phone.get_by_label("当坐席的电话").check()
    await phone.get_by_label("坐席号码").select_option(agent.phone)
    await phone.get_by_role("button", name="接上电话").click()
    await console.get_by_role("button", name="就绪").click()
    await caller.keyboard.press("0")
    await heard(caller, "下一位就是您")
    await console.get_by_role("button", name="接听下一位").click()
    await phone.get_by_role("button", name="接听", exact=True).click(timeout=60_000)
    await heard(phone, "按一")
    await phone.keyboard.press("1")
    await expect(console.locator("#phase")).to_contain_text("正在通话", timeout=60_000)


async def take(browser: Browser, folder: Path) -> None:
    """Take every picture."""
    async with demo() as (url, data):
        await calls_come_in(url, data.auth_token())
        password = data.agents_password()
        agent, supervisor = SAMPLE_AGENTS[0].name, SAMPLE_AGENTS[1].name
        async with (
            visiting(browser, url, viewport=SCREEN) as caller,
            visiting(browser, url, viewport=SCREEN) as phone,
            visiting(browser, url, viewport=SCREEN) as console,
            visiting(browser, url, viewport=SCREEN) as other,
        ):
            await asks_for_a_balance(caller)
            await caller.screenshot(path=folder / "phone.png")
            await other.goto("/flows")
            await expect(other.locator(".node.here")).to_be_visible(timeout=60_000)
            await other.screenshot(path=folder / "map.png")
            await signed_in(console, "/console", agent, password)
            await is_answered(caller, phone, console)
            await console.screenshot(path=folder / "console.png")
            await signed_in(other, "/operations", supervisor, password)
            await expect(other.locator("#charts svg").first).to_be_visible(timeout=60_000)
            await other.screenshot(path=folder / "operations.png", full_page=True)


async def pictured(folder: Path) -> None:
    """Take the pictures into a folder."""
    async with browsing() as browser:
        await take(browser, folder)


def main(folder: Path) -> None:
    """Take the pictures, and tell how large they are."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(pictured(folder))
    for path in sorted(folder.glob("*.png")):
        echo(f"{path}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
