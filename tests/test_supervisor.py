"""Sockets, probes and the processes that are kept alive."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.settings import SettingsError
from ivr.supervisor import Child, StartFailed, keep_up, listen, probe, web_url

# Stands in for `ivr`: answers every probe, or does what its argument says.
STAND_IN = """
import http.server, os, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *_): pass
if sys.argv[1] == "leave": sys.exit(int(sys.argv[2]))
server = http.server.HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
server.socket.close()
import socket, signal
server.socket = socket.socket(fileno=int(sys.argv[2]))
server.socket.setblocking(True)
if sys.argv[1] == "stubborn": signal.signal(signal.SIGTERM, signal.SIG_IGN)
server.serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which ``python -m ivr`` runs the stand-in."""
    (tmp_path / "ivr").mkdir()
    (tmp_path / "ivr" / "__main__.py").write_text(STAND_IN)
    (tmp_path / "ivr" / "__init__.py").touch()
    return {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1"}


def child(env: dict[str, str], sock: socket.socket, *arguments: str) -> Child:
    return Child("The stand-in", arguments, env, (sock.fileno(),), sock.getsockname()[1])


async def pid_of(sock: socket.socket) -> int:
    async with asyncio.timeout(60):
        while (answer := await probe(sock.getsockname()[1], "/")) is None:  # who was just started takes its time
            pass
    return int(answer.body)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def test_a_child_that_dies_is_started_again_and_one_that_is_stopped_is_not(
    stand_in: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with listen("127.0.0.1", 0) as sock:
        kept = child(stand_in, sock, "serve", str(sock.fileno()))
        keeping = asyncio.create_task(kept.keep())
        await asyncio.wait_for(kept.answered(), 60)
        first = await pid_of(sock)
        assert first == kept.pid
        kept.send(signal.SIGKILL)
        await until(lambda: kept.pid not in (first, None))
        assert await pid_of(sock) == kept.pid
        assert "The stand-in was ended by SIGKILL; it is started again in 0.1 s." in caplog.messages
        await kept.stop(5)
        await asyncio.wait_for(keeping, 30)
        assert kept.pid is None


async def test_a_child_that_does_not_leave_in_time_is_ended(
    stand_in: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with listen("127.0.0.1", 0) as sock:
        kept = child(stand_in, sock, "stubborn", str(sock.fileno()))
        keeping = asyncio.create_task(kept.keep())
        await asyncio.wait_for(kept.answered(), 60)
        await kept.stop(0.2)
        await asyncio.wait_for(keeping, 30)
    assert "The stand-in did not leave within 0.2 s and is ended." in caplog.messages


@pytest.mark.parametrize(
    ("status", "sentence", "for_all"),
    [(2, "", 2), (1, "The stand-in could not be started: it ended with status 1 3 times.", 1)],
)
async def test_a_child_that_never_comes_up_ends_the_service(
    stand_in: dict[str, str], status: int, sentence: str, for_all: int
) -> None:
    with listen("127.0.0.1", 0) as sock, pytest.raises(StartFailed) as caught:
        await asyncio.wait_for(child(stand_in, sock, "leave", str(status)).keep(), 60)
    assert (str(caught.value), caught.value.status) == (sentence, for_all)


async def test_a_child_that_stops_answering_is_ended_and_started_again(
    stand_in: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.supervisor._PROBE_EVERY_S", 0.02)
    monkeypatch.setattr("ivr.supervisor._PROBE_DEADLINE_S", 0.3)
    monkeypatch.setattr("ivr.supervisor._MISSED_PROBES", 2)
    with listen("127.0.0.1", 0) as sock:
        kept = child(stand_in, sock, "serve", str(sock.fileno()))
        keeping = asyncio.create_task(kept.keep())
        await asyncio.wait_for(kept.answered(), 60)
        stalled = kept.pid
        kept.send(signal.SIGSTOP)
        await until(lambda: kept.pid not in (stalled, None))
        await kept.stop(5)
        await keeping


async def test_a_child_that_never_answers_is_ended(
    stand_in: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ivr.supervisor._COMES_UP_WITHIN_S", 0.2)
    with listen("127.0.0.1", 0) as sock, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # the port is nobody else's, and nobody listens there
        port = nobody.getsockname()[1]
        kept = Child("The stand-in", ("serve", str(sock.fileno())), stand_in, (sock.fileno(),), port)
        assert await asyncio.wait_for(kept.live(), 60) == -signal.SIGKILL
    assert "The stand-in has not come up within 0.2 s and is ended." in caplog.messages


async def test_a_server_that_died_is_started_again_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    starts: list[int] = []

    async def start() -> None:
        starts.append(len(starts))
        if len(starts) == 1:
            raise OSError("no room")

    keeping = asyncio.create_task(keep_up("The store", lambda: len(starts) < 2, start))
    await until(lambda: len(starts) == 2)
    await asyncio.sleep(0.3)
    keeping.cancel()
    assert starts == [0, 1]
    assert "The store could not be started (no room); it is tried again in 0.1 s." in caplog.messages


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("no..such..host", 0, "--host no..such..host cannot be used"),
        ("203.0.113.1", 0, "Port 0 of 203.0.113.1 cannot be used"),
    ],
)
def test_an_address_that_cannot_be_had_gives_a_sentence(host: str, port: int, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        listen(host, port)


def test_a_port_that_is_taken_gives_a_sentence() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} of 127.0.0.1 cannot be used: .*Choose another --port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("hotline.example", "hotline.example")],
)
def test_a_listener_has_a_url_for_this_machine(host: str, expected: str) -> None:
    with listen("127.0.0.1", 0) as sock:
        assert web_url(sock, host) == f"http://{expected}:{sock.getsockname()[1]}"


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n"])
async def test_a_probe_of_anything_else_is_no_answer(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = reply
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        assert await probe(server.sockets[0].getsockname()[1], "/") is None
