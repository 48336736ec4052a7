"""Who gets into the console, over HTTP: passwords, sessions and their ends, forms from elsewhere, locks, roles."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import PASSWORD, Desk, give_accounts, token_in
from hotline_under_test import AT_HOME, UnderTest, serving
from pydantic import SecretStr
from redis.asyncio import Redis

from ivr.agents.accounts import Accounts
from ivr.agents.passwords import fits, weakness
from ivr.agents.samples import add_samples, has_samples
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade
from ivr.serve import sqlite_url
from ivr.settings import Settings
from ivr.web.lockout import TRIES_PER_ACCOUNT
from ivr.web.login import WRONG
from ivr.web.sessions import IDLE_MS, WHOLE_MS


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = sqlite_url(tmp_path_factory.mktemp("database") / "calls.sqlite3")
    asyncio.run(give_accounts(url, "lin", "wu", "zhao", "qian", "sun"))
    asyncio.run(give_accounts(url, "chen", role="supervisor"))
    asyncio.run(give_accounts(url, "sample", sample=True))
    return url


@pytest.fixture(scope="module")
def hotline(valkey_url: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(
        valkey_url, tmp_path_factory.mktemp("data"), workers=2, database_url=database_url, public_url=AT_HOME
    ) as served:
        yield served


@pytest.fixture
def desk(hotline: UnderTest, redis: Redis) -> Iterator[Callable[..., Desk]]:
    """Give a function that opens browsers, each with cookies of its own; nobody has tried to sign in before."""
    opened_ones: list[Desk] = []

    def one(worker: int = 0, **headers: str) -> Desk:
        opened_ones.append(Desk(hotline.urls[worker], **headers))
        return opened_ones[-1]

    hotline.clock.ahead_ms = 0
    yield one
    for browser in opened_ones:
        browser.close()


def test_who_signs_in_is_known_to_every_worker_until_signing_out(desk: Callable[..., Desk]) -> None:
    first = desk()
    answer = first.sign_in("lin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    page = first.get("/console")
    assert page.status_code == 200
    assert "lin（坐席）" in page.text

    other = desk(worker=1)
    other.client.cookies.set("desk", first.client.cookies["desk"])
    assert other.get("/console").status_code == 200
    assert first.act("/log-out").headers["location"] == "/log-in"
    for browser in (first, other):
        assert browser.get("/console").status_code == 303


def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(desk: Callable[..., Desk]) -> None:
    browser = desk()
    given = [browser.get("/log-in"), browser.sign_in("lin")]
    for cookie in (cookie for answer in given for cookie in answer.headers.get_list("set-cookie")):
        told = [part.strip().lower() for part in cookie.split(";")]
        assert {"httponly", "samesite=strict", "path=/"} <= set(told)
        assert not any(part.startswith("domain") for part in told)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("lin", "not-the-password"),
        ("lin", ""),
        ("lin", PASSWORD.upper()),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("Lin' OR 1=1 --", PASSWORD),
        ("林", PASSWORD),
    ],
)
def test_a_wrong_name_and_a_wrong_password_are_one_sentence(
    desk: Callable[..., Desk], name: str, password: str
) -> None:
    browser = desk()
    answer = browser.sign_in(name, password)
    assert answer.status_code == 403
    assert WRONG in answer.text
    assert "desk" not in browser.client.cookies
    assert browser.get("/console").status_code == 303


def test_a_name_that_nobody_has_costs_the_same_work(desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    held_against = []

    def noted(password: str, kept: str) -> bool:
        held_against.append(kept)
        return fits(password, kept)

    monkeypatch.setattr("ivr.agents.passwords.fits", noted)
    for name in ("lin", "nobody", "sample", ""):
        desk().sign_in(name, "wrong")
    assert len(held_against) == 4
    assert {kept.rpartition("$")[0].rpartition("$")[0] for kept in held_against} == {"$argon2id$v=19$m=19456,t=2,p=1"}


@pytest.mark.parametrize("name", ["wu", "nobody"])
def test_after_five_failures_a_name_is_locked_whether_or_not_somebody_has_it(
    desk: Callable[..., Desk], name: str
) -> None:
    for turn in range(TRIES_PER_ACCOUNT):
        assert desk(turn % 2).sign_in(name, "wrong").status_code == 403
    locked = desk().sign_in(name, PASSWORD)
    assert locked.status_code == 429
    assert "已经锁定，请在15分钟后再试" in locked.text
    assert desk(worker=1).sign_in("lin").status_code == 303


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let an address have fewer tries than in service: each one takes a hash."""
    monkeypatch.setattr("ivr.web.lockout.TRIES_PER_ADDRESS", 4)
    return 4


