"""Flow and prompt files that change while calls come in: each call stays on its version, no edit breaks the service."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import ClassVar

import pytest
import pytest_asyncio
from hotline_under_test import SECRET_KEY
from redis.asyncio import Redis
from small_hotline import AGENT_AWAY, FILES, HALL, MENU, RETRY, WAIT, Files, Small, serving_small
from tampering import PATIENT, SEALS, emptied, kept_of, token_at

from ivr.__main__ import run
from ivr.embedded import EmbeddedValkey
from ivr.library import Library, build
from ivr.metrics import Metrics
from ivr.redis_line import StoreAway, connect
from ivr.seals import POSITION_FORM, SESSION_FORM
from ivr.versions.census import census
from ivr.versions.editing import Edits, Folders, LastGood, Look
from ivr.versions.live import MOST, LiveVersions, StillComing
from ivr.versions.shelf import KEEP_S, Shelf, pack, unpack, version_key

WITHIN_S = 10.0
NEW_HALL = "大厅搬到了二楼。"


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with serving_small(tmp_path_factory.mktemp("small"), valkey_url) as small:
        yield small


@pytest_asyncio.fixture
async def small(running: Small, redis: Redis) -> AsyncIterator[Small]:
    """Give the hotline on its first version, on a Redis with nothing but that in it."""
    running.files.restore()
    await emptied(redis)
    running.restart()
    yield running


async def until(holds: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def served(small: Small, version: str, problems: int = 0) -> None:
    """Wait until every worker has new calls begin with a version."""
    await until(lambda: set(small.told()) == {(version, problems)})


def edited(small: Small) -> str:
    """Say something else about the hall; give the new version."""
    small.files.edit("prompts/zh.yaml", HALL, NEW_HALL)
    return small.files.version


async def test_a_call_stays_on_its_version_on_every_worker_and_new_calls_take_the_new_one(small: Small) -> None:
    async with small.calling() as old, small.calling() as new:
        await old.rings()
        await old.keys("1")
        await served(small, edited(small))
        await new.rings()
        await new.keys("1")
        for _ in small.under_test.urls:
            assert (await old.keys("1")).said.startswith(HALL)
            assert (await new.keys("1")).said.startswith(NEW_HALL)


async def test_a_call_stays_on_its_version_when_every_worker_is_restarted_on_other_files(small: Small) -> None:
    async with small.calling() as old, small.calling() as new:
        await old.rings()
        await old.keys("1")
        edited(small)
        small.restart()
        assert (await old.keys("1")).said.startswith(HALL)
        assert await old.again(3, at_once=True) == [old.here.body if old.here else b""] * 3
        await new.rings()
        await new.keys("1")
        assert (await new.keys("1")).said.startswith(NEW_HALL)


async def test_a_node_that_the_new_version_lacks_is_still_there_for_who_stands_at_it(small: Small) -> None:
    async with small.calling() as old, small.calling() as new:
        await old.rings()
        await old.keys("1")
        small.files.edit("flows/hall.yaml", "  where: {kind: say, say: hall.where, to: menu}\n", "")
        small.files.edit("flows/hall.yaml", '"1": where', '"1": back')
        small.files.edit("prompts/zh.yaml", f"hall.where: {HALL}\n", "")
        await served(small, small.files.version)
        small.restart()
        assert (await old.keys("1")).said.startswith(HALL)
        await new.rings()
        await new.keys("1")
        assert (await new.keys("1")).said == MENU


async def test_a_call_whose_session_is_lost_goes_on_from_its_token_on_its_version(small: Small, redis: Redis) -> None:
    async with small.calling() as old:
        await old.rings()
        await old.keys("1")
        edited(small)
        small.restart()
        await redis.delete(f"ivr:{{{old.sid}}}")
        assert (await old.keys("1")).said.startswith(HALL)


async def test_a_version_that_nobody_has_leads_to_the_main_menu_of_the_current_one(small: Small, redis: Redis) -> None:
    async with small.calling() as old:
        await old.rings()
        await old.keys("7")
        wrongs = (await kept_of(redis, old.sid)).session.wrongs
        await old.keys("1")
        first = (await kept_of(redis, old.sid)).session.version
        edited(small)
        small.restart()
        await redis.delete(version_key(first))
        assert (await old.keys("1")).said == MENU
        session = (await kept_of(redis, old.sid)).session
        assert (session.version, wrongs) == (small.files.version, 1)
        await old.keys("1")
        assert (await old.keys("1")).said.startswith(NEW_HALL)


BROKEN = {
    "half written": ("flows/hall.yaml", FILES["flows/hall.yaml"][:70]),
    "not UTF-8": ("prompts/zh.yaml", "main.menu: \udcff\n"),
    "a key that leads nowhere": ("flows/hall.yaml", FILES["flows/hall.yaml"].replace('"1": where', '"1": wher')),
}


async def test_a_broken_edit_leaves_the_version_in_force_and_says_so(
    small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    good = small.files.version
    async with small.calling() as old:
        await old.rings()
        await old.keys("1")
        for name, text in BROKEN.values():
            caplog.clear()
            (small.settings.data_dir / name).write_bytes(text.encode("utf-8", "surrogateescape"))
            await until(lambda: all(version == good and problems for version, problems in small.told()))
            refused = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
            assert len(refused) == 2, "each worker says so, once"
            assert all(f"version {good} stays in force" in one and name in one for one in refused)
            assert (await old.keys("1")).said.startswith(HALL)
            async with small.calling() as new:
                assert (await new.rings()).said == MENU
            small.files.restore()
            await served(small, good)


async def test_problems_are_counted_and_the_version_is_told_in_the_metrics(small: Small) -> None:
    def metrics() -> str:
        return small.served[0].app.state.metrics.text().decode()  # type: ignore[no-any-return]

    good = small.files.version
    small.files.edit("flows/hall.yaml", '"1": where', '"1": wher')
    await until(lambda: small.told()[0][1] > 0)
    assert f"ivr_flow_problems {small.told()[0][1]}.0" in metrics()
    assert f'ivr_flow_version{{version="{good}"}} 1.0' in metrics()
    small.files.restore()
    await served(small, edited(small))
    assert "ivr_flow_problems 0.0" in metrics()
    assert f'ivr_flow_version{{version="{good}"}} 0.0' in metrics()
    assert f'ivr_flow_version{{version="{small.files.version}"}} 1.0' in metrics()


class BeingWritten(Folders):
    """Folders in which somebody writes a little more of a file before each look, and once while it is read."""

    left: ClassVar[list[str]] = []

    def look(self) -> Look:
        if self.left:
            (self.prompts / "zh.yaml").write_text(self.left.pop(0), "utf-8")
        return super().look()


async def test_a_file_is_read_only_when_nobody_writes_any_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = FILES["prompts/zh.yaml"].replace(HALL, NEW_HALL)
    pauses = [text[:200], text[:200], text[:300]]  # quiet for two looks, but not while it was read then
    BeingWritten.left = [*(text[:end] for end in range(0, 200, 50)), *pauses, *(text[:end] for end in (400, 500)), text]
    folders = BeingWritten(*Files(tmp_path).folders)
    live = LiveVersions(folders.read())
    edits = Edits(folders, LastGood(None), live, Metrics(), look_seconds=0.001)
    watching = asyncio.create_task(edits.watch())
    await until(lambda: live.current.catalogs["zh"].prompts["hall.where"].segments[0].text == NEW_HALL)
    watching.cancel()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_workers_that_are_restarted_on_broken_files_serve_what_held_last(small: Small) -> None:
    async with small.calling() as old, small.calling() as new:
        await old.rings()
        await old.keys("1")
        held = edited(small)
        await served(small, held)
        small.files.write("flows/hall.yaml", "flow: hall\nnodes: [\n")
        small.restart()
        assert {version for version, _ in small.told()} == {held}
        assert all(problems for _, problems in small.told())
        assert (await old.keys("1")).said.startswith(HALL)
        await new.rings()
        await new.keys("1")
        assert (await new.keys("1")).said.startswith(NEW_HALL)
        small.files.write("flows/hall.yaml", FILES["flows/hall.yaml"])
        await served(small, held)


async def test_a_worker_that_looks_when_the_files_are_broken_already_serves_what_held_meanwhile(tmp_path: Path) -> None:
    """One that stands by, and is still starting when others see the edit that holds."""
    files = Files(tmp_path)
    first = files.folders.read()
    early, late = LiveVersions(first), LiveVersions(first)
    kept = tmp_path / "last-good"
    edits = [Edits(files.folders, LastGood(kept), live, Metrics(), look_seconds=0.001) for live in (early, late)]
    files.edit("prompts/zh.yaml", HALL, NEW_HALL)
    held = files.version
    watching = [asyncio.create_task(edits[0].watch())]
    await until(lambda: early.current.version == held)
    files.write("flows/hall.yaml", "flow: hall\nnodes: [\n")
    watching.append(asyncio.create_task(edits[1].watch()))
    await until(lambda: late.current.version == held and bool(edits[1].refused))
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)


async def test_what_held_last_may_be_unreadable_and_the_next_edit_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(kept: LastGood, library: Library) -> Library | None:
        asked.set()
        raise MemoryError

    files, asked = Files(tmp_path), Event()
    live = LiveVersions(files.folders.read())
    monkeypatch.setattr(LastGood, "newer_than", unreadable)
    edits = Edits(files.folders, LastGood(tmp_path / "last-good"), live, Metrics(), look_seconds=0.001)
    files.edit("prompts/zh.yaml", HALL, NEW_HALL)
    held = files.version
    whole = FILES["flows/hall.yaml"]
    files.write("flows/hall.yaml", "flow: hall\nnodes: [\n")
    watching = asyncio.create_task(edits.watch())
    await until(asked.is_set)
    files.write("flows/hall.yaml", whole)
    await until(lambda: live.current.version == held)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_files_that_are_put_back_are_the_version_that_they_were(small: Small) -> None:
    first = small.files.version
    async with small.calling() as old, small.calling() as back:
        await old.rings()
        await old.keys("1")
        await served(small, edited(small))
        small.files.restore()
        await served(small, first)
        await back.rings()
        await back.keys("1")
        assert (await back.keys("1")).said.startswith(HALL)
        assert (await old.keys("1")).said.startswith(HALL)


async def test_told_to_reload_it_reads_what_looks_as_it_did(small: Small, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for one in small.served:
        one.app.state.reload()
    await until(lambda: caplog.text.count("are those that are served already") == 2)


async def test_a_redis_that_was_emptied_is_given_the_versions_again(
    small: Small, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.versions.live.EVERY_S", 0.05)
    small.restart()
    first = small.files.version
    async with small.calling() as old:
        await old.rings()
        await old.keys("1")
        second = edited(small)
        await served(small, second)
        await emptied(redis)
        await old.keys("1")

        async def there() -> bool:
            return await redis.exists(version_key(first), version_key(second)) == 2

        await until(there)
        small.restart()
        assert (await old.keys("1")).said.startswith(HALL)


async def test_what_lies_in_redis_has_a_time_to_live_of_a_call_at_least(small: Small, redis: Redis) -> None:
    async with small.calling() as caller:
        await caller.rings()
    key = version_key(small.files.version)
    assert KEEP_S - 60 < await redis.ttl(key) <= KEEP_S
    times = [await redis.ttl(name) async for name in redis.scan_iter("ivr:flows*")]
    assert times
    assert all(time > 0 for time in times)


async def test_without_redis_the_versions_in_memory_serve(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    with serving_small(tmp_path, own_valkey.url, workers=1) as small:
        async with small.calling() as old, small.calling() as new:
            await old.rings()
            await old.keys("1")
            await served(small, edited(small))
            await own_valkey.stop()
            assert (await old.keys("1")).said.startswith(HALL)
            await new.rings()
            await new.keys("1")
            assert (await new.keys("1")).said.startswith(NEW_HALL)


async def test_an_agent_is_not_rung_again_for_a_call_of_an_older_version(small: Small) -> None:
    async with small.calling() as old:
        await old.rings()
        assert (await old.keys("0")).dials
        edited(small)
        small.restart()
        answer = await old.post(
            "/twilio/fallback", FailedUrl="http://hotline.test" + (old.here.next if old.here else "")
        )
        assert not answer.dials
        assert (await old.go(answer.next, DialCallStatus="busy")).said.startswith(AGENT_AWAY)


# --- workers of two releases -----------------------------------------------------------------------------------------


async def test_a_token_of_another_release_leads_where_the_session_stands(
    small: Small, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with small.calling() as caller:
        await caller.rings()
        await caller.keys("1")
        monkeypatch.setattr("ivr.seals.POSITION_FORM", POSITION_FORM + 1)
        assert (await caller.keys("1")).said.startswith(HALL)
        assert await caller.again(2, at_once=False) == [caller.here.body if caller.here else b""] * 2
        assert (await kept_of(redis, caller.sid)).turn == 2
        assert (await caller.keys("1")).said.startswith(HALL)


async def test_a_session_of_another_release_is_lost_and_its_call_goes_on_from_the_token(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with small.calling() as caller:
        await caller.rings()
        await caller.keys("1")
        monkeypatch.setattr("ivr.seals.SESSION_FORM", SESSION_FORM + 1)
        assert (await caller.keys("1")).said.startswith(HALL)
        monkeypatch.setattr("ivr.seals.SESSION_FORM", SESSION_FORM)
        assert (await caller.keys("*")).said == MENU


# --- what an operator sees -------------------------------------------------------------------------------------------


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = run(["flows", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


async def test_the_versions_are_listed_with_the_calls_that_are_on_them(
    small: Small, redis: Redis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_REDIS_URL", small.under_test.redis_url)
    monkeypatch.setenv("IVR_SECRET_KEY", SECRET_KEY)
    first = small.files.version
    async with small.calling() as one, small.calling() as other, small.calling() as new, small.calling() as over:
        for caller in (one, other, over):
            await caller.rings()
        await over.carrier.post("/twilio/status", over.form(CallStatus="completed"))
        second = edited(small)
        await served(small, second)
        await new.rings()
        await redis.hset("ivr:{CAforeign}", mapping={"n": 1, "s": b"of another secret"})
        status, out, err = await asyncio.to_thread(listed, capsys, "--format", "json")
        rows = {row.pop("version"): row for row in map(json.loads, out.splitlines())}
        assert rows.keys() == {first, second}
        assert all(datetime.fromisoformat(row.pop("came")).tzinfo for row in rows.values())
        # Both workers of this test are of one process and have one name.
        assert rows[first] == {"workers": 0, "calls": 2, "current": False}
        assert rows[second] == {"workers": 1, "calls": 1, "current": True}
        assert (status, err) == (0, "1 calls could not be opened: of another secret or another release.\n")
        await redis.delete(version_key(first))
        _, out, _ = await asyncio.to_thread(listed, capsys)
        assert re.search(rf"{second} +2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d +on 1 worker +1", out)
        assert re.search(rf"{first} +not there any more +2", out)


async def test_a_listing_that_takes_too_long_tells_what_it_found(small: Small, redis: Redis) -> None:
    assert not (await census(redis, SEALS, within_s=0)).whole
    assert (await census(redis, SEALS)).whole


@pytest.mark.parametrize(
    ("arguments", "store", "status", "says"),
    [
        (("--format", "xml"), "redis://127.0.0.1:1", 2, "--format xml: expected table, json."),
        ((), "redis://127.0.0.1:1", 1, "The store at redis://127.0.0.1:1 could not be read: Redis"),
        ((), "", 2, "no service has run on the data folder"),
    ],
)
def test_a_listing_of_nothing_is_told_in_a_sentence(
    arguments: tuple[str, ...],
    store: str,
    status: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("IVR_REDIS_URL", store)
    monkeypatch.setenv("IVR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("IVR_SECRET_KEY", SECRET_KEY if store else "")
    assert listed(capsys, *arguments)[:2] == (status, "")
    assert run(["flows", *arguments]) == status
    assert says in capsys.readouterr().err


# --- one worker's versions -------------------------------------------------------------------------------------------


def library(number: int) -> Library:
    sources = {name: text.encode() for name, text in FILES.items()}
    sources["prompts/zh.yaml"] = sources["prompts/zh.yaml"].replace(
        HALL.encode(), f"第{'一' * (number + 1)}。".encode()
    )
    return build(sources)


@pytest.fixture
def shelf(redis: Redis) -> Shelf:
    return Shelf(redis, worker="tests", deadline=PATIENT)


async def test_who_asks_at_once_waits_for_one_and_the_same_build(shelf: Shelf) -> None:
    made: list[int] = []

    def make(sources: dict[str, bytes]) -> Library:
        made.append(1)
        time.sleep(0.05)
        return build(sources)

    one, other = library(0), library(1)
    await shelf.keep(other.version, other.sources, 0)
    live = LiveVersions(one, shelf, make=make)
    found = await asyncio.gather(*(live.find(other.version) for _ in range(20)))
    assert {each.version for each in found if each} == {other.version}
    assert made == [1]


async def test_a_version_that_is_slow_to_make_keeps_nobody_waiting_for_it(shelf: Shelf) -> None:
    one, other = library(0), library(1)
    await shelf.keep(other.version, other.sources, 0)
    slow = asyncio.Event()

    def make(sources: dict[str, bytes]) -> Library:
        while not slow.is_set():
            time.sleep(0.005)
        return build(sources)

    live = LiveVersions(one, shelf, patience_s=0.02, make=make)
    with pytest.raises(StillComing):
        await live.find(other.version)
    slow.set()
    live = LiveVersions(one, shelf)
    found = await live.find(other.version)
    assert found is not None
    assert found.version == other.version


async def test_a_caller_whose_version_is_slow_to_make_is_asked_to_wait_and_then_asked_again(
    small: Small, redis: Redis
) -> None:
    async with small.calling() as old:
        await old.rings()
        await old.keys("1")
        edited(small)
        small.restart()
        with pytest.MonkeyPatch.context() as impatient:
            for one in small.served:
                impatient.setattr(one.app.state.hotline.stepping.versions, "_patience_s", 0.0)
            waiting = await old.keys("1")
        assert (waiting.polls, waiting.said) == (True, WAIT)
        assert (await old.follows()).said.startswith(RETRY)
        assert (await kept_of(redis, old.sid)).session.wrongs == 0
        assert (await old.keys("1")).said.startswith(HALL)


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not packed", id="foreign"),
        pytest.param(pack({"flows/main.yaml": b"flow: main"}), id="another version"),
        pytest.param(pack(library(1).sources)[:-3], id="cut off"),
        pytest.param(pack({"flows/main.yaml": b"\0" * 9_000_000}), id="a bomb"),
    ],
)
async def test_what_is_not_what_its_name_says_is_nothing(shelf: Shelf, redis: Redis, lies: bytes) -> None:
    other = library(1)
    await redis.hset(version_key(other.version), mapping={"files": lies, "sum": "0", "came": "1"})
    assert await shelf.take(other.version) is None
    assert await LiveVersions(library(0), shelf).find(other.version) is None
    await shelf.keep(other.version, other.sources, 5)
    assert await shelf.take(other.version) == other.sources
    assert await redis.hget(version_key(other.version), "came") == b"1"


async def test_a_version_whose_lookups_this_release_lacks_is_not_served(shelf: Shelf) -> None:
    sources = dict(library(0).sources)
    sources["flows/main.yaml"] = sources["flows/main.yaml"].replace(
        b"nodes:\n", b"nodes:\n  new: {kind: lookup, call: of_tomorrow, outcomes: {done: menu}}\n"
    )
    other = build(sources)
    await shelf.keep(other.version, other.sources, 0)
    assert await LiveVersions(library(0), shelf).find(other.version) is None


async def test_only_so_many_stay_in_memory_and_the_others_come_back(shelf: Shelf) -> None:
    libraries = [library(number) for number in range(MOST + 3)]
    live = LiveVersions(libraries[0], shelf)
    for one in libraries[1:]:
        await live.serve(one)
    assert live.of(libraries[-1].version) is not None
    assert [live.of(one.version) is None for one in libraries[:4]] == [True, True, True, False]
    found = await live.find(libraries[1].version)
    assert found is not None
    assert live.current.version == libraries[-1].version


async def test_a_store_that_is_away_is_no_word_on_a_version() -> None:
    async with connect("unix:///there/is/no/such.sock") as away:
        shelf = Shelf(away, worker="tests")
        with pytest.raises(StoreAway):
            await shelf.take("0" * 32)
        live = LiveVersions(library(0), shelf)
        await live.serve(library(1))
        assert live.current.version == library(1).version
        assert await live.find(library(2).version) is None
        await live.leave()


def test_packed_files_are_the_same_again() -> None:
    assert unpack(pack(library(0).sources)) == library(0).sources


def test_what_held_last_is_kept_in_a_file_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    LastGood(None).keep(library(0))
    assert LastGood(None).library() is None
    kept = LastGood(tmp_path / "last-good")
    kept.keep(library(0))
    kept.keep(library(1))
    found = kept.library()
    assert found is not None
    assert found.version == library(1).version
    (tmp_path / "last-good").write_bytes(b"damaged")
    assert kept.library() is None
    nowhere = LastGood(tmp_path / "no such folder" / "last-good")
    nowhere.keep(library(0))
    assert "could not be kept" in caplog.text


def test_nobody_goes_back_to_a_version_before_one_that_could_not_be_kept(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    kept = LastGood(folder / "last-good")
    kept.keep(library(0))
    assert kept.newer_than(library(0)) is None
    newer = kept.newer_than(library(1))
    assert newer is not None
    assert newer.version == library(0).version
    folder.rename(tmp_path / "away")
    kept.keep(library(1))
    (tmp_path / "away").rename(folder)
    assert kept.newer_than(library(1)) is None


async def test_a_token_of_an_unknown_version_far_ahead_leads_to_the_main_menu(small: Small) -> None:
    async with small.calling() as caller:
        document = await caller.rings()
        token = token_at(caller.sid, document.token, turn=7, version="f" * 32, stack=(("nowhere", "at_all"),))
        assert (await caller.go(f"/twilio/turn/{token}", Digits="1")).said == MENU
