"""What is for operators alone opens to nobody else; tokens and keys can be changed while calls go on."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex

import httpx2
import pytest
from hotline_under_test import AUTH_TOKEN, OPERATOR, OPERATOR_TOKEN, SECRET_KEY, UnderTest, serving
from pydantic import SecretStr
from redis.asyncio import Redis
from scripted_accounts import ScriptedAccounts
from served import Served
from starlette.requests import Request
from tampering import BALANCE, LIBRARY, SHORT, SUM, Caller, emptied

from ivr.app import create_app
from ivr.carrier.carrier import Carrier
from ivr.door import Door
from ivr.settings import DEMO_ACCOUNT_SID, Settings

NEW_TOKEN = "f" * 16 + "0123456789abcdef"
NEW_KEY = b64encode(bytes(range(100, 132))).decode()


# --- the door --------------------------------------------------------------------------------------------------------


def basic(password: str, user: str = "anybody") -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def status(settings: Settings, peer: str = "127.0.0.1", **headers: str) -> int:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    refusal = Door(settings).refusal(Request({"type": "http", "headers": raw, "client": (peer, 50000)}))
    return 200 if refusal is None else refusal.status_code


def demo(**values: object) -> Settings:
    return Settings().changed(public_url="http://127.0.0.1:8000", **values)


def production(**values: object) -> Settings:
    return demo(twilio_auth_token=SecretStr(AUTH_TOKEN)).changed(public_url="https://h.example", **values)


def test_without_a_token_only_this_machine_comes_in_and_nobody_in_production() -> None:
    assert [status(demo(), peer) for peer in ("127.0.0.1", "127.8.8.8", "::1")] == [200, 200, 200]
    assert [status(demo(), peer) for peer in ("10.0.0.7", "172.17.0.1", "testclient", "")] == [404] * 4
    for forwarded in ("forwarded", "x_forwarded_for", "x_forwarded_host", "x_real_ip", "via"):
        assert status(demo(), **{forwarded: "127.0.0.1"}) == 404
    assert status(production()) == 404
    assert status(production(), authorization="Bearer ") == 404


@pytest.mark.parametrize("settings", [demo, production])
def test_a_token_opens_from_anywhere_and_nothing_else_does(settings: type[Settings]) -> None:
    both = settings(operator_token=SecretStr(f"{OPERATOR_TOKEN},{NEW_TOKEN}"))
    for token in (OPERATOR_TOKEN, NEW_TOKEN):
        for authorization in (f"Bearer {token}", f"bearer {token}", basic(token), basic(token, "")):
            assert status(both, "203.0.113.9", authorization=authorization) == 200
    for wrong in ("", "x", OPERATOR_TOKEN, f"Bearer {OPERATOR_TOKEN}x", f"Bearer {OPERATOR_TOKEN},{NEW_TOKEN}",
                  "Bearer", "Basic !", basic(""), basic(AUTH_TOKEN), "Bearer \xff"):  # fmt: skip
        assert status(both, authorization=wrong) == 401
    assert status(both) == 401


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), deadlines=SHORT) as under_test:
        yield under_test


async def test_metrics_are_for_operators_and_no_other_page_tells_what_there_is(hotline: UnderTest) -> None:
    async with httpx2.AsyncClient(base_url=hotline.urls[0], trust_env=False) as client:
        refused = await client.get("/metrics")
        assert (refused.status_code, refused.content) == (401, b"")
        assert "ivr_webhooks" in (await client.get("/metrics", headers=OPERATOR)).text
        for path in ("/docs", "/redoc", "/openapi.json", "/.env", "/metrics/", "/metrics/x", "/twilio"):
            assert (await client.get(path)).status_code in (404, 405), path
        for path in ("/healthz", "/readyz"):  # load balancers have no token; nothing in it is anybody's
            told = await client.get(path)
            assert told.status_code == 200
            version = told.json().get("flows", {}).get("version", "-")
            assert not re.search(r"[0-9]{6}|redis://|unix:", told.text.replace(version, ""))


# --- rotation under load ---------------------------------------------------------------------------------------------


class Rotating:
    """Two workers that are started again, one after the other, with other tokens and keys, while calls go on."""

    def __init__(self, redis_url: str, account_url: str, folder: Path) -> None:
        self._values = Settings(_env_file=None).model_dump() | {
            "twilio_account_sid": DEMO_ACCOUNT_SID,
            "redis_url": redis_url,
            "account_url": account_url,
            "account_token": "a-token-of-the-tests",
            "data_dir": folder,
            "public_url": "http://hotline.test",
            "refusal_step": 0.05,
        }
        self.workers: list[Served] = []

    def started(self, tokens: str, keys: str) -> Served:
        settings = Settings.model_validate(self._values | {"twilio_auth_token": tokens, "secret_key": keys})
        return Served(create_app(settings, deadlines=SHORT._replace(store=2.0))).__enter__()

    async def change(self, tokens: str, keys: str) -> None:
        for place in range(2):
            new = await asyncio.to_thread(self.started, tokens, keys)
            old, self.workers[place] = self.workers[place], new
            await asyncio.sleep(0.05)  # what this worker was asked before it was taken out is answered
            await asyncio.to_thread(old.__exit__, None, None, None)

    def close(self) -> None:
        for worker in self.workers:
            worker.__exit__(None, None, None)


class RotatingCarrier(Carrier):
    """Signs with the token of the day, and asks whichever workers there are."""

    def __init__(self, rotating: Rotating) -> None:
        super().__init__(
            "http://nowhere", public_url="http://hotline.test", account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN
        )
        self._rotating = rotating
        self._turn = 0

    def _target(self, url: str) -> str:
        self._turn += 1
        return self._rotating.workers[self._turn % 2].url + url.removeprefix(self.public_url)


async def test_tokens_and_keys_are_changed_while_calls_go_on(
    valkey_url: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emptied(redis)
    monkeypatch.setattr("ivr.app.load_library", lambda _: LIBRARY)  # it takes a second, and is the same for all
    accounts = ScriptedAccounts()
    with ExitStack() as open_until:
        rotating = Rotating(valkey_url, open_until.enter_context(Served(accounts.app())).url, tmp_path)
        rotating.workers = [rotating.started(AUTH_TOKEN, SECRET_KEY) for _ in range(2)]
        open_until.callback(rotating.close)
        accounts.script({"verify": ["ok"] * 500, "balance": [BALANCE] * 500})
        heard: list[str] = []
        rotated = asyncio.Event()
        async with RotatingCarrier(rotating) as carrier:
            under_test = UnderTest([], carrier.public_url, valkey_url, accounts)

            async def calls() -> None:
                while not rotated.is_set():
                    caller = Caller(under_test, carrier, calling=f"+86138{int(token_hex(3), 16):08}")
                    await caller.verified()
                    heard.append((await caller.follows()).said)
                    heard.extend([(await caller.keys("9")).said for _ in range(3)])

            async def changes() -> None:
                try:
                    # What is still out there stays good: both are known first, and only then is the new one used.
                    await rotating.change(f"{AUTH_TOKEN},{NEW_TOKEN}", f"{SECRET_KEY},{NEW_KEY}")
                    carrier.auth_token = NEW_TOKEN
                    await rotating.change(NEW_TOKEN, f"{NEW_KEY},{SECRET_KEY}")
                finally:
                    rotated.set()

            await asyncio.gather(changes(), *(calls() for _ in range(2)))
        assert len(heard) >= 8
        assert all(SUM in said for said in heard)
