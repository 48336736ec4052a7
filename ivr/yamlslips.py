"""Slips that are easily made in YAML and mean something else to it: keys without quotes, full-width punctuation."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple


class Slip(NamedTuple):
    """A slip in words: where it stands (both count from 1), what is wrong, what to write, and why it matters."""

    line: int
    column: int
    message: str
    remedy: str
    why: str


_WIDE: Final = {
    "：": ("colon", ": with a blank after it"),
    "，": ("comma", ","),
    "“": ("quote", '"'),
    "”": ("quote", '"'),
    "＂": ("quote", '"'),
    "‘": ("quote", "'"),
    "’": ("quote", "'"),
    "＇": ("quote", "'"),
    "｛": ("brace", "{"),
    "｝": ("brace", "}"),
    "［": ("bracket", "["),
    "］": ("bracket", "]"),
    "＃": ("number sign", "#"),
    "＊": ("star", "*"),
    "\u3000": ("blank", "an ordinary blank"),
    "\u00a0": ("blank", "an ordinary blank"),
}
"""Punctuation of Chinese and of word processors, with its name, and what YAML has in its place."""

_WORD: Final = r"[A-Za-z0-9_.*#]+"
_QUOTED_WORD: Final = re.compile(rf"[“”＂‘’＇]{_WORD}[“”＂‘’＇]")
_LISTED_WORDS: Final = re.compile(rf"{_WORD}(，\s*{_WORD})+")

_STAR_KEY: Final = re.compile(r"(?:^|[{,])\s*(?P<slip>\*)\s*:(?=\s|$)")
_HASH_KEY: Final = re.compile(r"(?:^|[{,])\s*(?P<slip>#)\s*:(?=\s|$)")
_HASH_LINE: Final = re.compile(r"^\s*(?P<slip>#):(?=\s|$)")
_WIDE_COLON: Final = re.compile(rf"(?:^|[{{,])\s*[\"']?{_WORD}[\"']?\s*(?P<slip>：)")
_WIDE_COMMA: Final = re.compile(rf"(?:\{{|(?:^|[}}\"'])[^{{}},\"']*,)[^{{}}\"']*(?P<slip>，)\s*{_WORD}\s*:\s")
_WIDE_OPENING: Final = re.compile(r":\s*(?P<slip>[｛［])")
_OPEN_QUOTE: Final = re.compile(rf"(?P<indent>\s*)(?:- )?(?:{_WORD}:\s+)?(?P<slip>\"(?:[^\"\\]|\\.)*|'(?:[^']|'')*)")
_NEW_LINE: Final = re.compile(rf"(?P<indent>\s*)(?:- |[\"']?{_WORD}[\"']?:(?:\s|$))")


def in_key(key: str) -> tuple[str, str, str] | None:
    """Give message, remedy and reason where a key has what only looks like YAML's punctuation."""
    found = next((character for character in key if character in _WIDE), None)
    if found is None:
        return None
    name, instead = _WIDE[found]
    if name == "quote":
        instead = '"' + "".join(one for one in key if one not in _WIDE) + '"'
    return f"The key '{key.strip()}' has a full-width {name}.", f"Write {instead}.", _why(name)


def in_text(text: str) -> tuple[str, str, str] | None:
    """Give message, remedy and reason where a value is words in quotes, or a list of words, that YAML reads as one."""
    if _QUOTED_WORD.fullmatch(text):
        return f"{text} is in full-width quotes.", f'Write "{text[1:-1]}".', _why("quote")
    if _LISTED_WORDS.fullmatch(text):
        return f"'{text}' has a full-width comma.", f"Write {', '.join(re.split('，[ ]*', text))}.", _why("comma")
    return None


def in_lines(text: str, *, fails: bool) -> Iterator[Slip]:
    """Give the slips in the lines of a file: all that explain why it ``fails`` to be YAML, or else those that hide."""
    lines = text.splitlines()
    if fails and (open_quote := _open_quote(lines)):
        yield open_quote
    for number, line in enumerate(lines, 1):
        for pattern in (_STAR_KEY, _HASH_KEY, _WIDE_COLON, _WIDE_COMMA, _WIDE_OPENING) if fails else (_HASH_LINE,):
            for match in pattern.finditer(line):
                yield Slip(number, match.start("slip") + 1, *_said(match["slip"]))


def _open_quote(lines: Sequence[str]) -> Slip | None:
    """Give the first quote that is still open where the next key or item begins; YAML notices it at a later quote."""
    written = ((number, line) for number, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != "#")
    for (number, line), (_, below) in pairwise(written):
        opens, begins = _OPEN_QUOTE.fullmatch(line), _NEW_LINE.match(below)
        if opens and begins and len(begins["indent"]) <= len(opens["indent"]):
            why = "The lines below are read as part of this text, up to the next quote."
            remedy = "Close it; a quote within the text is written twice, or the text in quotes of the other kind."
            return Slip(number, opens.start("slip") + 1, "The quote that opens here is not closed.", remedy, why)
    return None


def _said(slip: str) -> tuple[str, str, str]:
    if slip == "*":
        return "The key * stands without quotes.", 'Write "*": and what it leads to.', "A bare * begins a reference."
    if slip == "#":
        why = "From a bare # on, YAML reads the line as a note, so that the key would not be there."
        return "The key # stands without quotes.", 'Write "#": and what it leads to.', why
    name, instead = _WIDE[slip]
    return f"A full-width {name} ({slip}) stands here.", f"Write {instead}.", _why(name)


def _why(name: str) -> str:
    return f"To YAML a full-width {name} is a letter like any other."