def test_an_address_that_tries_many_names_is_held_back_and_another_one_is_not(
    desk: Callable[..., Desk], few: int
) -> None:
    proxied = {"X-Forwarded-For": "10.1.1.1, 203.0.113.7"}
    browser = desk(**proxied)
    for turn in range(few):
        assert browser.sign_in(f"nobody{turn}", "wrong").status_code == 403
    assert "从这个网络地址登录失败太多次" in browser.sign_in("lin").text
    assert desk(**{"X-Forwarded-For": "203.0.113.7, 203.0.113.8"}).sign_in("lin").status_code == 303


def test_those_who_succeed_do_not_lock_their_address(desk: Callable[..., Desk], few: int) -> None:
    for _ in range(few + 2):
        browser = desk()
        assert browser.sign_in("lin").status_code == 303


def test_a_form_that_does_not_come_from_a_page_of_ours_does_nothing(desk: Callable[..., Desk]) -> None:
    browser, other = desk(), desk()
    browser.sign_in("lin")
    other.sign_in("wu")
    token = token_in(browser.get("/console").text)
    foreign = token_in(other.get("/console").text)
    client = browser.client
    for fields, headers in (
        ({"to": "/"}, {}),
        ({"token": ""}, {}),
        ({"token": foreign}, {}),
        ({"token": "令牌"}, {}),
        ({"token": token}, {"Origin": "https://elsewhere.example"}),
        ({"token": token}, {"Origin": "null"}),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}),
        ({"token": token}, {"Sec-Fetch-Site": "same-site"}),
    ):
        answer = client.post("/log-out", data=fields, headers=headers)
        assert (answer.status_code, "这个页面已经过期" in answer.text) == (403, True), (fields, headers)
    assert client.post("/log-out", content=b"token=%ff", headers=FORM).status_code == 400
    assert client.post("/log-out", content=b"token=a&token=b", headers=FORM).status_code == 400
    assert client.post("/log-out", json={"token": token}).status_code == 400
    assert client.post("/log-out", content=b"a" * 33_000, headers=FORM).status_code == 413
    assert client.get("/log-out").status_code == 405
    assert browser.get("/console").status_code == 200


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_nobody_is_signed_in_by_a_form_of_somebody_else(desk: Callable[..., Desk]) -> None:
    browser, attacker = desk(), desk()
    theirs = token_in(attacker.get("/log-in").text)
    for token in ("", theirs):
        assert browser.post("/log-in", token, name="lin", password=PASSWORD).status_code == 403
    browser.get("/log-in")
    assert browser.post("/log-in", theirs, name="lin", password=PASSWORD).status_code == 403


@pytest.mark.parametrize(
    ("to", "leads"), [("/console", "/console"), ("https://elsewhere.example", "/console"), ("//elsewhere", "/console")]
)
def test_signing_in_leads_to_a_page_of_ours_alone(desk: Callable[..., Desk], to: str, leads: str) -> None:
    assert desk().sign_in("lin", to=to).headers["location"] == leads


