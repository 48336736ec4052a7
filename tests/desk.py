"""Agents of the tests: their accounts, and signing in over HTTP as a browser does."""

import re
from functools import cache
from urllib.parse import urlsplit

import httpx2

from ivr.agents.accounts import Accounts, GroupName, Role
from ivr.agents.passwords import hashed
from ivr.clock import wall_clock
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade

PASSWORD = "a-good-password-of-the-tests"
GENERAL = GroupName("queue", "general")
PHONE = "+12025550135"

hash_once = cache(hashed)
"""A hash takes 40 ms; that of one password may serve many tests."""


async def give_accounts(
    database_url: str,
    *names: str,
    role: Role = "agent",
    groups: tuple[GroupName, ...] = (GENERAL,),
    sample: bool = False,
    phone: str = PHONE,
) -> None:
    """Add accounts, all with `PASSWORD`, to a database whose tables are made where there are none."""
    await upgrade(database_url)
    async with opened(database_url) as engine:
        for name in names:
            await Accounts(engine).add(
                name,
                role=role,
                groups=groups,
                phone=phone,
                password=hash_once(PASSWORD),
                now=wall_clock(),
                sample=sample,
            )


def token_in(page: str) -> str:
    """Give what the forms of a page carry."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


class Desk:
    """A browser without a screen: keeps cookies, sends forms with what they carry, follows nothing by itself."""

    def __init__(self, url: str, **options: str) -> None:
        self.client = httpx2.Client(base_url=url, trust_env=False, headers=options, timeout=60)

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=headers)

    def post(self, path: str, token: str, /, **fields: str) -> httpx2.Response:
        headers = {"Origin": f"{urlsplit(str(self.client.base_url)).scheme}://{self.client.base_url.netloc.decode()}"}
        return self.client.post(path, data={"token": token, **fields}, headers=headers)

    def sign_in(self, name: str, password: str = PASSWORD, *, to: str = "") -> httpx2.Response:
        """Send the form of the log-in page."""
        return self.post("/log-in", token_in(self.get("/log-in").text), name=name, password=password, to=to)

    def act(self, path: str, /, **fields: str) -> httpx2.Response:
        """Send a form of the console."""
        return self.post(path, token_in(self.get("/console").text), **fields)
