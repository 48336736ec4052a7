"""What an unknown sender may cost: heads without an end and requests that never arrive are cut off, others are not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from ivr.connections import LARGEST_HEAD, LARGEST_REQUEST, BoundedHttp, close_stalled

HEAD = b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\n"
LINE = b"X-Line: " + b"x" * 1014 + b"\r\n"


class Serving:
    """A server on a port of its own, and the connections that a test opened to it."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.port = 0
        self._opened: list[asyncio.StreamWriter] = []

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._opened.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._opened:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest_asyncio.fixture
async def serving() -> AsyncIterator[Serving]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        headers = str(len(scope["headers"])).encode() if scope["type"] == "http" else b""
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(headers))]}
        )
        await send({"type": "http.response.body", "body": headers, "more_body": False})

    config = uvicorn.Config(app, log_config=None, lifespan="off")
    one = Serving()
    server = await asyncio.get_running_loop().create_server(lambda: BoundedHttp(config, one.state, {}), "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    await one.close()
    server.close()


async def _is_cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(10):
            return await reader.read(1) == b""
    except ConnectionError:
        return True


async def _pours(writer: asyncio.StreamWriter, piece: bytes, most: int) -> None:
    for _ in range(most // len(piece)):
        writer.write(piece)
        await writer.drain()


@pytest.mark.parametrize(
    ("head", "piece"),
    [(HEAD, LINE), (HEAD + b"X-Line: ", b"x" * 1024), (b"POST /", b"x" * 1024), (b"", b"\r\n" * 512)],
    ids=["headers", "one header", "the URL", "empty lines"],
)
async def test_a_head_without_an_end_is_cut_off(serving: Serving, head: bytes, piece: bytes) -> None:
    reader, writer = await serving.open()
    writer.write(head)
    await writer.drain()
    with pytest.raises(ConnectionError):
        await _pours(writer, piece, 64 * 1024 * 1024)
    assert await _is_cut_off(reader)


async def test_a_large_head_is_no_matter(serving: Serving) -> None:
    reader, writer = await serving.open()
    lines = LARGEST_HEAD // len(LINE) - 1
    for _ in range(2):  # on one connection, so each request has a bound of its own
        writer.write(HEAD + LINE * lines + b"\r\n")
        await writer.drain()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert int(await reader.readexactly(2)) == lines + 1


async def test_a_body_without_an_end_is_cut_off_and_its_last_headers_are_not_kept(serving: Serving) -> None:
    _, writer = await serving.open()
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    with pytest.raises(ConnectionError):
        await _pours(writer, LINE * 64, 4 * LARGEST_REQUEST)


@pytest.mark.parametrize(
    "begun", [b"", b"\r\n", b"POST /twilio/vo", HEAD, HEAD + b"Content-Length: 9\r\n\r\nDigi"], ids=lambda one: one[-6:]
)
async def test_a_request_that_does_not_arrive_is_cut_off(serving: Serving, begun: bytes) -> None:
    reader, writer = await serving.open()
    writer.write(begun)
    await writer.drain()
    await asyncio.sleep(0.05)
    close_stalled(serving.state.connections)
    assert len(serving.state.connections) == 1
    close_stalled(serving.state.connections, 0.01)
    while await reader.read(1024):
        pass  # the answer, where there was one already
    assert await _is_cut_off(reader)


async def test_a_connection_that_rests_between_two_turns_is_kept(serving: Serving) -> None:
    reader, writer = await serving.open()
    for _ in range(2):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"\r\n\r\n1")
        close_stalled(serving.state.connections, -1.0)


async def test_what_is_no_request_leaves_no_line_in_the_log(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    for nonsense in (b"nonsense\r\n\r\n", b"POST /\xff HTTP/1.1\r\n\r\n", HEAD + b"Content-Length: +1\r\n\r\n"):
        reader, writer = await serving.open()
        writer.write(nonsense)
        assert (await reader.read(12)) == b"HTTP/1.1 400"
    assert not caplog.records
