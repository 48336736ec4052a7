"""The log: one masked line for each record, whatever was logged, and no sink that holds up a call."""

import asyncio
import gc
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hotline_under_test import UnderTest, serving
from ivr_command import READY, answers, environment, lives, until, workers_of
from logging_to import Logged, logging_to
from tampering import PASSWORD, SHORT, calling

from ivr.embedded import EmbeddedValkey
from ivr.logs.masking import LONGEST, masked

SID = "CA" + "0123456789abcdef" * 2
ID_NUMBER = "11010519491231002X"

log = logging.getLogger("ivr.test")


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    with logging_to(tmp_path / "log") as one:
        yield one


# --- masking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "846275",
        "8 4 6 2 7 5",
        "846-275",
        "84 62 75",
        "['8', '4', '6', '2', '7', '5']",
        "８４６２７５",
        "٨٤٦٢٧٥",
        "八四六二七五",
        "八 四 六 二 七 五",
        "幺幺零幺零五",
        "383436323735",  # the same in hexadecimal
        ID_NUMBER,
        ID_NUMBER.lower(),
        "110105 19491231 002X",
        "123456789",
        "6228480402564890018",
        "+8613800000000",
        "+86 138 0000 0000",
        "1949-12-31",
    ],
)
def test_whatever_has_the_length_of_a_secret_is_masked(secret: str) -> None:
    for text in (secret, f"a{secret}b", f"told '{secret}', twice: {secret}.", f"{SID} {secret} {SID}", f"\x00{secret}"):
        told = masked(text)
        assert not any(sign.isdigit() or sign in "零八四六二七五幺" for sign in told.replace(SID, "")), told
        assert told.count(SID) == text.count(SID)


