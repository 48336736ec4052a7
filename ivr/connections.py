"""Bounds on what a connection may cost before its request is known: how large a head is, and how long all may take.

The HTTP server takes heads of any size, and waits for them without an end: anybody could fill the memory of a worker,
or hold all of its connections, without a signature. A proxy in front may have bounds of its own, or none.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request line with its headers; the carrier sends about one thousand."""

LARGEST_REQUEST: Final = 32 * 1024 * 1024
"""Bytes after which a sender is cut off who does not stop, though it was refused long ago."""

REQUEST_S: Final = 10.0
"""A request that has not arrived whole by then is cut off; no webhook is waited for so long."""

log = logging.getLogger(__name__)
log.setLevel(logging.ERROR)  # a line for each request that is none would let anybody fill the disk


class BoundedHttp(HttpToolsProtocol):
    """The server's protocol, which cuts off requests that are too large. `asking_since` is when the present one began.

    It is None while nothing of a request is awaited: one that has arrived is answered, or the connection rests, which
    the server ends by itself.
    """

    asking_since: float | None = None
    _in_head = True
    _bytes = 0

    # As the server's own protocol narrows it.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.logger = log
        self.asking_since = self.loop.time()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.asking_since = self.loop.time()
        self._in_head, self._bytes = True, 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_head = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what follows a body in chunks is of no use, and would be kept
            super().on_header(name, value)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.asking_since = None

    def data_received(self, data: bytes) -> None:
        if self.asking_since is None and (self.cycle is None or self.cycle.response_complete):
            self.asking_since = self.loop.time()  # also of what is no beginning of a request yet
        before = self.scope
        super().data_received(data)
        if self.scope is before and self.asking_since is not None:
            self._bytes += len(data)
            if self._bytes > (LARGEST_HEAD if self._in_head else LARGEST_REQUEST):
                self.transport.abort()


def close_stalled(connections: Iterable[object], longest: float = REQUEST_S) -> None:
    """Cut off the connections whose present request takes longer than so many seconds to arrive."""
    for one in list(connections):
        if isinstance(one, BoundedHttp) and one.asking_since is not None:
            asking = one.loop.time() - one.asking_since
            if asking > longest:
                one.transport.abort()
