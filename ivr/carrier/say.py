"""What a ``<Say>`` says: its words, voice and length, and the rules that keep a voice from falling silent."""

import re
import unicodedata
from dataclasses import dataclass

from ivr.carrier.markup import Node
from ivr.carrier.violations import Report
from ivr.carrier.vocabulary import language_of, takes_voice

LONGEST = 450
"""Han characters in one ``<Say>``."""
HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
UNREADABLE = re.compile(r"[0-9\uff10-\uff19\u00a5\uffe5%\uff05]")
CHARACTERS_A_SECOND = 3.0
WORDS_A_SECOND = 2.5
SLOW_RATES = ("x-slow", "slow")


@dataclass(frozen=True, slots=True)
class Say:
    """Words in one voice; ``seconds`` is what saying them once takes (180 characters a minute, slow 120)."""

    text: str
    lang: str
    voice: str
    slow: bool
    seconds: float
    loop: int = 1


def is_chinese(lang: str) -> bool:
    return lang.startswith(("cmn", "yue", "zh"))


def spoken(node: Node) -> str:
    """Return what is said of an element, with the alias in place of what it stands for."""
    if node.name == "sub":
        return node.attributes.get("alias", "")
    return "".join(child if isinstance(child, str) else spoken(child) for child in node.children)


def _written(node: Node) -> str:
    """Return all text of an element, aliases and what they stand for."""
    inner = "".join(child if isinstance(child, str) else _written(child) for child in node.children)
    return inner + node.attributes.get("alias", "")


def _descendants(node: Node) -> list[Node]:
    return [found for child in node.elements() for found in (child, *_descendants(child))]


def _is_slow(rate: str) -> bool:
    return rate in SLOW_RATES or (rate.endswith("%") and int(rate[:-1]) < 100)


def _break_seconds(node: Node) -> float:
    """Return the length of a break: its time, or what the carrier's voices make of its strength."""
    length = node.attributes.get("time")
    if length is None:
        by_strength = {"none": 0.0, "x-weak": 0.0, "weak": 0.25, "medium": 0.4, "strong": 0.6, "x-strong": 1.0}
        return by_strength[node.attributes.get("strength", "medium")]
    return float(length[:-2]) / 1000 if length.endswith("ms") else float(length[:-1])


def _said_in(node: Node, lang: str) -> list[tuple[str, str]]:
    """Return the text of an element in pieces, each with the language in which it is said."""
    lang = node.attributes.get("xml:lang", lang)
    if node.name == "sub":
        return [(spoken(node), lang)]
    return [
        piece
        for child in node.children
        for piece in ([(child, lang)] if isinstance(child, str) else _said_in(child, lang))
    ]


def _speech_seconds(text: str) -> float:
    if HAN.search(text):
        return sum(not character.isspace() for character in text) / CHARACTERS_A_SECOND
    return len(text.split()) / WORDS_A_SECOND


def read_say(node: Node, report: Report) -> Say:
    """Return what a ``<Say>`` (already free of unknown elements and values) says; report what a caller cannot hear."""
    attributes, inner = node.attributes, _descendants(node)
    voice = attributes.get("voice", "")
    lang = attributes.get("language") or language_of(voice)
    place = f"<Say> in line {node.line}"
    if voice and not takes_voice(lang, voice):
        report("voice-language", f"{place}: the voice {voice} does not speak {lang}; the caller hears silence.")
    pieces = _said_in(node, lang)
    if any(HAN.search(text) and not is_chinese(piece_lang) for text, piece_lang in pieces):
        report("voice-language", f"{place}: Chinese text is given to a voice of another language.")

    text, written = spoken(node).strip(), _written(node)
    if not text:
        report("text", f"{place} says nothing.")
    if is_chinese(lang) or HAN.search(written):
        # A part in another language may keep its figures; the Chinese voice never sees it.
        chinese = written if not any(found.name == "lang" for found in inner) else _chinese_part(node, lang)
        if wrong := UNREADABLE.search(chinese):
            report("figures", f"{place}: {wrong[0]!r} reaches a Chinese voice; words were expected.")
    if (length := len(HAN.findall(text))) > LONGEST:
        report("han-length", f"{place} has {length} Han characters; at most {LONGEST} are allowed.")
    if any(unicodedata.category(character) == "Cc" for character in written):
        report("control", f"{place} holds a control character.")
    _check_markup(voice, inner, place, report)

    slow = any(_is_slow(found.attributes.get("rate", "")) for found in inner)
    seconds = _speech_seconds(text) * (1.5 if slow else 1.0)
    seconds += sum(_break_seconds(found) for found in inner if found.name == "break")
    return Say(text, lang, voice, slow, seconds, int(attributes.get("loop", "1")) or 1000)


def _chinese_part(node: Node, lang: str) -> str:
    """Return the text, aliases too, that is said in Chinese."""
    lang = node.attributes.get("xml:lang", lang)
    own = node.attributes.get("alias", "") + node.text() if is_chinese(lang) else ""
    return own + "".join(_chinese_part(child, lang) for child in node.elements())


def _check_markup(voice: str, inner: list[Node], place: str, report: Report) -> None:
    """Report markup that the voice does not take."""
    if inner and voice in ("man", "woman", "alice"):
        report("voice-markup", f"{place}: the voice {voice} takes no markup.")
    if "-Neural" in voice:
        for found in inner:
            # Neural voices take of prosody the rate alone.
            if extra := {"pitch", "volume"} & found.attributes.keys():
                report("voice-markup", f"{place}: the neural voice {voice} takes no {', '.join(sorted(extra))}.")
