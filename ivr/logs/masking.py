"""The one place where log text is masked: nothing personal stays readable in it, and nothing in it can forge a line."""

import re

LONGEST = 2000
"""Characters of one text that are told; what is longer is cut."""

_CN_DIGITS = "零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖"

_MASKS = (
    # A URL of a call is a key to it as long as the call lasts.
    (re.compile(r"(/twilio/[a-z]+/)[^\s\"'<>]+"), r"\1…"),
    # A password within a URL, and whatever authorises somebody.
    (re.compile(r"(://)[^/\s@]+@"), r"\1…@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), r"\1 …"),
    (re.compile(r"(?i)\b(token|secret|signature|password|pin|key)([=:]\s?)[^\s,;]+"), r"\1\2…"),
)

# Six digits are a password, nine to nineteen a number or a telephone: of any script (\d), however they are set apart,
# with the X of an ID number. CallSids are the exception: they are how a line is found, and tell nothing by themselves;
# and days of these years, on which an operator has to do something.
_DIGIT = rf"[\d{_CN_DIGITS}]"
_APART = r"""[ ,\-_·*#'"]{0,4}"""
_DIGITS = re.compile(rf"\+?{_DIGIT}(?:{_APART}{_DIGIT}){{5,}}[xX*]?")
_KEPT = re.compile(r"\bCA[0-9a-fA-F]{32}\b|(?<!\d)20[2-9]\d-[01]\d-[0-3]\d(?!\d)")

# Control and format characters, line and paragraph separators, lone surrogates: what terminals and viewers obey.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff]"
)


def masked(text: str) -> str:
    """Mask a text: digits as `…`, tokens of URLs, credentials; characters that are none to look at become `�`."""
    text = _UNPRINTABLE.sub("\ufffd", text[:LONGEST] + ("…" if len(text) > LONGEST else ""))
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    pieces, at = [], 0
    for kept in _KEPT.finditer(text):
        pieces += [_DIGITS.sub("…", text[at : kept.start()]), kept[0]]
        at = kept.end()
    return "".join([*pieces, _DIGITS.sub("…", text[at:])])


def masked_value(value: object) -> object:
    """Mask a field of any kind; numbers only where they are as long as a password."""
    match value:
        case None | bool():
            return value
        case int() | float():
            return value if abs(value) < 100_000 else "…"
        case str():
            return masked(value)
        case list() | tuple():
            return [masked_value(one) for one in value]
        case dict():
            return {masked(str(name)): masked_value(one) for name, one in value.items()}
        case other:
            # Not its text: whoever logs an object has not thought of what its repr tells.
            return type(other).__name__
