"""The log of a process: one JSON object a line on standard error, masked in one place, never in anybody's way."""

import logging
import sys
import threading
from collections.abc import Callable
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any

from ivr.logs.lines import Form, event_of, formatter, own_line
from ivr.logs.sink import Sink

__all__ = ["Form", "begin", "on_drop"]

log = logging.getLogger("ivr.logs")


class _ToSink(logging.Handler):
    """Formats where something is logged, which is quick, and leaves the writing to the sink."""

    def __init__(self, sink: Sink, form: Form) -> None:
        super().__init__()
        self.sink = sink
        self._own_line = partial(own_line, form)
        self.setFormatter(formatter(form))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            told = copy(record)
            told.msg, told.args = event_of(record), ()
            line = self.format(told)
        except Exception as error:  # a log line is no reason to fail; its text may be what could not be told
            line = self._own_line(f"A line of the log could not be written: {type(error).__name__}.")
        self.sink.put(line)

    def close(self) -> None:
        self.sink.close()
        super().close()


def begin(form: Form, level: int = logging.INFO, *, descriptor: int = 2) -> Sink:
    """Send all that this process logs, its own and its libraries', to the sink on ``descriptor``.

    ``level`` is for the service's own lines; of others only warnings and errors are told. What Python would print by
    itself (errors nobody caught, warnings) takes the same way.
    """
    sink = Sink(descriptor, lambda lost: own_line(form, f"{lost} lines of the log were dropped: its sink was full."))
    root = logging.getLogger()
    for handler in (*root.handlers,):
        root.removeHandler(handler)
        handler.close()
    root.addHandler(_ToSink(sink, form))
    root.setLevel(logging.WARNING)
    logging.getLogger("ivr").setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda one: _told("An error could not be raised.", one.exc_value)
    threading.excepthook = lambda one: _told("A thread has failed.", one.exc_value)
    return sink


def on_drop(act: Callable[[], None]) -> None:
    """Have something done for each line that this process drops from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _ToSink):
            handler.sink.on_drop = act


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _told("This process ends with an error that nobody caught.", error)


def _told(sentence: str, error: Any) -> None:
    log.error(sentence, exc_info=error if isinstance(error, BaseException) else None)
