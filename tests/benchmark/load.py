"""The load: signed requests, made beforehand, posted over a few keep-alive connections as fast as they are answered."""

import asyncio
import re
import time
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit

from benchmark.calls import Caller, NotAnswered, Phase

CONNECTIONS = 8
_TAG = re.compile(r"<[^>]*>")

PATIENCE_S = 60.0
"""Seconds for a whole batch; a contender that takes longer does not answer at all."""


class Burst(NamedTuple):
    """What a batch of requests took: seconds on the wall, and the replies in the order of the requests."""

    seconds: float
    replies: list[bytes]


class _Connection(asyncio.Protocol):
    """One keep-alive connection; callbacks instead of streams, so that the client costs less than what it measures."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._sent = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own signature
        self._load.fail("The contender closed a connection in the middle of the load.")

    def send_next(self) -> None:
        self._sent = self._load.take()
        if self._sent >= 0 and self._transport is not None:
            self._transport.write(self._load.requests[self._sent])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length:", 0, head)
        end = head + 4 + (int(self._received[at + 15 : self._received.find(b"\r\n", at)]) if at > 0 else 0)
        if len(self._received) < end:
            return
        if not self._received.startswith(b"HTTP/1.1 200 "):
            self._load.fail(f"Expected a 200, got {self._received[:120]!r}.")
            return
        self._load.answered(self._sent, self._received[head + 4 : end])
        self._received = self._received[end:]
        self.send_next()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Connections to one contender, kept between its batches; a context manager."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self.requests: Sequence[bytes] = ()
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._count = connections
        self._connections: list[_Connection] = []
        self._replies: list[bytes] = []
        self._next = self._left = 0
        self._done: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
            self._connections.append(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()

    async def post(self, requests: Sequence[bytes]) -> Burst:
        """Post every request once, each connection the next as soon as its last was answered. Raises `NotAnswered`."""
        self.requests, self._replies = requests, [b""] * len(requests)
        self._next, self._left = 0, len(requests)
        self._done = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        for connection in self._connections:
            connection.send_next()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._done
        except TimeoutError:
            raise NotAnswered(f"{self._left} of {len(requests)} requests had no answer in {PATIENCE_S:g} s.") from None
        return Burst(time.perf_counter() - began, self._replies)

    def take(self) -> int:
        """Give the number of the next request to be sent, -1 where all are."""
        if self._next >= len(self.requests):
            return -1
        self._next += 1
        return self._next - 1

    def answered(self, number: int, reply: bytes) -> None:
        self._replies[number] = reply
        self._left -= 1
        if not self._left and self._done is not None:
            self._done.set_result(None)

    def fail(self, sentence: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(NotAnswered(sentence))


async def walk_up(load: Load, phase: Phase, calls: Sequence[Caller]) -> list[bytes]:
    """Bring fresh calls to where the phase is measured, and give the requests that are then to be measured."""
    burst = await load.post([call.post() for call in calls])
    _hear(calls, burst)
    for entry in phase.before:
        burst = await load.post([call.post(call.keyed(entry)) for call in calls])
        _hear(calls, burst)
    return [call.post(phase.measured) for call in calls]


def _hear(calls: Sequence[Caller], burst: Burst) -> None:
    for call, reply in zip(calls, burst.replies, strict=True):
        call.hear(reply)


def check_replies(contender: str, phase: Phase, replies: Sequence[bytes]) -> None:
    """Raise `NotAnswered` unless every reply of a measured phase says what its turn has to say."""
    wrong = [reply for reply in replies if phase.reply_holds.encode() not in reply]
    if wrong:
        raise NotAnswered(
            f"{contender}: {len(wrong)} of {len(replies)} replies to the {phase.name} turn do not hold "
            f"{phase.reply_holds}; one says: {_TAG.sub(' ', wrong[0].decode('utf-8', 'replace')).strip()[:300]}"
        )
