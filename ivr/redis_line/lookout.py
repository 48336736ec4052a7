"""Finding the servers behind a Sentinel or cluster URL: many are asked at once, and one look serves all who wait."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

Answer = TypeVar("Answer")


class NotFoundError(RedisConnectionError):
    """Nobody tells where the servers are; the message says who was asked, and why one of them did not tell."""


class Lookout:
    """Looks where the servers are: before the first step, and again after a step that met nobody or the wrong one.

    `look` finds them, or raises what redis-py raises; it bounds its time itself.
    """

    def __init__(self, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.doubted = True
        self.looked_at = float("-inf")
        self._look = look
        self._looking: asyncio.Task[None] | None = None

    async def sure(self, *, again_after: float = 0.0) -> None:
        """Look where there is doubt and the last look began `again_after` so many seconds ago.

        Who is cancelled here does not break off the look of others.
        """
        under_way = self._looking is not None and not self._looking.done()
        if self.doubted and (under_way or asyncio.get_running_loop().time() - self.looked_at >= again_after):
            await asyncio.shield(self.begins())

    def begins(self) -> asyncio.Task[None]:
        """Begin to look, or join the look that is under way."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._looks())
            self._looking.add_done_callback(_noticed)
        return self._looking

    async def stop(self) -> None:
        """Break off the look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _looks(self) -> None:
        self.looked_at = asyncio.get_running_loop().time()
        await self._look()
        self.doubted = False


async def told_by_most(
    asked: Sequence[Coroutine[Any, Any, Answer]], within: float
) -> tuple[list[Answer], BaseException | None]:
    """Ask all at once; give the answers of more than half of them, or of those who answered within so many seconds.

    A majority knows of every election, and whoever is cut off costs the others no time. With the answers comes the
    last error of redis-py's or the network's.
    """
    tasks = {asyncio.create_task(one) for one in asked}
    pending, answers = tasks, list[Answer]()
    failure: BaseException | None = None
    until = asyncio.get_running_loop().time() + within
    try:
        while pending and 2 * len(answers) <= len(tasks):
            left = until - asyncio.get_running_loop().time()
            done, pending = await asyncio.wait(pending, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                error = one.exception()
                if error is None:
                    answers.append(one.result())
                elif isinstance(error, (RedisError, OSError)):
                    failure = error
                else:
                    raise error
            if not done:
                break
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers, failure


def _noticed(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # told to those who wait for it; where nobody does, the next step looks again
