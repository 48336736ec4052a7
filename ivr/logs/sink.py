"""Where log lines go: through a bounded queue to a thread, so that a sink that takes nothing holds up nobody."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

MOST_WAITING = 2000
"""Lines that may wait for the sink; whatever comes then is dropped and counted."""

_LEAVES_S = 1.0
"""Seconds that the end of a process waits for its last lines."""
_FULL_PAUSE_S = 0.05


class Sink:
    """Writes lines to a file descriptor from a thread of its own. `put` never waits.

    ``lost_line`` makes a line of how many were dropped, once the sink takes lines again; ``on_drop`` is called for
    each dropped line, on the thread that wanted to write it.
    """

    def __init__(self, descriptor: int, lost_line: Callable[[int], str], *, most: int = MOST_WAITING) -> None:
        self.dropped = 0
        self.on_drop: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._untold = 0
        self._something = threading.Condition()
        self._idle = True
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log sink", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Have a line written soon, or drop and count it where too many wait already."""
        data = line.encode("utf-8", "replace") + b"\n"
        with self._something:
            if len(self._waiting) < self._most:
                self._waiting.append(data)
                self._something.notify()
                return
            self.dropped += 1
            self._untold += 1
        self.on_drop()

    def flush(self, seconds: float = _LEAVES_S) -> bool:
        """Wait, but not for long, until everything is written; tell whether it is."""
        until = time.monotonic() + seconds
        while self._waiting or not self._idle:
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """Write what waits, as far as it can be written at once, and write nothing more."""
        self.flush()
        with self._something:
            self._closed = True
            self._something.notify()

    def _run(self) -> None:
        while True:
            with self._something:
                while not self._waiting and not self._closed:
                    self._idle = True
                    self._something.wait()
                if self._closed:
                    return
                self._idle = False
                data = b"".join(self._waiting)
                self._waiting.clear()
                untold, self._untold = self._untold, 0
            if untold:
                data += self._lost_line(untold).encode() + b"\n"
            self._write(data)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._closed:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody who shares the descriptor has made it so
                time.sleep(_FULL_PAUSE_S)
            except OSError:  # the other end is gone, or its disk is full: lines are no reason to stop answering calls
                return
