"""The processes of the benchmark: started with an inherited socket, measured from outside, stopped in the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ivr.supervisor import listen, web_url

STOP_S = 10.0


class NotStarted(Exception):  # noqa: N818 - reads as what happened
    """A process of the benchmark did not come up; the message is one sentence."""


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process has used so far, in seconds, to the nanosecond where Linux tells it.

    The fields of ``/proc/PID/stat`` count in hundredths of a second; the clock of the same process does not.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Give the resident memory of a process in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


class Process:
    """A server process that accepts on a socket made for it and leaves when this object does.

    The command gets ``--fd`` and ``--life-fd`` behind its arguments. ``core`` is the one it may run on.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, env: Mapping[str, str] | None = None, core: int | None = None
    ) -> None:
        self.name = name
        self._socket = listen("127.0.0.1", 0)
        self.url = web_url(self._socket, "127.0.0.1")
        self.port = int(self._socket.getsockname()[1])
        self.arguments = arguments
        self.env = env
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None
        self._life: tuple[int, int] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def __enter__(self) -> Self:
        self._life = life, _ = os.pipe()
        fds = (self._socket.fileno(), life)
        self._process = subprocess.Popen(
            [sys.executable, *self.arguments, "--fd", str(fds[0]), "--life-fd", str(fds[1])],
            env=self.env,
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
        )
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._life is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        for end in self._life:
            os.close(end)
