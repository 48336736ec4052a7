"""The form of a voice webhook: read from raw bytes, held to an exact grammar after its signature has been checked."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from ivr.call import DialEnded, DialOutcome, Event, Garbled, Keyed, Silence

Pairs = Sequence[tuple[bytes, bytes]]

LARGEST_BODY = 64 * 1024
"""A body above this is refused unread."""

_CALL_SID = re.compile(r"CA[0-9a-f]{32}")
_DIGITS = re.compile(r"[0-9*#]{0,64}")
_PARTY = re.compile(r"[\x20-\x7e]{0,64}")

_DIAL_OUTCOMES: dict[str, DialOutcome] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "no_answer",
    "failed": "failed",
}


class Form(NamedTuple):
    """A webhook's parameters. `clean` is false where a name came twice or a value was not UTF-8."""

    values: dict[str, str]
    clean: bool

    @property
    def call_sid(self) -> str | None:
        """Give the CallSid where it has the carrier's exact form."""
        sid = self.values.get("CallSid", "")
        return sid if _CALL_SID.fullmatch(sid) else None

    def party(self, name: str) -> str:
        """Give From or To where it is printable ASCII of at most 64 characters, else nothing."""
        value = self.values.get(name, "")
        return value if _PARTY.fullmatch(value) else ""

    @property
    def completed(self) -> bool:
        """Tell whether this webhook says that its own call, not a leg of it, is over."""
        return self.values.get("CallStatus") == "completed" and not self.values.get("ParentCallSid")


def read_pairs(body: bytes) -> Pairs:
    """Split a form body into decoded name and value bytes, blanks kept; anything that is no form gives no pairs."""
    try:
        return parse_qsl(body, keep_blank_values=True, max_num_fields=None)
    except ValueError:
        return ()


def read_form(pairs: Pairs) -> Form:
    """Hold the pairs to one value per name; of a name that came twice no value is believed."""
    values: dict[str, str] = {}
    twice: set[str] = set()
    clean = True
    for raw_name, raw_value in pairs:
        try:
            name, value = raw_name.decode(), raw_value.decode()
        except UnicodeDecodeError:
            clean = False
            continue
        if name in values:
            twice.add(name)
        values[name] = value
    for name in twice:
        del values[name]
    return Form(values, clean and not twice)


def read_event(form: Form) -> Event:
    """Read what the caller or the carrier did. Digits are ASCII ``[0-9*#]``, at most 64; all else is garbled."""
    if not form.clean:
        return Garbled()
    status = form.values.get("DialCallStatus")
    if status is not None:
        return DialEnded(_dial_outcome(status, form.values.get("DialBridged", "")))
    digits = form.values.get("Digits", "")
    finished = form.values.get("FinishedOnKey", "")
    if not _DIGITS.fullmatch(digits) or len(finished) > 1:
        return Garbled()
    ended = finished == "#"
    return Keyed(digits, ended) if digits or ended else Silence()


def _dial_outcome(status: str, bridged: str) -> DialOutcome:
    if status in ("completed", "answered"):  # completed alone does not mean that a human spoke
        return "answered" if bridged == "true" else "no_answer"
    return _DIAL_OUTCOMES.get(status, "failed")
