"""An ASGI application served on a real socket, in a thread of its own, for tests that speak HTTP."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import uvicorn

T = TypeVar("T")


class Served:
    """Serves an application on a port of the loopback interface, a free one for 0; a context manager."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.app = app
        self.loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        config = uvicorn.Config(
            self._answer, interface="asgi3", log_config=None, access_log=False, lifespan="on", timeout_keep_alive=75
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: server.run([self._socket]), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 30  # a busy machine is no fault
        while not server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("The application under test did not start.")
            time.sleep(0.005)
        return self

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        await self.app(scope, receive, send)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run something on the event loop of the application."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(30)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()


class _WithoutSignals(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served_here(app: Any, *, lifespan: Literal["on", "off"] = "off") -> AsyncIterator[str]:
    """Serve an application on the test's own event loop, where both touch the same objects; gives its URL."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()  # before anybody is told where
        server = _WithoutSignals(uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan))
        serving = asyncio.create_task(server.serve([sock]))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
