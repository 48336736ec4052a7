"""Pages that are built at the first request for one, so that a worker which serves none has neither code nor memory."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Built(Protocol):
    """An application that has something to let go of at the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

    async def stop(self) -> None:
        """Let go of everything."""


class Later:
    """An application in front of one that is not built yet; `build` may import and read files, in a thread."""

    def __init__(self, build: Callable[[], Built]) -> None:
        self._build = build
        self._building: asyncio.Task[Built] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._building is None or (self._building.done() and self._building.exception() is not None):
            self._building = asyncio.create_task(asyncio.to_thread(self._build))
        # Shielded: a visitor who leaves while it is built takes it from nobody else.
        built = await asyncio.shield(self._building)
        await built(scope, receive, send)

    async def stop(self) -> None:
        """Let go of everything, where anything was built."""
        if self._building is not None:
            built = (await asyncio.gather(self._building, return_exceptions=True))[0]
            if not isinstance(built, BaseException):
                await built.stop()
