"""Seconds as a busy machine lives them: counted in beats of the test's own loop, which is held up as all else is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

BEAT_S = 0.05


@asynccontextmanager
async def beating() -> AsyncIterator[Callable[[], float]]:
    """Give a function that tells how many seconds have passed; of a second in which everything stood still, a beat."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(BEAT_S)
            beats += 1

    beating = asyncio.create_task(beat())
    try:
        yield lambda: beats * BEAT_S
    finally:
        beating.cancel()
