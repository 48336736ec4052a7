"""The workers of a service as a crew: who steps in, who is replaced, and what happens where nobody comes up."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.crew import Crew, seats
from ivr.supervisor import Child, StartFailed, listen

# Stands in for `ivr worker`: answers every probe, and writes down that it was told to take calls. While there is a
# file "broken" it does not come up.
STAND_IN = """
import http.server, os, pathlib, signal, socket, sys
here = pathlib.Path(sys.argv[2])
if (here / "broken").exists(): sys.exit(int((here / "broken").read_text()))
signal.signal(signal.SIGUSR1, lambda *_: (here / f"takes-calls-{os.getpid()}").touch())
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"reasons": ["It is a test."]}')
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.socket.setblocking(True)
server.serve_forever()
"""


class Made:
    """A crew of two, of stand-ins in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stands_by = True
        self.died: list[int] = []
        self.sockets: list[socket.socket] = []
        self.crew = Crew(2, self._hire, self.died.append, stands_by=lambda: self.stands_by)
        self.keeping: asyncio.Task[None] | None = None

    async def up(self) -> None:
        self.keeping = asyncio.create_task(self.crew.keep())
        await asyncio.wait_for(self.crew.up(), 30)

    async def all_there(self) -> set[int]:
        """Wait until everybody has answered, also who stands by; give the process ids of all."""
        await until(lambda: len(self.crew.hands) == 3 and all(hand.child.has_answered for hand in self.crew.hands))
        return self.pids(hand.child for hand in self.crew.hands)

    @property
    def at_work(self) -> set[int]:
        return self.pids(self.crew.at_work)

    def takes_calls(self, pid: int) -> bool:
        return (self.folder / f"takes-calls-{pid}").exists()

    def pids(self, children: object) -> set[int]:
        assert hasattr(children, "__iter__")
        return {child.pid for child in children if child.pid is not None}

    def _hire(self, seat: int) -> Child:
        sock = self.sockets[seat]
        env = {"PYTHONPATH": str(self.folder), "PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1"}
        arguments = (str(sock.fileno()), str(self.folder))
        return Child(f"Stand-in {seat}", arguments, env, (sock.fileno(),), sock.getsockname()[1])


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    (tmp_path / "ivr").mkdir()
    (tmp_path / "ivr" / "__main__.py").write_text(STAND_IN)
    (tmp_path / "ivr" / "__init__.py").touch()
    with ExitStack() as stack:
        one = Made(tmp_path)
        one.sockets = [stack.enter_context(listen("127.0.0.1", 0)) for _ in range(seats(2))]
        yield one
        await one.crew.stop()
        if one.keeping is not None:
            one.keeping.cancel()
            await asyncio.gather(one.keeping, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def test_who_stands_by_takes_no_calls_until_somebody_dies(made: Made) -> None:
    await made.up()
    assert await made.crew.ready() == ("It is a test.",)
    everybody = await made.all_there()
    (spare,) = everybody - made.at_work
    await until(lambda: all(made.takes_calls(pid) for pid in made.at_work))
    assert not made.takes_calls(spare)

    victim = made.crew.hands[0]
    victim.child.send(signal.SIGKILL)
    await until(lambda: spare in made.at_work and made.takes_calls(spare))
    assert made.died == [victim.seat]
    await made.all_there()


async def test_all_are_replaced_and_never_fewer_at_work(made: Made) -> None:
    await made.up()
    old = await made.all_there()
    fewest = asyncio.create_task(_fewest(made))
    assert await made.crew.replace()
    fewest.cancel()
    assert not made.at_work & old
    await until(lambda: all(made.takes_calls(pid) for pid in made.at_work))
    assert made.died == []
    assert await fewest == 2


async def _fewest(made: Made) -> int:
    fewest = len(made.at_work)
    try:
        while True:
            fewest = min(fewest, len(made.at_work))
            await asyncio.sleep(0.005)
    except asyncio.CancelledError:
        return fewest


async def test_those_at_work_stay_where_a_new_one_does_not_come_up(made: Made) -> None:
    await made.up()
    made.stands_by = False
    old = made.at_work
    (made.folder / "broken").write_text("2")
    assert not await made.crew.replace()
    assert made.at_work == old


@pytest.mark.parametrize(
    ("status", "sentence", "for_all"), [("2", "", 2), ("1", "Stand-in 0 could not be started: it ended with", 1)]
)
async def test_a_crew_that_never_comes_up_is_told_once(made: Made, status: str, sentence: str, for_all: int) -> None:
    (made.folder / "broken").write_text(status)
    with pytest.raises(StartFailed) as caught:
        await asyncio.wait_for(made.crew.keep(), 30)
    assert str(caught.value).startswith(sentence)
    assert caught.value.status == for_all
