"""What holds in an emergency: an announcement that new calls hear first, and hotlines that are for agents only.

The announcement is one line a language, from the operations page, else from a file of its own. It stands outside the
flow version: the file is read again when it changes, without a restart, and calls that are under way are not touched.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ivr.call import Utterance
from ivr.library import EMERGENCY, short_name
from ivr.orders import StandingOrders
from ivr.problems import Problem
from ivr.speech import LANGUAGES
from ivr.speech.misread import misread, says_something
from ivr.yamlfile import read

LOOK_SECONDS = 1.0
"""How often the file is looked at."""

LONGEST = 200

log = logging.getLogger(__name__)


class Emergency:
    """What the file says now. A file that cannot be read leaves what it said before in force, and says so once."""

    def __init__(
        self, flows_dir: Path, orders: StandingOrders | None = None, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self.orders = orders
        self._path = flows_dir / EMERGENCY
        self._look_seconds = look_seconds
        self._unreadable = self._empty = False
        self._seen: tuple[int, ...] | None = None
        self._written: dict[str, str] = {}

    def say(self, lang: str, *, slow: bool = False) -> tuple[Utterance, ...]:
        """Give the announcement in a language; nothing where there is none."""
        line = self.lines.get(lang)
        return () if line is None else (Utterance("emergency", lang, line, slow),)

    @property
    def spoken(self) -> bool:
        """Tell whether there is an announcement, in whatever language."""
        return bool(self.lines)

    def agents_only(self, hotline: str) -> bool:
        """Tell whether new calls of a hotline go to agents, as the operations page ordered."""
        return self.orders is not None and hotline in self.orders.now.agents_only

    @property
    def lines(self) -> Mapping[str, str]:
        """The lines that are spoken, by language."""
        return (self.orders and self.orders.now.announcement) or self._written

    @property
    def written(self) -> Mapping[str, str]:
        """The lines of the file."""
        return self._written

    def look(self) -> None:
        """Read the file where it has changed since the last look. Blocks: call it in a thread."""
        try:
            seen, data = self._changed()
        except OSError as error:
            if not self._unreadable:
                log.warning("%s cannot be read (%s); the announcement stays as it was.", EMERGENCY, error.strerror)
            self._unreadable = True
            return
        self._unreadable = False
        if data is None:
            self._empty = False
            return
        if not data and self._written and not self._empty:
            self._empty = True  # somebody may be saving it just now: that it is gone is believed at the second look
            return
        self._seen, self._empty = seen, False
        lines, problems = _lines(EMERGENCY, data)
        if problems:
            faults = " ".join(problem.message for problem in problems)
            log.error("%s is wrong, the announcement stays as it was: %s", EMERGENCY, faults)
        elif lines != self._written:
            self._written = lines
            log.info("%s: %s", EMERGENCY, "is spoken from now on." if lines else "is silent from now on.")

    def _changed(self) -> tuple[tuple[int, ...] | None, bytes | None]:
        """Give how the file looks now and what is in it, nothing where it is gone; None for what has not changed."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            return seen, None if seen == self._seen else self._path.read_bytes()
        except FileNotFoundError:
            return None, None if self._seen is None else b""

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._look_seconds)


def problems_in(flows_dir: Path) -> list[Problem]:
    """Give what is wrong with the file as it lies in a folder; nothing where there is none. Blocks."""
    path = flows_dir / EMERGENCY
    name = short_name(path)
    try:
        return _lines(name, path.read_bytes())[1]
    except FileNotFoundError:
        return []
    except OSError as error:
        return [_problem(name, (0, 0), f"The file cannot be read ({error.strerror}).", "Make it readable.")]


def _lines(name: str, data: bytes) -> tuple[dict[str, str], list[Problem]]:
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines()):
        return {}, []  # an empty file, or one with nothing but comments
    file, problems = read(name, data)
    if file is None or problems:
        return {}, problems
    if not isinstance(file.value, dict):
        message = "Expected lines such as 'zh: 今天停电，人工服务暂停。'."
        return {}, [_problem(name, file.at(()), message, "Write a language, a colon and what is said.")]
    found = ((lang, _fault(lang, text)) for lang, text in file.value.items())
    remedy = "Write it as it is spoken, or take the line out."
    return dict(file.value), [_problem(name, file.at((lang,)), fault, remedy) for lang, fault in found if fault]


def _problem(name: str, place: tuple[int, int], message: str, remedy: str) -> Problem:
    return Problem(name, *place, "emergency", message, "Until then new calls hear what was announced before.", remedy)


def faults_of(lines: Mapping[Any, Any]) -> list[str]:
    """Say in sentences what is wrong with an announcement, wherever it comes from."""
    return [fault for lang, text in lines.items() if (fault := _fault(lang, text))]


def _fault(lang: Any, text: Any) -> str | None:
    if lang not in LANGUAGES:
        return f"'{lang}' is no language; expected {', '.join(LANGUAGES)}."
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        return f"The line of '{lang}' must be text of 1 to {LONGEST} characters."
    if misread(text, lang) or not says_something(text) or not text.isprintable():
        must = "must have words for figures and signs, in its own language, and no control characters"
        return f"The line of '{lang}' {must}."
    return None
