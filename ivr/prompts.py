"""The catalogs of what is spoken, one a language, and `speak`, which puts facts into a prompt as words."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Final, NamedTuple

from ivr.call import Utterance
from ivr.problems import Problem, did_you_mean, listed
from ivr.speech import LANGUAGES, words
from ivr.speech import TYPES as SPOKEN_TYPES
from ivr.speech.figures import figures
from ivr.speech.misread import says_something
from ivr.yamlfile import Path, YamlFile

ID_FORM: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
NAME_FORM: Final = re.compile(r"[a-z][a-z0-9_]*")

_PLACE_FOR_A_FACT = "A prompt can say facts as words, nothing else: no format, no part of a fact, no arithmetic."


TERM: Final = "term"
"""A variable whose fact is the id of another prompt without variables, said in the same language: a city, say."""

TYPES: Final = SPOKEN_TYPES | {TERM}
"""The types a prompt may give its variables."""


class MissingFact(KeyError):  # noqa: N818 - named for what is missing
    """A prompt needs a fact that is not there: a fault of the flow that the lint should have told."""

    def __str__(self) -> str:
        return str(self.args[0])


class Variable(NamedTuple):
    """A place in a prompt where a fact is said: ``{balance:money}``."""

    name: str
    type: str


class Segment(NamedTuple):
    """What one voice says without a break: literal text and variables in turn."""

    lang: str
    pieces: tuple[str | Variable, ...]

    @property
    def text(self) -> str:
        """Give the text as its author wrote it, variables in braces."""
        return "".join(piece if isinstance(piece, str) else f"{{{piece.name}:{piece.type}}}" for piece in self.pieces)

    def variables(self) -> Iterator[Variable]:
        return (piece for piece in self.pieces if isinstance(piece, Variable))


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of one catalog. Most have one segment; each further one is a change of voice."""

    id: str
    lang: str
    segments: tuple[Segment, ...]
    variables: frozenset[tuple[str, str]] = field(init=False)
    _spoken: dict[tuple[bool, tuple[str, ...]], tuple[Utterance, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        found = frozenset(tuple(variable) for segment in self.segments for variable in segment.variables())
        object.__setattr__(self, "variables", found)

    def utterances(
        self, facts: Mapping[str, str], slow: bool, offered: tuple[str, ...], catalogs: "Mapping[str, Catalog]"
    ) -> tuple[Utterance, ...]:
        """Render the segments of this catalog's own language and of the languages offered; see `speak`."""
        if self.variables:
            return tuple(self._render(facts, slow, offered, catalogs))
        # Without variables every call hears the same: rendered once for each pace and each set of languages.
        spoken = self._spoken.get((slow, offered))
        if spoken is None:
            spoken = self._spoken[slow, offered] = tuple(self._render(facts, slow, offered, catalogs))
        return spoken

    def _render(
        self, facts: Mapping[str, str], slow: bool, offered: tuple[str, ...], catalogs: "Mapping[str, Catalog]"
    ) -> Iterator[Utterance]:
        for segment in self.segments:
            if segment.lang == self.lang or segment.lang in offered:
                yield Utterance(self.id, segment.lang, self._worded(segment, facts, words, catalogs), slow)

    def written(self, facts: Mapping[str, str], catalogs: "Mapping[str, Catalog]") -> str:
        """Give this prompt as a text message shows it: with figures, in its own language alone."""
        own = (segment for segment in self.segments if segment.lang == self.lang)
        return "".join(self._worded(segment, facts, figures, catalogs) for segment in own)

    def _worded(
        self,
        segment: Segment,
        facts: Mapping[str, str],
        worded: Callable[[str, str, str], str],
        catalogs: "Mapping[str, Catalog]",
    ) -> str:
        said = []
        for piece in segment.pieces:
            if isinstance(piece, str):
                said.append(piece)
            elif piece.type == TERM:
                said.append(catalogs[segment.lang].prompts[self._fact(piece, facts)].segments[0].text)
            else:
                said.append(worded(self._fact(piece, facts), piece.type, segment.lang))
        return "".join(said)

    def _fact(self, variable: Variable, facts: Mapping[str, str]) -> str:
        try:
            return facts[variable.name]
        except KeyError:
            raise MissingFact(
                f"Prompt '{self.id}' ({self.lang}) says {{{variable.name}:{variable.type}}}, but the fact "
                f"'{variable.name}' is not known here; known are {listed(sorted(facts))}."
            ) from None


@dataclass(frozen=True, slots=True)
class Catalog:
    """All prompts of one language by their ids."""

    lang: str
    prompts: Mapping[str, Prompt]


def speak(
    catalogs: Mapping[str, Catalog],
    prompt_id: str,
    facts: Mapping[str, str],
    lang: str,
    *,
    slow: bool = False,
    offered: tuple[str, ...] = LANGUAGES,
) -> tuple[Utterance, ...]:
    """Say a prompt in a language; each change of voice is an utterance of its own.

    ``facts`` are canonical strings by name; ``offered`` are the languages of the hotline, and what a prompt says in
    other voices is left out where the hotline does not offer their languages. Raises `MissingFact` where a variable
    has no fact, ``ValueError`` where a fact does not fit its type, ``KeyError`` for an unknown language or prompt; the
    lint proves that none of them happens.
    """
    return catalogs[lang].prompts[prompt_id].utterances(facts, slow, offered, catalogs)


# --- reading a catalog -----------------------------------------------------------------------------------------------


def read_catalog(file: YamlFile, lang: str) -> tuple[Catalog, list[Problem]]:
    """Make a catalog of a file ``id: text`` or ``id: [text, {en: text}, …]``; gives what is wrong with it as well.

    A list item that is a mapping of one language to a text is a change of voice. A prompt with a problem is in the
    catalog all the same, so that whoever uses it is not told that there is none.
    """
    reader = _Reader(file, lang)
    return Catalog(lang, reader.prompts()), reader.problems


class _Reader:
    def __init__(self, file: YamlFile, lang: str) -> None:
        self.file = file
        self.lang = lang
        self.problems: list[Problem] = []

    def prompts(self) -> dict[str, Prompt]:
        if not isinstance(self.file.value, dict):
            self._note((), "A prompt file is a list of lines 'id: text'.", remedy="Write for example 'goodbye: 再见。'")
            return {}
        return {prompt_id: self._prompt(prompt_id, value) for prompt_id, value in self.file.value.items()}

    def _prompt(self, prompt_id: str, value: Any) -> Prompt:
        if not ID_FORM.fullmatch(prompt_id):
            message = f"'{prompt_id}' cannot be the id of a prompt."
            remedy = "Use words of a-z, 0-9 and _ with dots between them, such as balance.tell."
            where = self.file.key_at((prompt_id,))
            self.problems.append(Problem(self.file.name, *where, "prompt-id", message, "", remedy))
        if isinstance(value, list):
            if not value:
                self._note((prompt_id,), f"Prompt '{prompt_id}' is an empty list.", remedy="Write what is spoken.")
            segments = [self._item(prompt_id, item, (prompt_id, place)) for place, item in enumerate(value)]
        else:
            segments = [self._segment(prompt_id, value, self.lang, (prompt_id,))]
        return Prompt(prompt_id, self.lang, tuple(segments))

    def _item(self, prompt_id: str, item: Any, path: Path) -> Segment:
        if not isinstance(item, dict):
            return self._segment(prompt_id, item, self.lang, path)
        if len(item) != 1:
            self._note(
                path,
                f"An item of prompt '{prompt_id}' has {len(item)} languages.",
                remedy='A change of voice is one language and its text: {en: "For English, press eight."}',
            )
            return Segment(self.lang, ())
        [(lang, text)] = item.items()
        if lang not in LANGUAGES:
            near = did_you_mean(lang, LANGUAGES)
            self._note(
                path,
                f"'{lang}' in prompt '{prompt_id}' is no language of the hotline.{near}",
                remedy=f"The languages are {listed(LANGUAGES)}.",
            )
            return Segment(self.lang, ())
        return self._segment(prompt_id, text, lang, (*path, lang))

    def _segment(self, prompt_id: str, text: Any, lang: str, path: Path) -> Segment:
        if not isinstance(text, str) or not says_something(text):
            kind = "empty" if text is None or isinstance(text, str) else "not a text"
            self._note(
                path,
                f"Prompt '{prompt_id}' is {kind}.",
                "A caller would hear silence.",
                "Write what is spoken; put it in quotes where it looks like a number.",
            )
            return Segment(lang, ())
        return Segment(lang, tuple(self._pieces(prompt_id, _unfolded(text, lang), path)))

    def _pieces(self, prompt_id: str, text: str, path: Path) -> Iterator[str | Variable]:
        """Split a text into literals and variables, and refuse all else that Python's format strings could do."""
        try:
            parts = list(Formatter().parse(text))
        except ValueError:
            self._note(
                path,
                f"A brace in prompt '{prompt_id}' has no partner.",
                _PLACE_FOR_A_FACT,
                "Write {name:type}; a brace itself cannot be spoken.",
            )
            return
        if any(brace in literal for literal, *_ in parts for brace in "{}"):
            self._note(path, f"Prompt '{prompt_id}' has a doubled brace.", "A brace cannot be spoken.", "Take it out.")
        for literal, name, kind, conversion in parts:
            if literal:
                yield literal
            if name is None:
                continue
            fault = self._fault(name, kind or "", conversion)
            if fault:
                self._note(path, f"In prompt '{prompt_id}': {fault}", _PLACE_FOR_A_FACT, "Write {name:type}.")
            else:
                yield Variable(name, kind or "")

    def _fault(self, name: str, kind: str, conversion: str | None) -> str:
        shown = name + (f"!{conversion}" if conversion else "") + (f":{kind}" if kind else "")
        if conversion or not NAME_FORM.fullmatch(name) or "{" in kind:
            return f"{{{shown}}} is not a plain name with a type."
        if not kind:
            return f"{{{name}}} has no type; expected one of {listed(sorted(TYPES))}."
        if kind not in TYPES:
            near = did_you_mean(kind, TYPES)
            return f"'{kind}' in {{{shown}}} is no type; expected one of {listed(sorted(TYPES))}.{near}"
        return ""

    def _note(self, path: Path, message: str, why: str = "", remedy: str = "") -> None:
        self.problems.append(Problem(self.file.name, *self.file.at(path), "prompt-text", message, why, remedy))


_CHINESE = r"[\u2014-\u2026\u3000-\u303f\u3400-\u9fff\uff00-\uffef{}]"
_BLANKS_IN_CHINESE = re.compile(rf"(?<={_CHINESE})\s+(?={_CHINESE})")


def _unfolded(text: str, lang: str) -> str:
    """Join lines: a line break in the file is no pause, and Chinese has no blanks between its characters."""
    if lang != "en":
        text = _BLANKS_IN_CHINESE.sub("", text)
    return re.sub(r"\s+", " ", text).strip()
