"""Things that are slow to make, made when they are first needed, in a thread, so that no call waits for them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class FirstUse(Generic[Thing]):
    """One thing for all who ask; `make` may import and read files. Where it raises, the next one who asks tries again.

    Workers in which nobody asks have neither its code nor its memory.
    """

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._make = make
        self._making: asyncio.Task[Thing] | None = None

    async def get(self) -> Thing:
        """Give the thing. Raises what making it raised."""
        if self._making is None or (self._making.done() and self._making.exception() is not None):
            self._making = asyncio.create_task(asyncio.to_thread(self._make))
        # Shielded: whoever gives up waiting takes it from nobody else.
        return await asyncio.shield(self._making)
