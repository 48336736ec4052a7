"""Server-sent events: a stream that gives signs of life, and ends by itself so that no connection is kept for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

LASTS_MS: Final = 10 * 60_000
"""After so long a stream ends, and the browser asks for it again: with the session that it has then."""
QUIET_S: Final = 10.0
COMES_BACK_MS: Final = 2000


SIGNED_IN_MS: Final = 5000
"""How often a stream looks whether its session still goes on."""


class Event(NamedTuple):
    """An event of a stream: its name, and the text or part of a page that it brings."""

    name: str
    data: str


def stream(events: AsyncIterator[Event], now: Callable[[], int], *, leaving: Callable[[], bool]) -> StreamingResponse:
    """Send events until the visitor leaves, the worker does, or ten minutes are over. `now` gives ms since 1970."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_sent(events, now, leaving), media_type="text/event-stream", headers=headers)


async def _sent(
    events: AsyncIterator[Event], now: Callable[[], int], leaving: Callable[[], bool]
) -> AsyncIterator[bytes]:
    ends, quiet = now() + LASTS_MS, 0.0
    yield format_sse_event(retry=COMES_BACK_MS)
    upcoming = asyncio.ensure_future(anext(events))
    try:
        while now() < ends and not leaving():
            # Looked at every second: a worker that leaves waits for its last answer.
            await asyncio.wait((upcoming,), timeout=1.0)
            if not upcoming.done():
                quiet += 1.0
                if quiet >= QUIET_S:
                    quiet = 0.0
                    yield format_sse_event(comment="still here")
                continue
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            quiet = 0.0
            yield format_sse_event(event=event.name, data_str=event.data)
            upcoming = asyncio.ensure_future(anext(events))
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
        if (closing := getattr(events, "aclose", None)) is not None:
            await closing()
