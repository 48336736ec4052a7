"""The form of a voice webhook: read from raw bytes, held to an exact grammar after its signature has been checked."""

import re
from collections.abc import Sequence
from itertools import compress, count, repeat
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ivr.call import DialEnded, DialOutcome, Event, Garbled, Keyed, QueueLeft, QueueOutcome, Recorded, Silence

Pairs = Sequence[tuple[bytes, bytes]]

LARGEST_BODY = 64 * 1024
"""A body above this is refused unread."""

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_RECORDING_SID = re.compile(r"RE[0-9a-fA-F]{32}")
_SECONDS = re.compile(r"[0-9]{1,5}")
_DIGITS = re.compile(r"[0-9*#]{0,64}")
_ONE_KEY = re.compile(r"[0-9*#]?")
_escaped = re.compile(rb"%").search
_PARTY = re.compile(r"[\x20-\x7e]{0,64}")

_DIAL_OUTCOMES: dict[str, DialOutcome] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "no_answer",
    "failed": "failed",
}


_QUEUE_OUTCOMES: dict[str, QueueOutcome] = {
    "bridged": "answered",
    "bridging-in-process": "answered",
    "redirected-from-bridged": "answered",
    "leave": "left",
}


class Form(NamedTuple):
    """A webhook's parameters. `clean` is false where a name came twice, a value was not UTF-8, or it was no form."""

    values: dict[str, str]
    clean: bool

    @property
    def call_sid(self) -> str | None:
        """Give the CallSid where it has the carrier's exact form."""
        sid = self.values.get("CallSid", "")
        return sid if CALL_SID.fullmatch(sid) else None

    def party(self, name: str) -> str:
        """Give From or To where it is printable ASCII of at most 64 characters, else nothing."""
        value = self.values.get(name, "")
        return value if _PARTY.fullmatch(value) else ""

    @property
    def completed(self) -> bool:
        """Tell whether this webhook says beyond doubt that its own call, not a leg of it, is over.

        Who hangs up in a queue is told by the queue as well.
        """
        over = self.values.get("CallStatus") == "completed" or self.values.get("QueueResult") == "hangup"
        return self.clean and over and not self.values.get("ParentCallSid")

    @property
    def recorded(self) -> bool:
        """Whether the webhook tells of a recording."""
        return "RecordingSid" in self.values

    @property
    def dropped(self) -> str:
        """Give the recording that the webhook tells of where it is no message: a star drops it, or nothing was said."""
        sid = self.values.get("RecordingSid", "") if self.clean else ""
        is_none = self.values.get("Digits") == "*" or self.values.get("RecordingDuration") == "0"
        return sid if is_none and _RECORDING_SID.fullmatch(sid) else ""

    @property
    def spoke(self) -> bool:
        """Tell whether a human was on the line of a call that was dialled on, or waited in a queue."""
        return self.values.get("DialBridged") == "true" or self.values.get("QueueResult") == "bridged"


def read_pairs(body: bytes) -> Pairs:
    """Split a form body into decoded name and value bytes, blanks kept.

    Not by ``parse_qsl``: given bytes, it refuses every value beyond ASCII on some versions of Python. Each webhook has
    some 25 fields, few of them escaped: what can be is done for all of them in one call.
    """
    fields = list(filter(None, body.replace(b"+", b" ").split(b"&")))
    pairs = [(name, value) for name, _, value in map(bytes.partition, fields, repeat(b"="))]
    for at in compress(count(), map(_escaped, fields)):
        name, value = pairs[at]
        pairs[at] = (unquote_to_bytes(name), unquote_to_bytes(value))
    return pairs


def read_form(pairs: Pairs, *, is_form: bool = True) -> Form:
    """Hold the pairs to one value per name, in UTF-8; of a name that came twice, or without sense, none is believed."""
    names, contents = zip(*pairs, strict=True) if pairs else ((), ())
    try:
        values = dict(zip(map(bytes.decode, names), map(bytes.decode, contents), strict=True))
    except UnicodeDecodeError:
        return _read_doubtful(pairs, is_form=is_form)
    return Form(values, is_form) if len(values) == len(pairs) else _read_doubtful(pairs, is_form=is_form)


def _read_doubtful(pairs: Pairs, *, is_form: bool) -> Form:
    values: dict[str, str] = {}
    unbelieved: set[str] = set()
    clean = is_form
    for raw_name, raw_value in pairs:
        try:
            name = raw_name.decode()
        except UnicodeDecodeError:
            clean = False
            continue
        if name in values:
            unbelieved.add(name)
        try:
            values[name] = raw_value.decode()
        except UnicodeDecodeError:
            values[name] = ""
            unbelieved.add(name)
    for name in unbelieved:
        del values[name]
    return Form(values, clean and not unbelieved)


def read_event(form: Form) -> Event:
    """Read what the caller or the carrier did. Digits are ASCII ``[0-9*#]``, at most 64; all else is garbled."""
    if not form.clean:
        return Garbled()
    status = form.values.get("DialCallStatus")
    if status is not None:
        return DialEnded(_dial_outcome(status, form.values.get("DialBridged", "")))
    digits = form.values.get("Digits", "")
    if form.recorded:
        return _recorded(form, digits)
    finished = form.values.get("FinishedOnKey", "")
    if not _DIGITS.fullmatch(digits) or not _ONE_KEY.fullmatch(finished):
        return Garbled()
    ended = finished == "#"
    return Keyed(digits, ended) if digits or ended else Silence()


def read_queue_end(form: Form) -> QueueLeft:
    """Read how a wait in the carrier's queue has ended; what is no known end, or no clean form, is a failure."""
    return QueueLeft(_QUEUE_OUTCOMES.get(form.values.get("QueueResult", ""), "failed") if form.clean else "failed")


def _recorded(form: Form, digits: str) -> Event:
    """Read how a recording ended: by a pause, a hang-up or ``#``; a star drops it."""
    sid, seconds = form.values["RecordingSid"], form.values.get("RecordingDuration", "")
    if digits == "*":
        return Keyed("*")
    if not _RECORDING_SID.fullmatch(sid) or not _SECONDS.fullmatch(seconds):
        return Garbled()
    return Recorded(sid, int(seconds), ended=digits == "#")


def _dial_outcome(status: str, bridged: str) -> DialOutcome:
    if status in ("completed", "answered"):  # completed alone does not mean that a human spoke
        return "answered" if bridged == "true" else "no_answer"
    return _DIAL_OUTCOMES.get(status, "failed")
