"""A child process of the service: accepts on the sockets it inherited, and leaves when told or when its parent dies."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

import uvicorn

from ivr.connections import BoundedHttp, close_stalled
from ivr.large_pages import take_large_pages
from ivr.settings import Settings
from ivr.supervisor import BACKLOG

DRAIN_S = 3.0
"""Seconds for which a worker with real callers still answers, while ``/readyz`` sends the load balancer elsewhere."""
WORK_S = 12
"""Seconds in which what has begun may end: a claimed turn is worked on for at most 12 s."""
LEAVE_S = DRAIN_S + WORK_S + 5
"""Seconds after which the parent ends a child that was asked to leave."""

TAKE_CALLS = signal.SIGUSR1
"""Tells a worker that stands by to take calls from now on."""
LEAVE_AT_ONCE = signal.SIGUSR2
"""Tells a worker whose successor takes the calls already to finish what it has begun and leave, without draining."""

_KEEP_ALIVE_S = 75  # longer than the pause between two turns of a caller, so that the carrier's connection is kept

_TICKS_A_SECOND = 10


class ChildServer(uvicorn.Server):
    """An HTTP server that drains before it leaves: ``app.state.draining`` is set first, and serving ends later.

    ``life`` is the reading end of a pipe that only the parent can write: its end is the parent's death. ``calls`` is a
    socket on which it begins to accept at `TAKE_CALLS`.
    """

    def __init__(
        self, config: uvicorn.Config, state: Any, life: int, drain_s: float, calls: socket.socket | None = None
    ) -> None:
        super().__init__(config)
        self._state = state
        self._life = life
        self._drain_s = drain_s
        self._leave_at: float | None = None
        self._calls = calls
        self._begins: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, and begin to watch for the parent's death."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._life, self._orphaned)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(TAKE_CALLS, self._begin)
        loop.add_signal_handler(LEAVE_AT_ONCE, self._leave_at_once)
        _freeze_what_is_built()
        take_large_pages()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the server's own signature
        """Drain at the first request to leave, leave at the second."""
        if self._leave_at is None and self.started:
            self._state.draining = True
            self._leave_at = time.monotonic() + self._drain_s
        else:
            self.force_exit = self.should_exit
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to leave; once a second, close connections whose requests never end."""
        if not counter % _TICKS_A_SECOND:
            close_stalled(self.server_state.connections)
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)

    def _begin(self) -> None:
        if self._calls is not None and self._begins is None and not self.should_exit:
            self._begins = asyncio.create_task(self._accept(self._calls))

    async def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        protocol: Any = self.config.http_protocol_class
        server = await loop.create_server(
            lambda: protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state),
            sock=sock,
            backlog=BACKLOG,
        )
        self.servers.append(server)

    def _leave_at_once(self) -> None:
        self._state.draining = True  # streams of pages end, which nobody waits for otherwise
        self.should_exit = True

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._life)
        logging.getLogger("ivr.serve").warning("The parent process is gone; this one leaves.")
        if self._leave_at is None:
            self.handle_exit(signal.SIGTERM, None)

    def _reload(self) -> None:
        reload = getattr(self._state, "reload", None)
        if reload is not None:
            reload()


def _freeze_what_is_built() -> None:
    # Flows, prompts and routes live as long as the process: the collector need not walk through them again and again,
    # least of all while a caller waits.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def serve_app(
    app: Any, descriptors: Sequence[int], life: int, *, drain_s: float = 0.0, calls: int | None = None
) -> None:
    """Serve ``app`` on inherited listening sockets until told to leave; ends the process with 1 where it cannot start.

    On the socket ``calls`` it accepts from the signal `TAKE_CALLS` on. ``app.state.draining`` turns True when the
    process begins to leave; ``app.state.reload``, where there is one, is called without arguments at SIGHUP and must
    not block.
    """
    app.state.draining = False
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=WORK_S,
        backlog=BACKLOG,
    )
    os.set_blocking(life, False)
    later = None if calls is None else socket.socket(fileno=calls)
    ChildServer(config, app.state, life, drain_s, later).run([socket.socket(fileno=number) for number in descriptors])


def run_worker(descriptors: Sequence[int], life: int, settings: Settings, *, calls: int | None = None) -> None:
    """Be a worker: build the application from ``settings`` and serve it; on the socket ``calls`` once it is told to."""
    from ivr.app import create_app

    serve_app(create_app(settings), descriptors, life, drain_s=DRAIN_S if settings.production else 0.0, calls=calls)
