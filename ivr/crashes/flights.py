"""Which webhooks a worker is in the middle of, in a file that outlives it: its parent reads it after a crash."""

import asyncio
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

SLOTS = 256
"""Webhooks that one worker marks at a time; one more is answered all the same, but leaves no mark."""
SLOT_BYTES = 640
_NAME_BYTES = 64
_LENGTH = struct.Struct("<H")

_current: ContextVar["Flight | None"] = ContextVar("flight", default=None)


class Webhook(NamedTuple):
    """A webhook without anything that was keyed: its call, and its path below ``/twilio/`` (a sealed token in it)."""

    call: str
    path: str


class Left(NamedTuple):
    """What a worker has left behind: its name, and the webhooks that it was in the middle of."""

    worker: str
    webhooks: list[Webhook]


class Flight:
    """A mark in the file. It is wiped when nobody holds it any more: neither the webhook nor work that it began."""

    def __init__(self, flights: "Flights", slot: int) -> None:
        self._flights = flights
        self._slot = slot
        self._holds = 1

    def hold(self, work: asyncio.Task[bytes]) -> None:
        """Keep the mark until a work has ended as well."""
        self._holds += 1
        work.add_done_callback(lambda _: self.release())

    def release(self) -> None:
        """Let go of the mark once."""
        self._holds -= 1
        if not self._holds:
            self._flights.wipe(self._slot)


class Flights:
    """The marks of one worker, in memory that is mapped to ``path``: a mark costs a microsecond, and no system call."""

    def __init__(self, path: Path, worker: str) -> None:
        size = _NAME_BYTES + SLOTS * SLOT_BYTES
        path.write_bytes(worker.encode("ascii")[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0") + bytes(size - _NAME_BYTES))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), size)
        self._free = list(range(SLOTS))

    @contextmanager
    def flying(self, webhook: Webhook) -> Iterator[None]:
        """Mark a webhook for as long as it, or work that it begins, goes on."""
        if not self._free:
            yield
            return
        slot = self._free.pop()
        text = f"{webhook.call} {webhook.path}".encode("ascii", "replace")[: SLOT_BYTES - _LENGTH.size]
        at = _NAME_BYTES + slot * SLOT_BYTES
        self._memory[at + _LENGTH.size : at + _LENGTH.size + len(text)] = text
        _LENGTH.pack_into(self._memory, at, len(text))  # last, so that nobody reads half a mark
        flight = Flight(self, slot)
        before = _current.set(flight)
        try:
            yield
        finally:
            _current.reset(before)
            flight.release()

    def wipe(self, slot: int) -> None:
        """Take a mark away."""
        _LENGTH.pack_into(self._memory, _NAME_BYTES + slot * SLOT_BYTES, 0)
        self._free.append(slot)


def hold(work: asyncio.Task[bytes]) -> None:
    """Keep the mark of the webhook that is being answered, if it has one, until the work that it began has ended."""
    if (flight := _current.get()) is not None:
        flight.hold(work)


def left_behind(path: Path) -> Left | None:
    """Read what a worker that has died left in its file; None where it had not come so far as to make one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) != _NAME_BYTES + SLOTS * SLOT_BYTES:
        return None
    webhooks = []
    for at in range(_NAME_BYTES, len(data), SLOT_BYTES):
        (length,) = _LENGTH.unpack_from(data, at)
        if 0 < length <= SLOT_BYTES - _LENGTH.size:
            text = data[at + _LENGTH.size : at + _LENGTH.size + length].decode("ascii", "replace")
            webhooks.append(Webhook(*text.split(" ", 1)))
    return Left(data[:_NAME_BYTES].rstrip(b"\0").decode("ascii", "replace"), webhooks)
