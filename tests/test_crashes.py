"""When a worker dies in the middle of a webhook: what it leaves behind, who learns of it, what is not tried again."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from hotline_under_test import OPERATOR, UnderTest, serving
from ivr_command import Serving, until
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, PATIENT, SEALS, SUM, Caller, calling, emptied, kept_of, words

from ivr.carrier.carrier import Carrier
from ivr.carrier.line import CARRIER_ERROR, Heard
from ivr.crashes.deaths import Deaths, crashed, flights_file, tell
from ivr.crashes.flights import SLOTS, Flights, Left, Webhook, hold, left_behind
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.store import CallStore, Claimed

DEAD = "worker-7-cafe"
ONE, OTHER = Webhook("CA" + "1" * 32, "turn/token"), Webhook("CA" + "2" * 32, "voice")


# --- what is left behind ---


async def test_a_mark_stands_while_a_webhook_or_work_of_it_goes_on(tmp_path: Path) -> None:
    flights = Flights(tmp_path / "flights", DEAD)
    done = asyncio.Event()

    async def work() -> bytes:
        await done.wait()
        return b""

    with flights.flying(ONE):
        with flights.flying(OTHER):
            assert left_behind(tmp_path / "flights") == Left(DEAD, [OTHER, ONE])
        task = asyncio.create_task(work())
        hold(task)
    assert left_behind(tmp_path / "flights") == Left(DEAD, [ONE])
    done.set()
    await task
    await asyncio.sleep(0)
    assert left_behind(tmp_path / "flights") == Left(DEAD, [])


def test_more_than_there_is_room_for_are_answered_without_a_mark(tmp_path: Path) -> None:
    flights = Flights(tmp_path / "flights", DEAD)
    flying = [flights.flying(ONE) for _ in range(SLOTS + 3)]
    for one in flying:
        one.__enter__()
    left = left_behind(tmp_path / "flights")
    assert left is not None
    assert len(left.webhooks) == SLOTS
    for one in flying:
        one.__exit__(None, None, None)
    assert left_behind(tmp_path / "flights") == Left(DEAD, [])


@pytest.mark.parametrize("found", [None, b"", b"half a file"])
def test_a_file_that_is_none_leaves_nothing(found: bytes | None, tmp_path: Path) -> None:
    if found is not None:
        (tmp_path / "flights").write_bytes(found)
    assert left_behind(tmp_path / "flights") is None


def test_a_death_is_told_to_those_who_live_and_to_those_who_come(tmp_path: Path) -> None:
    lives = Deaths(tmp_path)
    assert not lives.of_worker(DEAD)
    with Flights(flights_file(tmp_path, 3), DEAD).flying(ONE):
        crashed(tmp_path, 3)
    crashed(tmp_path, 3)  # its file has been read: it is not told twice
    tell(tmp_path, Left("another", [ONE, ONE, OTHER]))
    for knows in (lives, Deaths(tmp_path)):
        assert knows.of_worker(DEAD)
        assert knows.of_worker("another")
        assert not knows.of_worker("a third")
        assert [death.path for death in knows.amid(ONE.call)] == [ONE.path, ONE.path]
        assert [death.path for death in knows.amid(OTHER.call)] == [OTHER.path]
        assert knows.amid("CA" + "3" * 32) == []


# --- quarantine ---


@pytest_asyncio.fixture
async def caller(redis: Redis, valkey_url: str, tmp_path: Path) -> AsyncIterator[Caller]:
    """Give a caller of a worker that hears of deaths in a folder."""
    await emptied(redis)
    with serving(valkey_url, tmp_path, crashes=tmp_path) as hotline:
        async with calling(hotline) as one:
            yield one


def dies(hotline: UnderTest, sid: str, url: str, times: int = 1) -> None:
    """Let workers have died in the middle of a webhook."""
    path = url.partition("/twilio/")[2]
    assert hotline.crashes is not None
    for _ in range(times):
        tell(hotline.crashes, Left(DEAD, [Webhook(sid, path)]))


async def test_after_two_deaths_a_webhook_is_answered_and_not_tried_again(caller: Caller) -> None:
    await caller.to_the_password()
    assert caller.here is not None
    password = caller.here.next
    dies(caller.hotline, caller.sid, password)
    dies(caller.hotline, OTHER.call, password, 2)

    # One death may be anybody's fault, and others' deaths are no matter of this call.
    assert "quarantined" not in await metrics(caller)

    dies(caller.hotline, caller.sid, password)
    told = await caller.keys(PASSWORD)
    assert told.said == words("trouble.sorry")
    assert await caller.again(2, at_once=True) == [told.body] * 2
    assert caller.hotline.accounts.asked == []
    assert 'ivr_webhooks_total{got="quarantined",kind="turn"} 3.0' in await metrics(caller)

    # The call goes on at the main menu, and everything works but the place where workers died.
    main = await caller.go(told.next)
    assert words("main.rest") in main.said
    await caller.keys("1")
    await caller.keys(NUMBER + "#")
    again = await caller.keys(PASSWORD)
    assert again.said == words("trouble.sorry")
    assert caller.hotline.accounts.asked == []


async def test_after_a_while_the_place_is_tried_again_but_never_the_same_webhook(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    await caller.to_the_password()
    assert caller.here is not None
    password = caller.here.next
    dies(caller.hotline, caller.sid, password, 2)
    told = await caller.keys(PASSWORD)
    monkeypatch.setattr("ivr.crashes.quarantine.PAROLE_S", 0.0)
    assert await caller.again(1, at_once=True) == [told.body]
    await caller.go(told.next)
    await caller.keys("1")
    await caller.keys(NUMBER + "#")
    assert SUM in (await caller.keys(PASSWORD)).said


async def test_where_even_the_main_menu_kills_there_is_a_goodbye(caller: Caller) -> None:
    dies(caller.hotline, caller.sid, "/twilio/voice", 2)
    told = await caller.rings()
    assert told.said == words("trouble.sorry")
    dies(caller.hotline, caller.sid, told.next, 2)
    end = await caller.go(told.next)
    assert end.said == words("trouble.sorry") + words("goodbye")
    assert end.hangs_up


async def test_the_claim_of_a_dead_worker_is_not_waited_for(caller: Caller, redis: Redis) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    await caller.to_the_password()
    kept = await kept_of(redis, caller.sid)
    claimed = await CallStore(redis, SEALS, deadline=PATIENT).claim(
        caller.sid, expected=kept.turn, claim_id="claim", worker=DEAD, session=kept.session, ttl_s=60
    )
    assert isinstance(claimed, Claimed)
    assert (await caller.keys(PASSWORD)).said.startswith(words("wait"))
    dies(caller.hotline, OTHER.call, "voice")
    asked_again = await caller.follows()
    assert words("trouble.retry") in asked_again.said
    assert SUM in (await caller.keys(PASSWORD)).said


async def metrics(caller: Caller) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{caller.hotline.urls[0]}/metrics", headers=OPERATOR)).text


# --- for real ---


class Poison(ThreadingHTTPServer):
    """An account service whose answer kills the worker that asks for it."""

    def __init__(self) -> None:
        self.workers: Serving | None = None
        self.killed: list[int] = []
        super().__init__(("127.0.0.1", 0), PoisonedAnswer)

    def kill(self, port: int) -> None:
        """Kill the worker that has asked from a port; looked for until it is found, since the list has no lock."""
        assert self.workers is not None
        until(lambda: self._killed_at(port))

    def _killed_at(self, port: int) -> bool:
        assert self.workers is not None
        ends = (port, self.server_port)  # another connection may have had the same port before, and be closing still
        inodes = {
            fields[9]
            for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
            if tuple(int(end.partition(":")[2], 16) for end in fields[1:3]) == ends
        }
        sockets = {f"socket:[{inode}]" for inode in inodes}
        for pid in self.workers.children():
            if sockets & open_files(pid):
                self.killed.append(pid)
                os.kill(pid, signal.SIGKILL)
                return True
        return False


def open_files(pid: int) -> set[str]:
    """Give what a process has open; files come and go while one looks."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink(entry))
    return found


