"""Three browsers: a caller, an agent at the console, the agent's telephone; from key 0 to the survey and the note."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack

import pytest
import pytest_asyncio
from browsers import visiting
from desk import PASSWORD, PHONE, give_accounts
from exchange_beside import heard, with_exchange
from hotline_under_test import AT_HOME, OUTBOUND_NUMBER, UnderTest, serving
from playwright.async_api import Browser, Page, expect
from redis.asyncio import Redis

from ivr.serve import sqlite_url

QUEUED = "12335"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bureau(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UnderTest]:
    """Serve a hotline with an agent, and the exchange by which it rings telephones."""
    folder = tmp_path_factory.mktemp("data")
    database_url = sqlite_url(folder / "calls.sqlite3")
    await give_accounts(database_url, "lin")

    def served_for(exchange: str) -> AbstractContextManager[UnderTest]:
        return serving(
            valkey_url,
            folder,
            workers=2,
            database_url=database_url,
            public_url=AT_HOME,
            exchange_url=exchange,
            twilio_api_url=exchange,
            outbound_number=OUTBOUND_NUMBER,
            stand_ins="twilio_auth_token",
        )

    with with_exchange(served_for) as hotline:
        yield hotline


async def test_from_key_0_to_the_survey_and_the_note(browser: Browser, bureau: UnderTest, redis: Redis) -> None:
    async with AsyncExitStack() as visits:

        async def sits(worker: int) -> Page:
            return await visits.enter_async_context(visiting(browser, bureau.urls[worker]))

        caller, console, telephone = await sits(0), await sits(1), await sits(0)
        await console.goto("/console")
        await console.get_by_label("账号").fill("lin")
        await console.get_by_label("密码").fill(PASSWORD)
        await console.get_by_role("button", name="登录").click()
        await telephone.goto("/phone")
        await telephone.get_by_label("当坐席的电话").check()
        await telephone.get_by_label("坐席号码").select_option(PHONE)
        await telephone.get_by_role("button", name="接上电话").click()

        await caller.goto("/phone")
        await caller.get_by_label("拨打").select_option(QUEUED)
        await caller.get_by_role("button", name="拨号").click()
        await heard(caller, "人工服务，请按零")
        await caller.keyboard.press("0")
        await heard(caller, "下一位就是您")

        await expect(console.locator("#queue li")).to_contain_text("未验证")
        await console.get_by_role("button", name="接听下一位").click()
        await expect(console.locator("#phase")).to_contain_text("您的电话正在响")
        await telephone.get_by_role("button", name="接听").click()
        await heard(telephone, "接听，请按一")
        await telephone.keyboard.press("1")
        await heard(caller, "工作人员不会向您索要银行卡密码")
        await expect(caller.locator("#state")).to_have_text("已接通")
        await expect(console.locator("#phase")).to_contain_text("正在通话")
        await caller.get_by_label("说话").fill("我的卡丢了。")
        await caller.keyboard.press("Enter")
        await expect(telephone.locator("#heard .theirs")).to_have_text("对方我的卡丢了。")

        await telephone.get_by_role("button", name="挂机").click()
        await heard(caller, "请为这次服务评价")
        await caller.keyboard.press("1")
        await heard(caller, "再见")
        await expect(caller.locator("#state")).to_have_text("已挂机")
        await expect(console.locator("#phase")).to_contain_text("请写记录")
        await console.get_by_label("备注").fill("挂失")
        await console.get_by_label("结果").select_option("已解决")
        await console.get_by_role("button", name="保存记录").click()
        await expect(console.locator("#card")).to_have_count(0)
        for page in (caller, telephone):
            await expect(page.locator("#heard .bad")).to_have_count(0)
