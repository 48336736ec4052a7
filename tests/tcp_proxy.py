"""A TCP proxy before a real service that refuses, cuts, stalls or drips whenever a test says so."""

import asyncio
import contextlib
import socket
from typing import Literal, Self

Fault = Literal["none", "refused", "cut", "stalled", "dripping"]
"""``refused``: nobody listens. ``cut``: connections are reset, new ones as soon as something is sent. ``stalled``:
connections are taken and nothing moves. ``dripping``: answers come byte by byte."""

DRIP_SECONDS = 0.05


class TcpProxy:
    """Passes bytes between a free port of the loopback interface and ``target``.

    That is ``host:port`` or a socket's path, and may be set later. A fault strikes connections that are open as well;
    what was stalled goes on when the fault is over.
    """

    def __init__(self, target: str = "") -> None:
        self.fault: Fault = "none"
        self.port = 0
        self.accepts = asyncio.Event()
        self.target = target
        self._held = socket.socket()
        self._listener: socket.socket | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._moves = asyncio.Event()
        self._moves.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        # Bound for good, so that the port is given to nobody else while it is refused.
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = self._held.getsockname()[1]
        self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.becomes("cut")
        self._stop_listening()
        self._held.close()
        await asyncio.sleep(0)  # so that each connection has begun, and closes what it was given
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def becomes(self, fault: Fault) -> None:
        """Let a fault begin, or end (``none``)."""
        self.fault = fault
        if fault == "stalled":
            self._moves.clear()
        else:
            self._moves.set()
        if fault in ("refused", "cut"):
            for writer in self._writers:
                writer.transport.abort()
        if fault == "refused":
            self._stop_listening()
        elif self._listener is None:
            self._listen()

    # An asyncio.Server leaves a connection open that comes in while it is closed, so the socket is looked after here.

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._take, self._listener)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            taken, _ = listener.accept()
            taken.setblocking(False)
            self.accepts.set()
            connection = asyncio.create_task(self._serve(taken))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _serve(self, taken: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=taken)
        except BaseException:
            taken.close()
            raise
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        with contextlib.suppress(OSError, asyncio.CancelledError):
            answers, there = await self._connect()
            self._writers.add(there)
            ways = [asyncio.create_task(self._pass(reader, there)), asyncio.create_task(self._answer(answers, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                # Whoever is done sending may still be answered.
                await asyncio.wait(ways, timeout=1 if self.fault in ("none", "dripping") else 0)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, there):
            if end is not None:
                self._writers.discard(end)
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "/" in self.target:
            return await asyncio.open_unix_connection(self.target)
        host, _, port = self.target.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await self._read(reader):
                if self.fault == "cut":
                    for one in list(self._writers):
                        one.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """Read what comes from one end of a connection, once it may go on; nothing at its end."""
        data = await reader.read(65_536)
        await self._moves.wait()
        return data

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await self._read(reader):
                while self.fault == "dripping" and data and not writer.is_closing():
                    writer.write(data[:1])
                    data = data[1:]
                    await asyncio.sleep(DRIP_SECONDS)
                writer.write(data)
                await writer.drain()
