"""The file of one chain: lines are appended whole or not at all, and a lock on it tells that it is in use."""

import contextlib
import fcntl
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ivr.audit.chain import LONGEST_LINE, Chain, Line, parsed

SUFFIX = ".jsonl"


class ChainFile:
    """A chain and the file that it is written to. Raises OSError where the file cannot be made or written."""

    def __init__(self, folder: Path, chain: Chain) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        began = datetime.fromtimestamp(chain.started / 1000, UTC)
        self.chain = chain
        self.path = folder / f"{began:%Y%m%dT%H%M%SZ}-{chain.ident}{SUFFIX}"
        self.torn = False
        """Whether a part of a line could not be taken back, so that nothing may follow it."""
        self._size = 0
        self._descriptor = open_new(self.path)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._append(chain.opening())
        except OSError:
            self.abandon()
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    @property
    def gone(self) -> bool:
        """Whether somebody has removed the file: what is still written to it is kept nowhere."""
        return os.fstat(self._descriptor).st_nlink == 0

    def write(self, entries: Sequence[tuple[int, str, str, str, str]]) -> int:
        """Append entries (instant, call, member, field, outcome) in one piece; give the sequence number of the first.

        Where that fails nothing of it stays: neither in the file nor in the chain.
        """
        chain = self.chain
        seq, mac = chain.seq, chain.mac
        try:
            self._append(b"".join([chain.entry(*entry) for entry in entries]))
        except Exception:
            chain.back_to(seq, mac)
            raise
        return seq + 1

    def sync(self) -> None:
        """Wait until the disk has all of it."""
        os.fdatasync(self._descriptor)

    def close(self, at: int, end: str) -> None:
        """End the chain with its last line."""
        try:
            self._append(self.chain.closing(at, end))
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the file as it is; its end stays open."""
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            if written:
                self._take_back()
            raise
        self._size += written

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.torn = True


class Ends(NamedTuple):
    """The first line of a chain's file and the last whole one."""

    opening: Line
    last: Line


def open_new(path: Path) -> int:
    """Make a file that only this user may read, and open it for appending."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def ends_of(path: Path, *, sync: bool = False) -> Ends | None:
    """Read the ends of a chain's file, which another process may be writing; None where it is no chain.

    With ``sync`` the disk has the file before it is read: nobody is told of a line that a power failure could take.
    """
    with path.open("rb") as file:
        if sync:
            os.fdatasync(file.fileno())
        opening = parsed(file.readline(LONGEST_LINE + 1))
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * LONGEST_LINE))
        lines = file.read().splitlines(keepends=True)
    last = next((line for raw in reversed(lines) if (line := parsed(raw)) is not None), None)
    return Ends(opening, last) if opening is not None and opening.chain and last is not None else None


def is_in_use(path: Path) -> bool:
    """Tell whether a worker of this machine still writes the file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def chain_files(folder: Path) -> list[Path]:
    """List the chains of a folder, the oldest first; a folder that is not there has none."""
    return sorted(folder.glob(f"*{SUFFIX}"))
