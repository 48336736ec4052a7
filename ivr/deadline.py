"""A deadline over whatever is awaited, as ``asyncio.timeout`` sets one, at less than half of its processor time."""

import asyncio
from types import TracebackType
from typing import Self


class Within:
    """``with Within(seconds):`` cancels what is awaited inside after so long, and raises TimeoutError in its place.

    A turn has up to nine deadlines, one over each step on Redis, each question and each entry, and those of asyncio
    took a twentieth of its processor time. Who is cancelled from outside is cancelled, whether or not time is up too.
    It cannot be moved, and serves once, inside a task.
    """

    __slots__ = ("_before", "_late", "_seconds", "_task", "_timer")

    _task: asyncio.Task[object]
    _timer: asyncio.TimerHandle
    _before: int

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._late = False

    @classmethod
    def until(cls, when: float) -> Self:
        """Give the deadline at an instant of the event loop's time; one that has passed cancels at the next await."""
        return cls(when - asyncio.get_running_loop().time())

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A deadline holds inside a task only.")
        self._task, self._before = task, task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def _end(self) -> None:
        self._late = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        # Taken back is only the one request to cancel that was made here.
        if self._late and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error
