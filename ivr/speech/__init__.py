"""What callers hear of a fact: numbers, sums, dates and durations in words, in three languages."""

from ivr.speech import en, yue, zh
from ivr.speech.canonical import LANGUAGES, TYPES, Reader, check_language, read

__all__ = ["LANGUAGES", "TYPES", "words"]

_VOICES: dict[str, Reader] = {"zh": zh, "yue": yue, "en": en}


def words(value: str, kind: str, lang: str) -> str:
    """Say a canonical string in words, because voices misread digits.

    ``value`` is the fact as it is kept (``"20180.05"`` yuan, ``"2026-11-20"``, ``"2026-12"``, months ``"188"``,
    percent ``"3.8"``, ``"202X"``), ``kind`` one of ``TYPES``, ``lang`` one of ``LANGUAGES``. A ``text`` comes back as
    it is. A value that does not fit its type, an unknown type and an unknown language are a ``ValueError`` whose
    message is a sentence.
    """
    check_language(lang)
    return read(value, kind, _VOICES[lang])
