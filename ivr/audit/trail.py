"""Write audit entries from a thread of its own, so that a disk that is full or hangs never holds up a call."""

import asyncio
import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ivr.audit.chain import Chain, ChainKey
from ivr.audit.chainfile import ChainFile
from ivr.deadline import Within

ENTRY_S: Final = 1.0
"""An entry that is not written by then counts as not written: what it was for does not happen."""
SHORTEST_S: Final = 0.25
"""What an entry may take where work has come to its end; with the step of refusals it still ends before its claim."""

GATHERED_S: Final = 0.003
"""Entries of so short a time go to the thread together: to wake it for each took a tenth of a turn's processor time."""

MOST_WAITING: Final = 1000
MOST_AT_ONCE: Final = 200
SYNC_EVERY_S: Final = 1.0
RETRY_S: Final = 1.0
"""Seconds between the tries of a trail that cannot be written, whether or not anybody has an entry for it."""
CHAIN_MS: Final = 24 * 3600_000
"""A chain is ended after a day and goes on in another one, so that each can be deleted when its time has come."""

WITHDRAWN: Final = "withdrawn"
"""Outcome of an entry that takes back the one with its sequence number: it was written too late, nothing happened."""

TRAIL: Final = "audit trail"
"""Field of the entry that a trail leaves about itself, of no call: it could not be written, and is written again."""

log = logging.getLogger(__name__)


class AuditAwayError(Exception):
    """The entry is not known to be written, so what it is about must not happen."""


class _Waiting:
    """An entry on its way to the file. `given_up` is set by the event loop and read by the thread.

    `handed_at` is the event loop's time at which the thread got it.
    """

    __slots__ = ("entry", "given_up", "handed_at", "seq", "waiter")

    def __init__(self, entry: tuple[int, str, str, str, str], waiter: asyncio.Future[None] | None) -> None:
        self.entry = entry
        self.waiter = waiter
        self.given_up = False
        self.handed_at = math.inf
        self.seq = 0