class PoisonedAnswer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Poison)
        self.server.kill(self.client_address[1])

    def log_message(self, *_: object) -> None: ...


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


@pytest.fixture
def poison() -> Iterator[Poison]:
    with Poison() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_an_input_that_kills_workers_kills_two_and_no_more(poison: Poison, short_folder: Path) -> None:
    url = f"http://127.0.0.1:{poison.server_port}"
    poison.workers = Serving(short_folder, "--workers", "2", account_url=url, account_token="a-token-of-the-tests")
    try:
        service = poison.workers.ready()
        token = (service.data / "auth_token").read_text().strip()
        async with Carrier(service.url, account_sid=DEMO_ACCOUNT_SID, auth_token=token, strict=False) as carrier:
            call = await carrier.dial()
            await call.press("1")
            await call.press(NUMBER + "#")
            # The carrier sends the webhook again, and another worker tells what has become of it.
            assert words("trouble.retry") in said(await call.press(PASSWORD))
            assert len(set(poison.killed)) == 1
            heard = said(await call.press(PASSWORD))
            assert len(set(poison.killed)) == 2
            # Whether its second try is in quarantine already depends on who is faster, the carrier or the parent.
            heard = said(await call.press(PASSWORD)) if words("trouble.retry") in heard else heard
            assert words("trouble.sorry") + words("main.long") in heard
            await call.press("1")
            await call.press(NUMBER + "#")
            assert words("trouble.sorry") in said(await call.press(PASSWORD))
            assert len(poison.killed) == 2
            assert CARRIER_ERROR not in [one.text for one in call.heard]
            await call.hang_up()
        until(lambda: "in quarantine" in service.err)
    finally:
        poison.workers.close()
