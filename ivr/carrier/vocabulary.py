"""The elements, attributes and values of TwiML that a keypad hotline may use, read from ``vocabulary.json``."""

import json
import re
from importlib.resources import files
from typing import Literal, NamedTuple

Context = Literal["call", "wait", "whisper", "queue-url"]
"""Where a document plays: to the caller, to a caller who waits in a queue, to the callee, to a queued caller."""


class Vocabulary(NamedTuple):
    """Elements with their attributes and kinds of value, nesting, and the voices of each language."""

    elements: dict[str, dict[str, str | list[str]]]
    nesting: dict[str, list[str]]
    pairs: dict[str, list[str]]


def _read() -> Vocabulary:
    data = json.loads(files("ivr.carrier").joinpath("vocabulary.json").read_text(encoding="utf-8"))
    return Vocabulary(data["elements"], data["nesting"], data["pairs"])


VOCABULARY = _read()

TOP_LEVEL: dict[Context, list[str]] = {
    # Leave has a meaning in a queue only.
    "call": [name for name in VOCABULARY.nesting["Response"] if name != "Leave"],
    "wait": VOCABULARY.nesting["in a wait document"],
    "whisper": VOCABULARY.nesting["in a whisper"],
    "queue-url": VOCABULARY.nesting["in a queue url"],
}

_EVENTS = r"(?:initiated|ringing|answered|completed)"
_RECORDING_EVENTS = r"(?:in-progress|completed|absent)"
SHAPES: dict[str, tuple[str, str]] = {
    "boolean": (r"true|false", "true or false"),
    "string": (r"(?s:.*)", "text"),
    "string (standard voices only)": (r"(?s:.*)", "text"),
    "number": (r"[0-9]{1,6}", "a whole number"),
    "one of 0-9 # * or empty": (r"[0-9#*]?", "one key of 0-9 # * or nothing"),
    "duration such as 500ms or 1s": (r"[0-9]{1,5}ms|[0-9]{1,2}(?:\.[0-9]{1,3})?s", "a duration such as 500ms or 1s"),
    "GatherLanguage": (r"[a-z]{2,3}(?:-[A-Za-z]{4})?-[A-Z]{2}", "a language such as cmn-Hans-CN"),
    "DialRingTone": (
        r"at|au|bg|br|be|ch|cl|cn|cz|de|dk|ee|es|fi|fr|gr|hu|il|in|it|lt|jp|mx|my|nl|no|nz|ph|pl|pt|ru|se|sg|th|uk|us"
        r"|us-old|tw|ve|za",
        "a country such as cn",
    ),
    "NumberEvent[]": (rf"{_EVENTS}(?: {_EVENTS})*", "events of initiated, ringing, answered, completed"),
    "SipEvent[]": (rf"{_EVENTS}(?: {_EVENTS})*", "events of initiated, ringing, answered, completed"),
    "RecordRecordingEvent[]": (
        rf"{_RECORDING_EVENTS}(?: {_RECORDING_EVENTS})*",
        "events of in-progress, completed, absent",
    ),
    "RecordTrim": (r"trim-silence|do-not-trim", "trim-silence or do-not-trim"),
}


def expected(element: str, attribute: str, value: str) -> str | None:
    """Say what the carrier expects of an attribute, or None where the value is one that it takes."""
    kind = VOCABULARY.elements[element][attribute]
    if isinstance(kind, list):
        if value in kind and value != "percent":
            return None
        # The carrier's voices take a rate of 20 to 200 percent.
        if "percent" in kind and re.fullmatch(r"[0-9]{2,3}%", value) and 20 <= int(value[:-1]) <= 200:
            return None
        return "one of " + ", ".join(kind if len(kind) < 12 else [*kind[:10], "…"])
    if kind.startswith("integer "):
        low, high = (int(bound) for bound in kind.removeprefix("integer ").split("-"))
        if re.fullmatch(r"[0-9]{1,5}", value) and low <= int(value) <= high:
            return None
        return f"a whole number from {low} to {high}"
    pattern, words = SHAPES[kind]
    return None if re.fullmatch(pattern, value) else words


def takes_voice(language: str, voice: str) -> bool:
    """Tell whether a voice speaks a language; with any other the caller hears silence."""
    if voice in VOCABULARY.pairs.get(language, ()) or voice.startswith(f"Google.{language}-"):
        return True
    if voice == "alice":
        return language in ("zh-CN", "zh-HK", "zh-TW", "en-GB", "en-US")
    return voice in ("man", "woman") and language in ("en-GB", "en-US")


def language_of(voice: str) -> str:
    """Return the language that a voice speaks when none is given; English for the old voices and for no voice."""
    return next((name for name in VOCABULARY.elements["Say"]["language"] if takes_voice(name, voice)), "en-US")
