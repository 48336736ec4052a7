"""An exchange beside a hotline under test, on which time is short, and what is heard on the page of its telephones."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from browsers import PATIENCE_MS
from hotline_under_test import AUTH_TOKEN, OUTBOUND_NUMBER, UnderTest
from playwright.async_api import Page
from served import Served

from ivr.exchange.demo import DemoAccounts
from ivr.exchange.service import create_exchange
from ivr.exchange.switch import Switch
from ivr.settings import DEMO_ACCOUNT_SID

PACE = 0.15
"""Real seconds that a second of a call takes here."""


@contextmanager
def with_exchange(
    served_for: Callable[[str], AbstractContextManager[UnderTest]], *, accounts: DemoAccounts | None = None
) -> Iterator[UnderTest]:
    """Serve a hotline, which is told the URL of its exchange, and that exchange."""
    exchange = Served(None)
    with served_for(exchange.url) as hotline:
        switch = Switch(
            hotline.urls,
            public_url=hotline.public_url,
            account_sid=DEMO_ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            pace=PACE,
        )
        exchange.app = create_exchange(switch, numbers=frozenset({OUTBOUND_NUMBER}), accounts=accounts)
        with exchange:
            yield hotline


async def heard(page: Page, words: str) -> None:
    """Wait until a sentence is heard on a page; `expect` would look but once a second, which is seven of a call."""
    await page.locator("#heard .heard", has_text=words).last.wait_for(timeout=PATIENCE_MS)