@pytest.mark.parametrize(
    "text",
    [
        "Worker 1 was ended by SIGKILL; it is started again in 0.1 s.",
        f"call {SID}",
        "port 8000 of 127.0.0.1:63790 for 12333 from 2027-01-01 on",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("POST https://h.example/twilio/turn/Ab-_9#rc=2 failed", "POST https://h.example/twilio/turn/… failed"),
        ("/twilio/poll/x.y", "/twilio/poll/…"),
        ("redis://user:word@h:1/0", "redis://…@h:1/0"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
        ("token=abc, more", "token=…, more"),
    ],
)
def test_keys_to_calls_and_servers_are_masked(text: str, told: str) -> None:
    assert masked(text) == told


def test_half_a_character_can_be_written() -> None:
    masked("a\ud800").encode()


def test_nothing_in_a_text_can_forge_a_line_or_steer_a_terminal(logged: Logged) -> None:
    evil = 'x\r\n{"level": "info"}\n\x1b[2J\u2028\u2029\u0085\x00\u202e\ufeff", "level": "forged"'
    log.warning("told: %s", evil, extra={"field": evil, evil: 1})
    raw = logged.text
    assert len(raw.splitlines()) == 1
    assert not any(ord(sign) < 32 and sign != "\n" for sign in raw)
    assert not set(raw) & set("\u2028\u2029\x85\u202e\ufeff\x1b")
    assert json.loads(raw)["level"] == "warning"


def test_lines_of_text_cannot_be_forged_either(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log", "text") as logged:
        log.warning("one\ntwo\x1b[31m\u2028 846275", extra={"field": "a\nb"})
        (line,) = logged.text.splitlines()
    assert line.endswith("WARNING one�two�[31m� … (field=a�b)")


def test_a_long_text_is_cut_before_it_is_searched(logged: Logged) -> None:
    log.warning("1 " * 10_000_000)
    assert len(logged.text) < LONGEST + 300


def test_fields_of_any_kind_are_masked(logged: Logged) -> None:
    fields = {"n": 3, "pin": 846275, "secrets": ["846275", {"846275": b"846275"}], "thing": object(), "share": 0.5}
    log.info("told", extra=fields)
    (line,) = logged.lines
    assert (line["n"], line["pin"], line["thing"], line["share"]) == (3, "…", "object", 0.5)
    assert line["secrets"] == ["…", {"…": "bytes"}]
    assert line["event"] == "told"
    assert line["pid"] == os.getpid()


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_is_told_by_kind_and_place_without_its_text(logged: Logged) -> None:
    try:
        try:
            raise ValueError(f"no such secret: {PASSWORD}, geheim")
        except ValueError as error:
            geheim = "a local value"
            raise RuntimeError(geheim) from error
    except RuntimeError:
        log.exception("It failed.")
    (line,) = logged.lines
    assert line["error"] == "RuntimeError from ValueError"
    assert line["trace"][-1].startswith("tests/test_logs.py:")
    assert "geheim" not in logged.text
    assert "local value" not in logged.text


async def test_libraries_and_the_event_loop_tell_no_values(logged: Logged) -> None:
    async def fails(word: str) -> None:
        raise ValueError(word)

    def breaks(word: str) -> None:
        raise ValueError(word)

    task = asyncio.create_task(fails("geheim"))
    asyncio.get_running_loop().call_soon(breaks, "geheim")
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    logging.getLogger("aiohttp.client").error("Unclosed %s of %s", "geheim", "geheim")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    logging.getLogger("uvicorn.access").info("POST /twilio/turn/geheim")
    logging.getLogger("some.library").error("%s", "geheim")
    events = [line["event"] for line in logged.lines]
    assert "geheim" not in logged.text
    assert "Task exception was never retrieved" in events
    assert "Exception in ASGI application" in events
    assert "Unclosed %s of %s" in events
    assert not any("twilio" in event for event in events)


UNTOLD = """
import logging
from ivr import logs
logs.begin("json")
logging.getLogger("ivr.test").warning("%d", "geheim")
raise KeyError("geheim")
"""


def test_what_nobody_caught_and_what_cannot_be_told_are_told_like_everything_else() -> None:
    done = subprocess.run([sys.executable, "-c", UNTOLD], capture_output=True, text=True, timeout=30)
    untold, uncaught = (json.loads(line) for line in done.stderr.splitlines())
    assert "could not be written: TypeError" in untold["event"]
    assert uncaught["error"] == "KeyError"
    assert "geheim" not in done.stderr
    assert done.returncode == 1


# --- the lines of calls ----------------------------------------------------------------------------------------------


@pytest.fixture
def hotline(own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[UnderTest]:
    with serving(own_valkey.url, tmp_path, deadlines=SHORT, patience=0.3) as under_test:
        yield under_test


async def test_a_line_names_its_call_and_no_url_of_one_is_ever_logged(
    hotline: UnderTest, own_valkey: EmbeddedValkey, logged: Logged
) -> None:
    async with calling(hotline) as caller:
        here = await caller.rings()
        await own_valkey.stop()
        await caller.post("/twilio/voice", CallStatus="completed")
        assert [line["call"] for line in logged.lines if line["logger"] == "ivr.endings"] == [caller.sid]
        assert here.token not in logged.text
        assert "+86138" not in logged.text


# --- the sink --------------------------------------------------------------------------------------------------------

BUSY = """
import asyncio, logging
from ivr import logs
sink = logs.begin("json")
dropped = []
logs.on_drop(lambda: dropped.append(1))
async def main():
    for number in range(5000):
        logging.getLogger("ivr.test").warning("line %s " + "x" * 200, number)
        await asyncio.sleep(0)
    print(sink.dropped, len(dropped), flush=True)
    await asyncio.to_thread(input)
    sink.flush(20)
    logging.getLogger("ivr.test").warning("the last")
asyncio.run(main())
"""


def test_a_full_sink_drops_and_counts_lines_and_holds_up_nobody() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", BUSY], text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        # Nobody has read a line of the log so far; all of them were logged all the same.
        dropped, counted = map(int, process.stdout.readline().split())
        assert dropped == counted > 0
        _, told = process.communicate("go on\n", timeout=30)
    lines = [json.loads(line) for line in told.splitlines()]
    assert lines[-1]["event"] == "the last"
    # Once, but for a machine that let the sink's thread wait before it had written anything.
    told_of = [line["event"] for line in lines if line["logger"] == "ivr.logs"]
    counts = [re.fullmatch(r"(\d+) lines of the log were dropped: its sink was full\.", event) for event in told_of]
    assert sum(int(count[1]) for count in counts if count) == dropped
    assert len(lines) == 5000 - dropped + len(told_of) + 1


def test_a_service_whose_log_nobody_takes_starts_and_restarts_its_workers(short_folder: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    with (short_folder / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "serve", "--port", "0"],
            cwd=short_folder,
            env=environment(short_folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=writing,
        )
    try:
        until(lambda: READY in (short_folder / "out").read_text(), seconds=90)
        worker = workers_of(process.pid)[0]  # who answers calls: another one may stand by already
        os.kill(worker, signal.SIGKILL)  # about which there is much to tell
        until(lambda: not lives(worker))
        url = json.loads((short_folder / "data" / "serve.json").read_text())["url"]
        until(lambda: answers(url))
    finally:
        process.terminate()
        process.wait(30)
        os.close(reading)
        os.close(writing)
