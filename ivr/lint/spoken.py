"""Read a prompt as a caller hears it: which keys it names, where, and how long it takes to say."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ivr.prompts import Segment

CHARACTERS_A_SECOND: Final = 2.0
"""120 Han characters or English words a minute: slow speech, which is what the bounds of the pace are for."""

VARIABLE_CHARACTERS: Final = 20
"""A sum, a date or a duration in words: 一百二十三万四千五百六十七元八角九分 has seventeen characters."""

HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_VARIABLE = re.compile(r"\{[^}]*\}")

_CHINESE_KEYS: Final = "零一二三四五六七八九"
_CHINESE = re.compile(rf"[按撳](?:([{_CHINESE_KEYS}])(?![下个個位十百])|(井[号號][键鍵])|(星[号號][键鍵]))")

_ENGLISH_KEYS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ENGLISH_NAMES = rf"(?:the )?(?:({'|'.join(_ENGLISH_KEYS)})|(pound|hash)|(star))(?: key)?"
_ENGLISH = re.compile(
    rf"\bpress {_ENGLISH_NAMES}\b|(?:, (?:then )?|\band then ){_ENGLISH_NAMES}(?=[.;!?]|$)", re.IGNORECASE
)

_SENTENCE_END = re.compile(r"[。；！？.;!?]")
_NOTHING = re.compile(r"[\s，,、请請唔該再]*|(?:please|then|and|or|,|\s)*", re.IGNORECASE)


class Mention(NamedTuple):
    """A key that a text names, and where in the text the name stands."""

    key: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def keys_named(segment: Segment) -> tuple[Mention, ...]:
    """Give the keys that a text names, in their order; ``请按一`` and ``press one`` name key 1."""
    text = segment.text
    if segment.lang == "en":
        return tuple(_mention(match, _ENGLISH_KEYS) for match in _ENGLISH.finditer(text))
    return tuple(_mention(match, _CHINESE_KEYS) for match in _CHINESE.finditer(text))


def _mention(match: re.Match[str], names: str | tuple[str, ...]) -> Mention:
    digit, pound, star = [next((one for one in match.groups()[place::3] if one), None) for place in range(3)]
    key = "#" if pound else "*" if star else str([*names].index((digit or "").lower()))
    return Mention(key, match.start(), match.end())


def key_before_option(segment: Segment) -> str | None:
    """Give the first sentence that names a key before it says what the key is for; None where there is none."""
    for mention in keys_named(segment):
        before = _SENTENCE_END.split(segment.text[: mention.start])[-1]
        after = _SENTENCE_END.split(segment.text[mention.end :])[0]
        if not _NOTHING.fullmatch(before):
            continue
        if segment.lang == "en":
            # "Press one for your balance" is the fault; "Please press zero, and somebody will look" says no option.
            if re.match(r"\s+(for|to)\b", after):
                return (before + segment.text[mention.start : mention.end] + after).strip()
        elif after.strip(" ，,、"):
            return (before + segment.text[mention.start : mention.end] + after).strip()
    return None


def characters(text: str) -> int:
    """Count what takes time to say: Han characters and Latin words, and a fixed length for every variable."""
    plain, variables = _VARIABLE.subn("", text)
    return len(HAN.findall(plain)) + len(_LATIN_WORD.findall(plain)) + variables * VARIABLE_CHARACTERS


def han(text: str) -> int:
    """Count Han characters; what is put in for a variable counts with its usual length."""
    plain, variables = _VARIABLE.subn("", text)
    return len(HAN.findall(plain)) + variables * VARIABLE_CHARACTERS


def seconds(text: str) -> float:
    """Say how long a text takes at the slow pace."""
    return characters(text) / CHARACTERS_A_SECOND


def literals(segment: Segment) -> Iterator[str]:
    """Give the parts of a text that its author wrote out."""
    return (piece for piece in segment.pieces if isinstance(piece, str))
