"""Read YAML strictly (1.2 core; no duplicate keys, anchors or tags) and keep the position of every value."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from ivr import yamlslips
from ivr.problems import Problem

MAX_BYTES: Final = 1_000_000
"""A flow or a catalog is a few kB; a file this large was not written by hand."""

MAX_DEPTH: Final = 20
"""Mappings and lists inside each other; a hotline file needs six."""

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and places in lists, from the top of the file."""


class Position(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


TOP: Final = Position(1, 1)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file that was read: its plain values, and where each value and each key stands."""

    name: str
    value: Any
    values: Mapping[Path, Position] = field(repr=False)
    keys: Mapping[Path, Position] = field(repr=False)

    def at(self, path: Path) -> Position:
        """Give where a value stands; a path that leads nowhere gives the nearest thing above it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return TOP

    def key_at(self, path: Path) -> Position:
        """Give where a value's key stands; what has no key (a list item, a path that leads nowhere) gives `at`."""
        return self.keys.get(path) or self.at(path)


_CORE: Final = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
"""The core schema of YAML 1.2 (section 10.3.2). What it does not list is text: on, no, 2026-11-20, 12:30."""

_MAX_FIGURES = 30
"""A plain number longer than this stays text: Python refuses to read thousands of figures, and nobody means them."""

_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")

_NO_COLON: Final = "could not find expected ':'"
_IN_BRACKETS: Final = "expected ',' or"

_SYNTAX: Final = (
    ("\\t", "A tab stands where only blanks may: YAML is indented with blanks.", "Put blanks in the tab's place."),
    (
        "mapping values are not allowed",
        "A colon stands inside a text without quotes, or the line before it lacks its colon.",
        "Put the whole text in double quotes, or write the colon.",
    ),
    (
        _NO_COLON,
        "This line is no 'key: value', and it does not belong to the line before it.",
        "Write the colon, or put the text on the line of its key.",
    ),
    (
        "expected <block end>",
        "This line does not fit the lines before it.",
        "Give all keys of one mapping the same indentation, and put text that follows a closing quote inside it.",
    ),
    (
        _IN_BRACKETS,
        "The bracket that opens here is not closed, or a comma is missing in it.",
        "Close it, or write one.",
    ),
    ("but found '<stream end>'", "The file ends inside a bracket.", "Close the bracket."),
    ("expected the node content", "A bracket or comma stands in the place of a value.", "Write the value, or quotes."),
    ("unexpected end of stream", "The file ends inside a text that is in quotes.", "Close the quotes."),
    ("cannot start any token", "A value begins with a character that YAML keeps for itself.", "Put it in quotes."),
    ("mapping keys are not", "A value begins with a question mark, which YAML keeps for itself.", "Put it in quotes."),
    ("unknown escape character", "A backslash in double quotes is no escape that YAML knows.", "Use single quotes."),
)


def read(name: str, data: bytes) -> tuple[YamlFile | None, list[Problem]]:
    """Read one file. Gives the file, and every problem found in it; the file is None where its syntax does not hold.

    ``name`` is what problems call the file. Never raises for any bytes.
    """
    if len(data) > MAX_BYTES:
        message = f"This file has {len(data):,} bytes; at most {MAX_BYTES:,} are read."
        return None, [Problem(name, 0, 0, "yaml", message, "", "Split it, or take out what does not belong here.")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = "This file is not UTF-8 text: a byte here belongs to no character."
        return None, [Problem(name, line, column, "yaml", message, "", "Save the file as UTF-8.")]
    builder = _Builder(name)
    try:
        value = builder.document(YAML(typ="safe", pure=True).parse(text))
    except _Stop:
        return None, _explained(builder.problems, _slips(name, text, fails=True))
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        message = f"The character U+{ord(text[error.position]):04X} may not stand in a YAML file."
        return None, [Problem(name, line, column, "yaml", message, "It cannot be seen or spoken.", "Delete it.")]
    except MarkedYAMLError as error:
        return None, _explained(builder.problems, _slips(name, text, fails=True) or [_syntax(name, error)])
    except (YAMLError, ValueError, ArithmeticError) as error:
        return None, [*builder.problems, Problem(name, 1, 1, "yaml", f"This file is no YAML: {_first_line(error)}.")]
    # A file that is one text has no key at all; the slip that made it one says more than that.
    hidden = _slips(name, text, fails=isinstance(value, str))
    return YamlFile(name, value, builder.values, builder.keys), [*builder.problems, *hidden]


def _explained(problems: list[Problem], slips: list[Problem]) -> list[Problem]:
    """Put what explains a line in the place of what YAML made of it."""
    lines = {slip.line for slip in slips}
    return [*(one for one in problems if one.line not in lines), *slips]


def _slips(name: str, text: str, *, fails: bool) -> list[Problem]:
    return [
        Problem(name, slip.line, slip.column, "yaml", slip.message, slip.why, slip.remedy)
        for slip in yamlslips.in_lines(text, fails=fails)
    ]


def _syntax(name: str, error: MarkedYAMLError) -> Problem:
    said = str(error.problem or error)
    # These two are noticed further down, on a line that may be without a fault.
    begins = error.context_mark if _NO_COLON in said or _IN_BRACKETS in said else None
    mark = begins or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for sign, message, remedy in _SYNTAX:
        if sign in said:
            return Problem(name, line, column, "yaml", message, "", remedy)
    remedy = "Compare it with the lines around it; put texts in quotes."
    return Problem(name, line, column, "yaml", f"This is no YAML: {_first_line(said)}.", "", remedy)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["it cannot be read"])[0]


class _Stop(Exception):  # noqa: N818 - the problem is already noted
    """Reading on makes no sense."""


class _Builder:
    """Builds plain values from the parser's events, so that nothing a parser would silently resolve slips in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.values: dict[Path, Position] = {}
        self.keys: dict[Path, Position] = {}
        self._events: Iterator[Event] = iter(())

    def document(self, events: Iterator[Event]) -> Any:
        self._events = events
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if event.version is not None or event.tags:
                    self._note(event, "A line that begins with % is not read here.", "Take it out.")
                if documents > 1:
                    self._note(event, "A second document begins here; only one is read.", "Take out the line '---'.")
                    raise _Stop
            elif isinstance(event, NodeEvent):
                value = self._value(event, ())
        return value

    def _value(self, event: Event, path: Path) -> Any:
        self.values[path] = _position(event)
        if len(path) > MAX_DEPTH:
            self._note(event, f"Values are nested more than {MAX_DEPTH} deep.", "Take out brackets.")
            raise _Stop
        self._refuse_extras(event)
        match event:
            case AliasEvent():
                return None
            case ScalarEvent():
                self._tell(event, yamlslips.in_text)
                return _scalar(event)
            case MappingStartEvent():
                return self._mapping(path)
            case SequenceStartEvent():
                return self._sequence(path)
            case _:
                raise _Stop

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event)
            here = (*path, key)
            if key in found:
                first = self.keys[here].line
                self._note(
                    event,
                    f"The key '{key}' stands here a second time; the first one is on line {first}.",
                    "Keep one of the two.",
                    "Only one of them would count, and nobody could tell which.",
                )
                here = (*path, f"{key} (again)")
            self.keys[here] = _position(event)
            value = self._value(next(self._events), here)
            if value is None:
                self.values[here] = self.keys[here]  # what is empty stands where its key stands
            found.setdefault(key, value)
        return found

    def _key(self, event: Event) -> str:
        """Read a key, which is text: an unquoted 0 is a number, and YAML's other kinds of keys have no use here."""
        if not isinstance(event, ScalarEvent):
            self._note(event, "A key is a word here, not a list or a mapping.", "Write 'key: value'.")
            raise _Stop
        self._refuse_extras(event)
        self._tell(event, yamlslips.in_key)
        key = _scalar(event)
        if isinstance(key, str):
            return key
        text = str(event.value)
        self._note(
            event,
            f"The key {text or 'before this colon'} is not text.",
            f'Put it in double quotes: "{text}".',
            "Without quotes YAML takes it for a number or for nothing, and 0 and 00 would be the same key.",
        )
        return text

    def _refuse_extras(self, event: Event) -> None:
        """Refuse what YAML can do beyond plain values: anchors, references, tags, and halves of characters."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            self._note(
                event,
                f"Anchors and references ('{anchor}') are not read here.",
                "Write the value out where it is needed.",
                "Whoever changes one place would change another one unseen.",
            )
        if tag is not None and str(tag) != "!":
            self._note(event, f"The tag '{tag}' is not read here.", "Take it out; put text in quotes.")
        if isinstance(event, ScalarEvent) and _HALF_CHARACTER.search(str(event.value)):
            self._note(event, "An escape in this text is half a character.", "Write the character itself.")
            raise _Stop

    def _tell(self, event: ScalarEvent, slip_in: Callable[[str], tuple[str, str, str] | None]) -> None:
        """Note a slip in a key or value that stands without quotes."""
        if event.style is None and (slip := slip_in(str(event.value))) is not None:
            self._note(event, *slip)

    def _note(self, event: Event, message: str, remedy: str, why: str = "") -> None:
        self.problems.append(Problem(self.name, *_position(event), "yaml", message, why, remedy))


def _scalar(event: ScalarEvent) -> Any:
    text = str(event.value)
    if event.style is not None or len(text) > _MAX_FIGURES:
        return text
    for pattern, read_as in _CORE:
        if pattern.fullmatch(text):
            return read_as(text)
    return text


def _position(event: Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark is not None else TOP
