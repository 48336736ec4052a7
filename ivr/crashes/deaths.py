"""The deaths of workers, told by their parent to all workers: a file that only grows, a line for each death."""

import os
import time
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import msgspec

from ivr.crashes.flights import Left, Webhook, left_behind

MOST = 4096
"""Calls, and names of workers, that are remembered; the oldest are forgotten first."""

NAME = "deaths"


class Death(NamedTuple):
    """A death in the middle of a webhook: its path, and when, by the clock that all processes of a machine share."""

    path: str
    at: float


def flights_file(folder: Path, seat: int) -> Path:
    """Say in which file the worker of a seat marks what it is in the middle of."""
    return folder / f"flights-{seat}"


def crashed(folder: Path, seat: int) -> None:
    """Tell all workers what the one of a seat left behind, now that it is dead for certain."""
    file = flights_file(folder, seat)
    if (left := left_behind(file)) is not None:
        tell(folder, left)
        file.unlink()


def tell(folder: Path, left: Left) -> None:
    """Write down a death, with one system call, so that nobody reads half a line."""
    line = msgspec.json.encode((left.worker, time.monotonic(), list(dict.fromkeys(left.webhooks)))) + b"\n"
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


class Deaths:
    """What a worker knows of the deaths of others. To look costs one system call; to read, only after a death."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / NAME, os.O_RDONLY | os.O_CREAT, 0o600)
        self._read = 0
        self._workers: OrderedDict[str, None] = OrderedDict()
        self._calls: OrderedDict[str, list[Death]] = OrderedDict()

    def of_worker(self, name: str) -> bool:
        """Tell whether the worker of this name is known to be dead."""
        self._look()
        return name in self._workers

    def amid(self, call: str) -> list[Death]:
        """Give the deaths in the middle of the call's webhooks, the first one first."""
        self._look()
        return self._calls.get(call, [])

    def _look(self) -> None:
        size = os.fstat(self._file).st_size
        if size == self._read:
            return
        told = os.pread(self._file, size - self._read, self._read)
        self._read = size
        for line in told.splitlines():
            worker, at, webhooks = msgspec.json.decode(line, type=tuple[str, float, list[Webhook]])
            self._workers[worker] = None
            for call, path in webhooks:
                self._calls.setdefault(call, []).append(Death(path, at))
                self._calls.move_to_end(call)
        for known in (self._workers, self._calls):
            while len(known) > MOST:
                known.popitem(last=False)
