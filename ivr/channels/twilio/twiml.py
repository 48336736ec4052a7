"""Turns written as TwiML: the one place where text meets XML."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ivr.call import Dial, End, Enqueue, Hold, Leave, Listen, ListenMode, Record, Turn, Utterance, Wait
from ivr.flow import AgentGroup

VOICES = {
    "zh": 'language="cmn-CN" voice="Polly.Zhiyu-Neural"',
    "yue": 'language="yue-CN" voice="Polly.Hiujin-Neural"',
    "en": 'language="en-US" voice="Polly.Joanna-Neural"',
}

RETRIES = "#rc=2&rp=all&rt=4800"
"""The carrier retries a webhook twice on any failure, 4.8 s each, within its 15 s in all."""

RECORD_PAUSE = 8
"""Seconds of silence that end a message; people who look for a word are not cut off."""

LONGEST_SAY = 450
"""Characters that one Say may hold."""

_MODES: dict[ListenMode, str] = {
    "key": 'numDigits="1" finishOnKey=""',
    "number": 'finishOnKey="#"',
    "six": 'numDigits="6" finishOnKey="#"',
    "eight": 'numDigits="8" finishOnKey="#"',
    "four": 'numDigits="4" finishOnKey="#"',
}

_UNSPEAKABLE = re.compile("[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SENTENCE = re.compile(r"[^。；！？.;!?]*[。；！？.;!?]?")
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
_BLANKS = (("\t", " "), ("\n", " "), ("\r", " "), ("\x85", " "))


class Queue(NamedTuple):
    """The carrier's queue of one caller: its name, and where the carrier goes on after it."""

    name: str
    url: str


def write(turn: Turn, url: str, group: AgentGroup | None = None, queue: Queue | None = None) -> bytes:
    """Write a turn as a TwiML document. `url` is where the carrier goes on; `group` is whom a Dial rings.

    `queue` is where an Enqueue puts the caller, whose turns there begin at `url`.
    """
    spoken = said(turn.say)
    match turn.next:
        case Listen(mode, first_wait, key_wait):
            # A Gather has one wait for the first key and between keys: an entry needs the longer one.
            wait = first_wait if mode == "key" else max(first_wait, key_wait)
            action = f'timeout="{wait}" action="{_escape(url + RETRIES)}" actionOnEmptyResult="true" method="POST"'
            verbs = f"<Gather {_MODES[mode]} {action}>{spoken}</Gather>"
        case Wait():
            verbs = f'{spoken}<Redirect method="POST">{_escape(url + RETRIES)}</Redirect>'
        case Dial() if group is not None and group.numbers:
            verbs = spoken + _dial(url, group)
        case Dial():  # nobody to ring: the turn that follows tells the caller so
            verbs = f'{spoken}<Redirect method="POST">{_escape(url + RETRIES)}</Redirect>'
        case Enqueue() if queue is not None:
            first, after = _escape(url + RETRIES), _escape(queue.url + RETRIES)
            urls = f'waitUrl="{first}" waitUrlMethod="POST" action="{after}" method="POST"'
            verbs = f"{spoken}<Enqueue {urls}>{_escape(queue.name)}</Enqueue>"
        case Hold(then, pause, wait):
            again = _escape(url + RETRIES)
            prompts = f'{spoken}<Pause length="{pause}"/>{said(then)}'
            verbs = f'<Gather {_MODES["key"]} timeout="{wait}" action="{again}" method="POST">{prompts}</Gather>'
            verbs += f'<Redirect method="POST">{again}</Redirect>'
        case Leave():
            verbs = f"{spoken}<Leave/>"
        case Record(longest):
            # Where nothing is recorded the carrier goes on with the next verb instead of the action.
            action = _escape(url + RETRIES)
            options = f'finishOnKey="#*" maxLength="{longest}" playBeep="true" timeout="{RECORD_PAUSE}"'
            verbs = f'{spoken}<Record action="{action}" method="POST" {options}/>'
            verbs += f'<Redirect method="POST">{action}</Redirect>'
        case End():
            verbs = f"{spoken}<Hangup/>"
        case other:
            raise TypeError(f"No TwiML can be written for {type(other).__name__}.")
    return document(verbs)


def document(verbs: str) -> bytes:
    """Give a document of verbs that are written already."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'.encode()


def said(utterances: Iterable[Utterance]) -> str:
    """Write what is said as verbs."""
    return "".join(_say(one) for one in utterances)


def link(url: str) -> str:
    """Write a URL that the carrier asks again where an answer fails, for an attribute or an element."""
    return _escape(url + RETRIES)


HANG_UP = b'<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>'
"""The answer to anything that comes after the end of a call."""


def _dial(url: str, group: AgentGroup) -> str:
    rings = "".join(
        f"<Sip>{_escape(target)}</Sip>" if target.startswith("sip:") else f"<Number>{_escape(target)}</Number>"
        for target in group.numbers
    )
    return f'<Dial action="{_escape(url + RETRIES)}" method="POST" timeout="{group.ring_seconds}">{rings}</Dial>'


def _say(utterance: Utterance) -> str:
    voice = VOICES[utterance.lang]
    begin, end = ('<prosody rate="slow">', "</prosody>") if utterance.slow else ("", "")
    pieces = (_escape(piece) for piece in _pieces(_replaced(utterance.text, _BLANKS)))
    return "".join(f"<Say {voice}>{begin}{piece}{end}</Say>" for piece in pieces if piece.strip())


def _pieces(text: str) -> Sequence[str]:
    """Split at the ends of sentences what is too long for one Say; a sentence that is too long is cut."""
    if len(text) <= LONGEST_SAY:
        return (text,)
    pieces = [""]
    for sentence in _cut(_SENTENCE.findall(text)):
        if len(pieces[-1]) + len(sentence) > LONGEST_SAY:
            pieces.append("")
        pieces[-1] += sentence
    return [piece for piece in pieces if piece]


def _cut(sentences: Iterable[str]) -> Iterable[str]:
    for sentence in sentences:
        for start in range(0, len(sentence), LONGEST_SAY):
            yield sentence[start : start + LONGEST_SAY]


def _escape(text: str) -> str:
    """Make any text safe inside an element or attribute; control characters and what XML cannot hold are left out."""
    return _replaced(_UNSPEAKABLE.sub("", text), _ESCAPES)


def _replaced(text: str, signs: Iterable[tuple[str, str]]) -> str:
    # Not by str.translate, which looks up every character of a text that nearly always has none of them.
    for sign, other in signs:
        text = text.replace(sign, other)
    return text
