"""The emergency announcement: a file that is written, broken and taken away while calls come in."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from beats import beating
from copied_library import Copied, serving_copy
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import emptied, words

from ivr.carrier.line import Call
from ivr.emergency import LONGEST, LOOK_SECONDS, Emergency, problems_in
from ivr.library import EMERGENCY, default_dirs

WITHIN_S = 3.0

LINE, ENGLISH = "因系统故障，余额查询今天暂停。", "Balances cannot be looked up today."
GREETING = words("main.long") + words("main.rest")

HARBOUR = """\
  harbour:
    name: {zh: 港区热线, en: harbour hotline}
    region: "440100"
    languages: [en, zh]
    flow: main
    agents: {general: {numbers: [], hours: {zh: 工作日上午, en: in the morning}}}
"""


@dataclass
class Announced:
    """The file, as an operator changes it."""

    path: Path

    def says(self, text: str) -> None:
        self.path.write_text(text, "utf-8")

    def gone(self) -> None:
        self.path.unlink()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Copied:
    copied = Copied(tmp_path_factory.mktemp("library"))
    copied.edit("flows/hotlines.yaml", ('  "12393": no_agents\n', '  "12393": no_agents\n  "12345": harbour\n'))
    return copied.add("flows/hotlines.yaml", HARBOUR)


@pytest.fixture(scope="module")
def hotline(copied: Copied, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def file(copied: Copied, hotline: UnderTest, redis: Redis) -> Announced:
    """Give the file, which is silent before each test; both workers have seen that."""
    await emptied(redis)
    file = Announced(copied.folder / "flows" / EMERGENCY)
    file.says("# Nothing today.\n")
    await soon(lambda: hear(hotline), GREETING)
    return file


async def hear(hotline: UnderTest, to: str = "12333") -> str:
    """Give what both workers say at once, where that is the same."""
    said = set()
    for url in hotline.urls:
        async with UnderTest([url], hotline.public_url, hotline.redis_url, hotline.accounts).carrier() as carrier:
            said.add(heard(await carrier.dial(to=to)))
    return said.pop() if len(said) == 1 else ""


def heard(call: Call) -> str:
    return "".join(one.text for one in call.heard)


async def soon(ask: Callable[[], Awaitable[str]], wanted: str) -> None:
    """Wait until something is said, for three seconds at most, but for what a busy machine takes."""
    async with beating() as passed:
        while (said := await ask()) != wanted:
            assert passed() < WITHIN_S, f"expected {wanted!r}, heard {said!r}"
            await asyncio.sleep(0.02)


async def test_new_calls_hear_it_first_and_silence_returns_with_the_file_gone(
    file: Announced, hotline: UnderTest
) -> None:
    for line in (LINE, "今天停电。"):
        file.says(f"zh: {line}\n")
        await soon(lambda: hear(hotline), line + GREETING)
    file.gone()
    await soon(lambda: hear(hotline), GREETING)


async def test_a_file_of_comments_alone_or_of_nothing_is_silent(file: Announced, hotline: UnderTest) -> None:
    for silent in ("# zh: 今天停电。\n\n  # no more\n", ""):
        file.says(f"zh: {LINE}\n")
        await soon(lambda: hear(hotline), LINE + GREETING)
        file.says(silent)
        await soon(lambda: hear(hotline), GREETING)


async def test_it_is_heard_once_in_each_language_that_the_call_speaks(file: Announced, hotline: UnderTest) -> None:
    file.says(f"zh: {LINE}\nen: {ENGLISH}\n")
    await soon(lambda: hear(hotline), LINE + GREETING)
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        switched = await call.press("8")
        assert (switched[0].text, switched[0].lang) == (ENGLISH, "en-US")
        assert LINE not in "".join(one.text for one in switched)
        for key in ("9", "8", "8", "1"):
            assert not {ENGLISH, LINE} & {one.text for one in await call.press(key)}


async def test_a_hotline_that_begins_in_english_hears_it_in_english(file: Announced, hotline: UnderTest) -> None:
    file.says(f"zh: {LINE}\nen: {ENGLISH}\n")
    await soon(lambda: hear(hotline), LINE + GREETING)
    assert (await hear(hotline, to="12345")).startswith(ENGLISH)
    file.says(f"zh: {LINE}今天\n")
    await soon(lambda: hear(hotline), f"{LINE}今天{GREETING}")
    assert (await hear(hotline, to="12345")).startswith("Hello")


async def test_calls_that_are_under_way_do_not_hear_it(file: Announced, hotline: UnderTest) -> None:
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        file.says(f"zh: {LINE}\nen: {ENGLISH}\n")
        await soon(lambda: hear(hotline), LINE + GREETING)
        for key in ("9", "8", "8", "1"):
            assert not {ENGLISH, LINE} & {one.text for one in await call.press(key)}


async def test_a_call_that_is_rung_twice_hears_the_same_twice(file: Announced, hotline: UnderTest) -> None:
    file.says(f"zh: {LINE}\n")
    await soon(lambda: hear(hotline), LINE + GREETING)
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        file.says("")
        await soon(lambda: hear(hotline), GREETING)
        assert set(await call.repeat_last_webhook(3)) == {call.turns[0].body}
        assert heard(call) == LINE + GREETING


async def test_the_flow_version_is_the_same_with_and_without_it(
    file: Announced, copied: Copied, hotline: UnderTest
) -> None:
    before = copied.load().version
    file.says(f"zh: {LINE}\n")
    await soon(lambda: hear(hotline), LINE + GREETING)
    assert copied.load().version == before
    file.gone()
    assert copied.load().version == before


BROKEN: dict[str, tuple[bytes, str]] = {
    "not YAML": (b"zh: [\n", ""),
    "not UTF-8": (b"zh: \xff\xfe\n", ""),
    "no lines": ("今天停电。\n".encode(), "Expected lines such as"),
    "a list": ("- 今天停电。\n".encode(), "Expected lines such as"),
    "an unknown language": ("fr: 今天停电。\n".encode(), "'fr' is no language"),
    "no text": (b"zh: 3\n", "must be text of 1 to 200 characters"),
    "an empty text": (b'zh: ""\n', "must be text of 1 to 200 characters"),
    "a blank text": (b'zh: "  "\n', "must be text of 1 to 200 characters"),
    "too long": (f"zh: {'停' * (LONGEST + 1)}\n".encode(), "must be text of 1 to 200 characters"),
    "figures": ("zh: 余额查询12月恢复。\n".encode(), "must have words for figures"),
    "figures in full width": ("zh: 余额查询１２月恢复。\n".encode(), "must have words for figures"),
    "a sign": ("zh: 余额查询①号窗口恢复。\n".encode(), "must have words for figures and signs"),
    "letters of another language": ("en: 今天停电。\n".encode(), "in its own language"),
    "nothing but stops": ("zh: 。\n".encode(), "must have words for figures and signs"),
    "a control character": (b'zh: "a\\u0007b"\n', "no control characters"),
    "a language twice": ("zh: 今天停电。\nzh: 停水。\n".encode(), ""),
}


@pytest.mark.parametrize(("data", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_leaves_the_line_in_force_and_is_told_once(
    data: bytes, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / EMERGENCY
    path.write_text(f"zh: {LINE}\n", "utf-8")
    emergency = Emergency(tmp_path)
    emergency.look()
    path.write_bytes(data)
    caplog.set_level(logging.WARNING, logger="ivr.emergency")
    for _ in range(3):
        emergency.look()
    assert [one.text for one in emergency.say("zh")] == [LINE]
    [message] = caplog.messages
    assert message.startswith(f"{EMERGENCY} is wrong, the announcement stays as it was: ")
    assert message.endswith(".")
    assert told in message
    assert caplog.records[0].exc_info is None
    path.write_text("zh: 停水。\n", "utf-8")
    emergency.look()
    assert [one.text for one in emergency.say("zh")] == ["停水。"]


@pytest.mark.parametrize(("data", "told"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_with_the_file_is_told_with_its_place(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / EMERGENCY
    assert problems_in(tmp_path) == []
    path.write_bytes(b"# a comment\n" + data)
    [problem] = problems_in(tmp_path)
    assert (problem.file, problem.remedy != "") == (str(path), True)
    assert problem.line >= 2
    assert told in problem.message


def test_a_file_that_cannot_be_read_is_told_once_until_it_can(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / EMERGENCY
    path.write_text(f"zh: {LINE}\n", "utf-8")
    emergency = Emergency(tmp_path)
    emergency.look()
    path.unlink()
    path.mkdir()
    for _ in range(3):
        emergency.look()
    assert [one.text for one in emergency.say("zh")] == [LINE]
    assert caplog.messages == [f"{EMERGENCY} cannot be read (Is a directory); the announcement stays as it was."]
    path.rmdir()
    path.write_text("zh: 停水。\n", "utf-8")
    emergency.look()
    assert [one.text for one in emergency.say("zh")] == ["停水。"]


@pytest.mark.parametrize("gone", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["away", "empty"])
def test_a_file_that_is_being_saved_does_not_silence_the_line(tmp_path: Path, gone: Callable[[Path], object]) -> None:
    path = tmp_path / EMERGENCY
    path.write_text(f"zh: {LINE}\n", "utf-8")
    emergency = Emergency(tmp_path)
    emergency.look()
    gone(path)
    emergency.look()
    assert [one.text for one in emergency.say("zh")] == [LINE]
    path.write_bytes(b"zh: [")
    emergency.look()
    gone(path)
    emergency.look()
    assert [one.text for one in emergency.say("zh")] == [LINE]
    emergency.look()
    assert not emergency.spoken


async def test_over_http_a_broken_file_leaves_the_line_in_force(
    file: Announced, hotline: UnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    file.says(f"zh: {LINE}\n")
    await soon(lambda: hear(hotline), LINE + GREETING)
    file.says("zh: 余额查询12月恢复。\n")

    async def told() -> str:
        return str(sum("is wrong, the announcement stays" in message for message in caplog.messages))

    await soon(told, str(len(hotline.urls)))
    assert await hear(hotline) == LINE + GREETING
    file.says("zh: 停水。\n")
    await soon(lambda: hear(hotline), "停水。" + GREETING)


def test_a_file_moved_into_place_with_an_old_time_is_read(tmp_path: Path) -> None:
    path, prepared = tmp_path / EMERGENCY, tmp_path / "prepared"
    path.write_text("zh: 停电。\n", "utf-8")
    emergency = Emergency(tmp_path)
    emergency.look()
    prepared.write_text("zh: 停水。\n", "utf-8")
    seen = path.stat()
    os.utime(prepared, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    prepared.replace(path)
    emergency.look()
    assert [one.text for one in emergency.say("zh", slow=True)] == ["停水。"]


def test_the_file_of_the_package_is_silent_and_looked_at_often_enough(caplog: pytest.LogCaptureFixture) -> None:
    emergency = Emergency(default_dirs()[0])
    emergency.look()
    assert not emergency.spoken
    assert caplog.messages == []
    assert LOOK_SECONDS < WITHIN_S


def test_the_lines_that_the_file_of_the_package_gives_as_an_example_can_be_spoken(tmp_path: Path) -> None:
    shipped = (default_dirs()[0] / EMERGENCY).read_text("utf-8").splitlines()
    example = [line.removeprefix("#   ") for line in shipped if line.startswith("#   ")]
    (tmp_path / EMERGENCY).write_text("\n".join(example), "utf-8")
    emergency = Emergency(tmp_path)
    emergency.look()
    assert [one.text for lang in ("zh", "en") for one in emergency.say(lang)] == [LINE, ENGLISH]
