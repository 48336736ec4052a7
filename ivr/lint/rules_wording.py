"""Rules about wording: what a voice would misread, garble or say twice."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from ivr.lint.plan import Found, Plan
from ivr.lint.spoken import han, literals
from ivr.prompts import Segment, Variable
from ivr.speech.misread import misread
from ivr.yamlfile import Path

MAX_HAN: Final = 450
"""Han characters that the carrier takes in one utterance."""

_CHINESE_KEY = re.compile(
    r"[按撳]下?([幺么两兩〇0-9０-９*＊#＃](?![下次])|[井米][字]?[键鍵]|[井星][号號](?![键鍵])|米字)"
)

_UNITS: Final = {
    "money": "元圆圓块塊",
    "money_abs": "元圆圓块塊",
    "people": "位人名",
    "percent": "%％",
    "date": "日号號",
    "month": "月",
    "duration": "年月个個",
    "span": "年月个個",
}
"""What a type says itself at its end, so that the text after it must not."""

_ENGLISH_UNITS: Final = {
    "money": ("yuan", "fen"),
    "money_abs": ("yuan", "fen"),
    "people": ("callers", "caller", "people"),
    "percent": ("percent",),
    "duration": ("years", "months"),
    "span": ("years", "months"),
}
_MEASURE = re.compile(r"[位个個项項元年次条條笔筆张張]")


def figures(plan: Plan) -> Iterator[Found]:
    """Voices misread figures and signs: 12333 becomes a sum, 1 becomes yi or yao. All numbers are written as words.

    On the letters of another language they stumble, or are silent.
    """
    remedy = "Write it in words of that language (一二三, one two three), or let a variable say it: {balance:money}."
    for voice in plan.voices():
        for text in literals(voice.segment):
            if found := misread(text, voice.segment.lang):
                message = f"The prompt '{voice.prompt.id}' has '{found}'{_to_whom(found, voice.segment.lang)}."
                yield plan.in_catalog(voice.lang, voice.path, message, remedy)
                break
    for path, owner, text in _hotline_texts(plan):
        lang = str(path[-1])
        if found := misread(text, lang):
            message = f"{owner} has '{found}'{_to_whom(found, lang)}."
            yield plan.in_hotlines(path, message, "Write it in words: nine in the morning.")


def invisible_characters(plan: Plan) -> Iterator[Found]:
    """A character that cannot be seen breaks what is sent to the carrier, or makes the voice stumble."""
    for voice in plan.voices(written=True):
        if found := _invisible("".join(literals(voice.segment))):
            message = f"The prompt '{voice.prompt.id}' has the invisible character {found}."
            yield plan.in_catalog(voice.lang, voice.path, message, "Delete it.")
    for path, owner, text in _hotline_texts(plan):
        if found := _invisible(text):
            yield plan.in_hotlines(path, f"{owner} has the invisible character {found}.", "Delete it.")


def long_utterance(plan: Plan) -> Iterator[Found]:
    """The carrier takes 450 Han characters at once and drops what is longer; nobody listens that long anyway."""
    for voice in plan.voices("zh", "yue"):
        if (length := han(voice.segment.text)) > MAX_HAN:
            message = f"The prompt '{voice.prompt.id}' has {length} characters; {MAX_HAN} are the most."
            yield plan.in_catalog(voice.lang, voice.path, message, "Say it in two prompts.")


def unit_twice(plan: Plan) -> Iterator[Found]:
    """A variable says its unit itself, so a unit in the text is heard, or read, twice: 十二元元."""
    for voice in plan.voices(written=True):
        for variable, after in _variables(voice.segment):
            unit = _unit(variable, after, voice.segment.lang)
            if unit:
                yield plan.in_catalog(
                    voice.lang,
                    voice.path,
                    f"In '{voice.prompt.id}' '{unit}' follows {{{variable.name}:{variable.type}}}, which says it too.",
                    f"Take '{unit}' out, or use another type.",
                )


def number_before_measure(plan: Plan) -> Iterator[Found]:
    """Before a measure word 2 is 两, not 二; the type 'count' knows that, the type 'number' does not."""
    for voice in plan.voices("zh", "yue"):
        for variable, after in _variables(voice.segment):
            if variable.type == "number" and _MEASURE.match(after):
                yield plan.in_catalog(
                    voice.lang,
                    voice.path,
                    f"In '{voice.prompt.id}' the measure word '{after[0]}' follows {{{variable.name}:number}}.",
                    f"Write {{{variable.name}:count}}, in every language.",
                )


def key_words(plan: Plan) -> Iterator[Found]:
    """Keys have one name each: 零 一 二 … 九 井号键 星号键. On a keypad nobody looks for 幺 or 两."""
    for voice in plan.voices("zh", "yue"):
        for text in literals(voice.segment):
            if match := _CHINESE_KEY.search(text):
                message = f"The prompt '{voice.prompt.id}' names a key '{match[1]}'."
                remedy = "Write 零 一 二 三 四 五 六 七 八 九, 井号键 or 星号键."
                yield plan.in_catalog(voice.lang, voice.path, message, remedy)
                break


def _hotline_texts(plan: Plan) -> Iterator[tuple[Path, str, str]]:
    """Give the texts of the hotline file that are spoken: names and hours."""
    for name, hotline in plan.library.hotlines.hotlines.items():
        for lang, text in hotline.name.items():
            yield ("hotlines", name, "name", lang), f"The name of hotline '{name}'", text
        for group, agents in hotline.agents.items():
            for lang, text in agents.hours.items():
                path = ("hotlines", name, "agents", group, "hours", lang)
                yield path, f"The hours of agent group '{group}' of hotline '{name}'", text


def _to_whom(found: str, lang: str) -> str:
    """Say whose voice it is that does not know these letters."""
    return f" in the '{lang}' voice" if found[0].isalpha() else ""


def _invisible(text: str) -> str:
    """Name the first character that is a control, a format mark, half a pair, or none at all."""
    bad = next((character for character in text if unicodedata.category(character).startswith("C")), None)
    return f"U+{ord(bad):04X}" if bad else ""


def _variables(segment: Segment) -> Iterator[tuple[Variable, str]]:
    """Give each variable with the text that follows it."""
    for place, piece in enumerate(segment.pieces):
        if isinstance(piece, Variable):
            after = segment.pieces[place + 1] if place + 1 < len(segment.pieces) else ""
            yield piece, after if isinstance(after, str) else ""


def _unit(variable: Variable, after: str, lang: str) -> str:
    if lang == "en":
        word = re.match(r"\s*([A-Za-z]+)", after)
        return word[1] if word and word[1].lower() in _ENGLISH_UNITS.get(variable.type, ()) else ""
    first = after.lstrip()[:1]
    return first if first and first in _UNITS.get(variable.type, "") else ""