def test_a_session_ends_when_nobody_uses_it_and_with_the_shift(hotline: UnderTest, desk: Callable[..., Desk]) -> None:
    browser = desk()
    browser.sign_in("lin")
    hotline.clock.ahead_ms += IDLE_MS - 60_000
    assert browser.get("/console").status_code == 200
    hotline.clock.ahead_ms += IDLE_MS - 60_000
    assert browser.get("/console").status_code == 200
    hotline.clock.ahead_ms += IDLE_MS
    assert browser.get("/console").status_code == 303

    hotline.clock.ahead_ms = 0
    browser.sign_in("lin")
    for _ in range(WHOLE_MS // (IDLE_MS // 2)):
        assert browser.get("/console").status_code == 200
        hotline.clock.ahead_ms += IDLE_MS // 2
    assert browser.get("/console").status_code == 303


@pytest.mark.parametrize("columns", [{"disabled_at": 1}, {"password": "another hash"}])
async def test_who_is_disabled_or_has_a_new_password_is_signed_out(
    hotline: UnderTest,
    desk: Callable[..., Desk],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    columns: dict[str, object],
) -> None:
    monkeypatch.setattr("ivr.web.guard.KNOWN_FOR_S", 0.0)
    name = "zhao" if "disabled_at" in columns else "qian"
    browser = desk(worker=1)
    assert browser.sign_in(name).status_code == 303
    assert browser.get("/console").status_code == 200
    async with opened(database_url) as engine:
        await Accounts(engine).change(name, **columns)
    assert browser.get("/console").status_code == 303
    assert browser.sign_in(name).status_code == 403


def test_a_made_up_session_opens_nothing_and_what_lies_in_redis_tells_nothing(
    valkey_url: str, desk: Callable[..., Desk]
) -> None:
    browser = desk()
    browser.sign_in("lin")
    token = browser.client.cookies["desk"]

    async def kept() -> dict[bytes, tuple[bytes, int]]:
        async with Redis.from_url(valkey_url) as client:
            keys = [key async for key in client.scan_iter("ivr:desk:*")]
            return {key: (await client.dump(key) or b"", await client.pttl(key)) for key in keys}

    found = asyncio.run(kept())
    assert len(found) >= 1
    for key, (value, left) in found.items():
        assert left > 0
        for secret in (token, "lin", PASSWORD):
            assert secret.encode() not in key + value
    browser.client.cookies.clear()
    browser.client.cookies.set("desk", f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}")
    assert browser.get("/console").status_code == 303


def test_parts_and_streams_of_pages_are_refused_without_a_page(desk: Callable[..., Desk]) -> None:
    browser = desk()
    part = browser.get("/console", **{"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"], part.text) == (401, "/log-in", "")
    assert browser.get("/console", Accept="text/event-stream").status_code == 401


def test_sample_agents_open_nothing_in_production(
    valkey_url: str, database_url: str, redis: Redis, tmp_path: Path
) -> None:
    public = "https://12333.example"
    with serving(valkey_url, tmp_path, database_url=database_url, public_url=public) as served:
        browser = Desk(served.urls[0])
        page = browser.get("/log-in")
        cookie = page.headers["set-cookie"]
        assert cookie.startswith("__Host-entry=")
        assert "secure" in cookie.lower()
        shown = {"Cookie": cookie.partition(";")[0]}
        statuses = {}
        for name in ("sample", "lin"):
            fields = {"token": token_in(page.text), "name": name, "password": PASSWORD}
            statuses[name] = browser.client.post("/log-in", data=fields, headers=shown)
        browser.close()
    assert statuses["sample"].status_code == 403
    assert statuses["lin"].status_code == 303
    assert statuses["lin"].headers["set-cookie"].startswith("__Host-desk=")


async def test_a_demo_adds_its_sample_agents_once_and_leaves_them_as_they_are(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    async with opened(url) as engine:
        await add_samples(engine, PASSWORD, 1)
        await Accounts(engine).change("lin", password="another hash", disabled_at=2)
        await add_samples(engine, PASSWORD, 3)
        found = {account.name: account for account in await Accounts(engine).all()}
    assert {name: (one.role, one.sample) for name, one in found.items()} == {
        "lin": ("agent", True),
        "chen": ("supervisor", True),
    }
    assert (found["lin"].password, found["lin"].disabled_at) == ("another hash", 2)
    assert fits(PASSWORD, found["chen"].password)
    assert found["chen"].serves("no_agents", "general"), "callbacks and messages of any sample hotline are to be seen"


@pytest.mark.parametrize(
    ("stand_ins", "public_url", "has"),
    [
        ({"twilio_auth_token", "account_url", "database_url"}, "http://127.0.0.1:8000", True),
        ({"account_url", "database_url"}, "http://127.0.0.1:8000", True),
        ({"twilio_auth_token", "account_url"}, "http://127.0.0.1:8000", False),
        ({"database_url"}, "http://127.0.0.1:8000", False),
        ({"account_url", "database_url"}, "https://12333.example", False),
    ],
)
def test_only_a_demo_with_a_database_of_its_own_has_sample_agents(
    stand_ins: set[str], public_url: str, has: bool
) -> None:
    settings = Settings(_env_file=None).changed(
        stand_ins=frozenset(stand_ins), public_url=public_url, twilio_auth_token=SecretStr("0" * 32)
    )
    assert has_samples(settings) is has


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("a-good-password", ""),
        ("一二三四五六七八九十", ""),
        ("short", "10 to 128"),
        ("x" * 129, "10 to 128"),
        ("aaaaaaaaaaaaaa", "too simple"),
        ("my-name-is-lin", "too simple"),
    ],
)
def test_which_passwords_will_do(password: str, says: str) -> None:
    assert says in weakness(password, "lin")
    assert bool(weakness(password, "lin")) == bool(says)