class AuditTrail:
    """The chain of one worker. `now` gives milliseconds since 1970; `worker` names machine and process.

    The file is made by `start`, or as soon as that is possible. An entry is with the operating system before `enter`
    returns, so it outlives the process, and on the disk at most a second later.
    """

    def __init__(
        self, folder: Path, keys: Sequence[ChainKey], *, worker: str, now: Callable[[], int], entry_s: float = ENTRY_S
    ) -> None:
        self.folder = folder
        self.failing = ""
        """Why the last entry could not be written; empty while all is well."""
        self._key = keys[0]
        self._worker = worker
        self._now = now
        self._entry_s = entry_s
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._gathered: list[_Waiting] = []
        self._outstanding = 0
        self._owed: list[_Waiting] = []
        """Entries that take others back, and could not be written."""
        self._stuck = False
        self._file: ChainFile | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._retrying: asyncio.Task[None] | None = None

    @property
    def takes_entries(self) -> bool:
        """Whether by all that is known an entry would be written now."""
        return not self.failing and self._outstanding < MOST_WAITING

    def start(self) -> None:
        """Begin the chain, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        # A thread that hangs in the disk must not keep the process from ending.
        threading.Thread(target=self._run, args=(self._loop,), name="audit", daemon=True).start()

    async def enter(self, call: str, member: str, field: str, outcome: str, *, until: float = math.inf) -> None:
        """Write an entry. Raises `AuditAwayError` where it cannot be written within its deadline.

        ``until`` is the event loop's time at which the work ends that it is about.
        """
        if self._loop is None or self._stuck or self._outstanding >= MOST_WAITING:
            raise AuditAwayError("The audit trail does not take entries now.")
        written: asyncio.Future[None] = self._loop.create_future()
        waiting = _Waiting((self._now(), call, member, field, outcome), written)
        self._put(waiting)
        patience = min(self._entry_s, max(until - self._loop.time(), SHORTEST_S))
        try:
            with Within(patience):
                await written
        except TimeoutError:
            if not written.cancelled() and written.exception() is None:
                return  # it is the loop that was late, and not the thread
            # Where the loop was late to hand it over, that tells nothing of the thread.
            if self._loop.time() - waiting.handed_at >= patience / 2:
                self._stuck = self._outstanding > 0  # else nothing more will come back that could tell that it goes on
                self._fails("it does not take an entry in time")
            raise AuditAwayError("The audit trail does not answer.") from None
        except OSError as error:
            raise AuditAwayError(f"The audit trail cannot be written: {error.strerror}.") from None
        finally:
            waiting.given_up = True

    async def stop(self, seconds: float) -> None:
        """End the chain, where the disk lets it within so many seconds."""
        if self._loop is None:
            return
        if self._retrying is not None:
            self._retrying.cancel()
        self._hand_over()
        self._queue.put(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    # --- on the event loop ---

    def _put(self, waiting: _Waiting) -> None:
        self._outstanding += 1
        self._gathered.append(waiting)
        if len(self._gathered) == 1:
            asyncio.get_running_loop().call_later(GATHERED_S, self._hand_over)

    def _hand_over(self) -> None:
        for one in self._gathered:
            one.handed_at = asyncio.get_running_loop().time()
            self._queue.put(one)
        self._gathered.clear()

    def _settle(self, batch: Sequence[_Waiting], error: OSError | None) -> None:
        """Tell those who wait what became of their entries; take back those for which nobody waited long enough."""
        self._outstanding -= len(batch)
        self._stuck = False
        if error is not None:
            self._fails(error.strerror or "an error without a name")
        elif self.failing and any(one.seq for one in batch):
            log.warning("The audit trail in %s is written again.", self.folder)
            self.failing = ""
            for one in self._owed:
                self._put(one)
            self._owed.clear()
        for one in batch:
            if one.waiter is None:
                self._owed += [one] if error is not None else []
                continue
            if one.waiter.done():
                if error is None and one.seq:
                    at, call, member, field, _ = one.entry
                    self._put(_Waiting((at, call, member, field, f"{WITHDRAWN} {one.seq}"), None))
            elif error is None:
                one.waiter.set_result(None)
            else:
                one.waiter.set_exception(error)

    def _fails(self, why: str) -> None:
        if not self.failing:
            log.warning("The audit trail in %s cannot be written, so nothing personal is told: %s.", self.folder, why)
        self.failing = why
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        """Try an entry of the trail's own: while it fails callers are asked for nothing, so nobody brings another."""
        await asyncio.sleep(RETRY_S)
        while self.failing:
            with contextlib.suppress(AuditAwayError):
                await self.enter("", "", TRAIL, "written again")
            await asyncio.sleep(RETRY_S)

    # --- in the thread ---

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begin_early(loop)
        dirty_since: float | None = None
        goes_on = True
        while goes_on:
            left = None if dirty_since is None else max(0.0, dirty_since + SYNC_EVERY_S - time.monotonic())
            batch: list[_Waiting] = []
            with contextlib.suppress(queue.Empty):
                goes_on = _take_into(batch, self._queue, left)
            error: OSError | None = None
            if batch:
                try:
                    self._write([one for one in batch if not one.given_up])
                    dirty_since = dirty_since or time.monotonic()
                except OSError as failed:
                    error = failed
                except Exception as failed:  # whatever it is: a thread that ends would end every disclosure
                    error = OSError(0, f"{type(failed).__name__} in its own thread")
                _tell(loop, self._settle, batch, error)
            if dirty_since is not None and time.monotonic() >= dirty_since + SYNC_EVERY_S:
                self._sync()
                dirty_since = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close(self._now(), "stopped")
        _tell(loop, self._ended.set)

    def _begin_early(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._current()
        except OSError as error:
            _tell(loop, self._fails, error.strerror or "an error without a name")

    def _write(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        file = self._current()
        try:
            first = file.write([one.entry for one in batch])
        except Exception:
            if file.torn:
                self._file = None
                file.abandon()
            raise
        for seq, one in enumerate(batch, first):
            one.seq = seq

    def _current(self) -> ChainFile:
        """Give the file to write to: a new one where there is none, where it is a day old, and where it was removed."""
        file, now = self._file, self._now()
        if file is not None and not file.gone and now - file.chain.started < CHAIN_MS:
            return file
        new = ChainFile(self.folder, Chain(self._key, worker=self._worker, at=now))
        if file is not None:
            with contextlib.suppress(OSError):
                file.close(now, "continued")
        self._file = new
        return new

    def _sync(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.sync()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., object], *arguments: object) -> None:
    # Whoever waited has left, where the loop is closed already.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *arguments)


def _take_into(batch: list[_Waiting], entries: "queue.SimpleQueue[_Waiting | None]", seconds: float | None) -> bool:
    """Wait for entries and take what is there; False where the end was among them. Raises Empty after the seconds."""
    one = entries.get(timeout=seconds)
    while one is not None:
        batch.append(one)
        if len(batch) >= MOST_AT_ONCE or entries.empty():
            return True
        one = entries.get()
    return False
