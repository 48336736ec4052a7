"""Log records as lines: what is told of one, of its error, and in which form."""

import logging
import os
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Literal

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter

from ivr.logs.masking import masked, masked_value

Form = Literal["json", "text"]
Fields = MutableMapping[str, Any]

_IN_EVERY_LINE = ("timestamp", "pid", "level", "logger", "event")
_MOST_ERRORS = 8
_MOST_FRAMES = 12
_SPEAKS_FOR_ITSELF = ("ivr", "py")
"""Whose texts are told with their values: our own, and the warnings of Python, which are fixed texts."""


def formatter(form: Form) -> ProcessorFormatter:
    """Give the formatter of every handler: fields, then masking, then time, then the form."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            _with_error,
            _masked,
            _with_time_and_process,
            _as_json if form == "json" else _as_text,
        ],
    )


def own_line(form: Form, sentence: str) -> str:
    """Give a line of the log about itself."""
    fields = _with_time_and_process(None, "", {"event": sentence, "level": "warning", "logger": "ivr.logs"})
    return (_as_json if form == "json" else _as_text)(None, "", fields)


def event_of(record: logging.LogRecord) -> str:
    """Give what a record tells. Of a foreign library's only the template: its values are whatever it had at hand."""
    if record.name.partition(".")[0] in _SPEAKS_FOR_ITSELF:
        return record.getMessage()
    template = str(record.msg).partition("\n")[0]
    # asyncio puts the repr of callbacks and futures, with arguments and errors, into the text itself.
    for sign in "<([{'\"":
        template = template.partition(sign)[0]
    return template.strip() or f"{record.name} tells something that it has no words for."


def told_error(error: BaseException) -> dict[str, Any]:
    """Tell an error and what led to it: kinds and places, never texts or values, which may hold what was keyed."""
    kinds: list[str] = []
    one: BaseException | None = error
    while one is not None and len(kinds) < _MOST_ERRORS:
        kinds.append(type(one).__name__)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return {"error": " from ".join(kinds), "trace": list(_places(error.__traceback__))}


def _places(trace: TracebackType | None) -> Iterable[str]:
    for frame in extract_tb(trace)[-_MOST_FRAMES:]:
        path = Path(frame.filename)
        yield f"{path.parent.name}/{path.name}:{frame.lineno} {frame.name}"


def _with_error(_: object, __: str, fields: Fields) -> Fields:
    exc_info = fields.pop("exc_info", None)
    fields.pop("stack_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        fields.update(told_error(error))
    return fields


def _masked(_: object, __: str, fields: Fields) -> Fields:
    return {masked(str(name)): masked_value(value) for name, value in fields.items()}


def _with_time_and_process(_: object, __: str, fields: Fields) -> Fields:
    # After the masking: both are nothing but digits.
    return {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), "pid": os.getpid(), **fields}


def _as_json(_: object, __: str, fields: Fields) -> str:
    return msgspec.json.encode(fields).decode()


def _as_text(_: object, __: str, fields: Fields) -> str:
    more = " ".join(f"{name}={value}" for name, value in fields.items() if name not in _IN_EVERY_LINE)
    return f"{fields['timestamp']} {str(fields['level']).upper()} {fields['event']}{f' ({more})' if more else ''}"
