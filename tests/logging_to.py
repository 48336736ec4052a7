"""The log of the process under test, sent to a file of the test's own, and put back afterwards."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr import logs
from ivr.logs.sink import Sink


@dataclass
class Logged:
    """What was logged so far."""

    path: Path
    sink: Sink

    @property
    def text(self) -> str:
        assert self.sink.flush(10)
        return self.path.read_text("utf-8")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Give each line as the object that it is; one that is none fails the test."""
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def logging_to(path: Path, form: logs.Form = "json", level: int = logging.DEBUG) -> Iterator[Logged]:
    """Send all that is logged to a file, in this process."""
    root, ours = logging.getLogger(), logging.getLogger("ivr")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    for handler in handlers:
        root.removeHandler(handler)  # or beginning would close those of pytest
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield Logged(path, logs.begin(form, level, descriptor=descriptor))
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        os.close(descriptor)
        for handler in handlers:
            root.addHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
        logging.captureWarnings(False)
