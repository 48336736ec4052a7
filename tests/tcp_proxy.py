"""A TCP proxy before a real service that refuses, cuts, stalls or drips whenever a test says so."""

import asyncio
import contextlib
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
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._moves = asyncio.Event()
        self._moves.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.becomes("cut")
        await self._stop_listening()
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
            await self._stop_listening()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepts.set()
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
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
        self._connections.discard(task)

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
