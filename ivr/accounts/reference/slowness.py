"""A lever of the demo that makes the reference service slow, so that callers hear what they hear then."""

import asyncio
import time
from typing import Annotated, Final

from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

FORGOTTEN_S: Final = 300.0
"""A service that was made slow and then left alone is as before after so many seconds."""


class Delay(BaseModel):
    """How long each answer is held up, in seconds; 0 is as before."""

    seconds: Annotated[float, Field(ge=0, le=10)]


class Slowness:
    """Holds up the answers of the contract; the demo's own routes and ``/healthz`` stay as quick as they are."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._until = 0.0

    def be(self, seconds: float) -> None:
        """Hold up each answer so long from now on."""
        self._seconds, self._until = seconds, time.monotonic() + FORGOTTEN_S

    def before(self, app: ASGIApp) -> ASGIApp:
        """Stand before an application."""

        async def held_up(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith("/v1/") and time.monotonic() < self._until:
                await asyncio.sleep(self._seconds)
            await app(scope, receive, send)

        return held_up
