"""A child process: it drains before it leaves, and leaves by itself when its parent dies."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx2
import pytest

from ivr.supervisor import listen, web_url

# A service that tells whether it is draining, takes a second over /slow, and counts how often it was told to reload.
CHILD = """
import asyncio, sys
from fastapi import FastAPI
from ivr.worker import serve_app

app = FastAPI()
reloads, begun = [], []
app.state.reload = lambda: reloads.append(1)

@app.get("/state")
async def state():
    return {"draining": app.state.draining, "reloads": len(reloads)}

@app.get("/begun")
async def has_begun():
    return len(begun)

@app.get("/slow")
async def slow():
    begun.append(1)
    await asyncio.sleep(1)
    return "done"

serve_app(app, [int(sys.argv[1])], int(sys.argv[2]), drain_s=float(sys.argv[3]))
"""


class Running(NamedTuple):
    process: subprocess.Popen[str]
    client: httpx2.Client
    parent_end: int


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run the service above; the parameter is how long it drains, in seconds."""
    sock = listen("127.0.0.1", 0)
    life, parent_end = os.pipe()
    arguments = [str(sock.fileno()), str(life), str(request.param)]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], pass_fds=(sock.fileno(), life), stderr=subprocess.PIPE, text=True
    )
    with httpx2.Client(base_url=web_url(sock, "127.0.0.1"), trust_env=False, timeout=60) as client:
        client.get("/state")
        yield Running(process, client, parent_end)
    process.kill()
    process.communicate()
    sock.close()
    os.close(life)
    os.close(parent_end)


@pytest.mark.parametrize("child", [30.0], indirect=True)
def test_while_it_drains_it_still_answers_and_a_second_signal_ends_it(child: Running) -> None:
    assert child.client.get("/state").json() == {"draining": False, "reloads": 0}
    child.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 30
    while not (state := child.client.get("/state").json())["draining"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state["draining"]
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(30) == 0


@pytest.mark.parametrize("child", [0.0], indirect=True)
def test_what_has_begun_is_answered_before_it_leaves(child: Running) -> None:
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(child.client.get("/slow").json()))
    slow.start()
    deadline = time.monotonic() + 30
    while not child.client.get("/begun").json() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.process.send_signal(signal.SIGTERM)
    slow.join(30)
    assert answers == ["done"]
    assert child.process.wait(30) == 0


@pytest.mark.parametrize("child", [0.0], indirect=True)
def test_it_leaves_when_the_parent_is_gone(child: Running) -> None:
    # The pipe's only writing end is the parent's: closing it is what the parent's death does.
    replacement = os.open(os.devnull, os.O_WRONLY)
    os.dup2(replacement, child.parent_end)
    os.close(replacement)
    assert child.process.wait(30) == 0
    assert child.process.stderr is not None
    assert "The parent process is gone" in child.process.stderr.read()


@pytest.mark.parametrize("child", [0.0], indirect=True)
def test_it_reloads_when_told_and_stays(child: Running) -> None:
    child.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while not (state := child.client.get("/state").json())["reloads"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state == {"draining": False, "reloads": 1}


@pytest.mark.parametrize("child", [0.0], indirect=True)
def test_it_does_not_tell_what_it_is_made_of_and_keeps_connections(child: Running) -> None:
    with socket.create_connection((child.client.base_url.host, child.client.base_url.port or 80), timeout=30) as line:
        for _ in range(2):
            line.sendall(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += line.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"\r\nserver:" not in answer.lower()
            assert b"\r\nconnection:" not in answer.lower()
