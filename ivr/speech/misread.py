"""What no voice says as it is written: figures, signs, and the letters of another language."""

import re
import unicodedata
from itertools import takewhile
from typing import Final

__all__ = ["misread", "says_something"]

_SIGNS: Final = frozenset({"Nl", "No", "Sc", "Sk", "Sm", "So"})
"""Unicode categories of numbers that are no figures (Ⅻ ① ²), of money, arithmetic, and all other symbols (< ☎)."""

_WORD_ALL_THE_SAME: Final = "〇"
"""A Han character, though it is filed under numbers."""

_HAN: Final = re.compile(r"[㐀-䶿一-鿿豈-﫿]+")


def misread(text: str, lang: str) -> str | None:
    """Give the first thing in a text that the voice of a language would misread, leave out or stumble over.

    These are runs of figures in any script, symbols and signs of all kinds, and Han characters in an English voice.
    Chinese voices do say Latin words.
    """
    for place, sign in enumerate(text):
        if sign.isdecimal():
            return "".join(takewhile(str.isdecimal, text[place:]))
        if sign in "%％" or (unicodedata.category(sign) in _SIGNS and sign != _WORD_ALL_THE_SAME):
            return sign
    foreign = _HAN.search(text) if lang == "en" else None
    return foreign[0] if foreign else None


def says_something(text: str) -> bool:
    """Tell whether there is anything in a text to be said, and not only blanks and stops."""
    return any(sign.isalnum() for sign in text)
