"""What an agent hears before a caller is put through, in the first language of the hotline."""

import pytest
from tampering import LIBRARY

from ivr.call import Utterance
from ivr.whispers import about_a_callback, about_a_caller

CALLERS = {
    "zh": ("已验证，查询过余额，粤语。", "接听，请按一。"),
    "yue": ("已經核實身份，查過餘額，廣東話。", "接聽，請按一。"),
    "en": ("verified, asked for the balance, speaks Cantonese.", "To take the call, press one."),
}
CALLBACKS = {
    "zh": ("回电，未验证，英语。", "请先说出四位暗号，零幺零七。", "接通对方，请按一。"),
    "yue": ("回電，未核實身份，英文。", "請先講出四位暗號，零一零七。", "接通對方，請按一。"),
    "en": (
        "callback, not verified, speaks English.",
        "Say the four-digit code first, zero one zero seven.",
        "To be connected, press one.",
    ),
}


def told(said: tuple[Utterance, ...], lang: str) -> tuple[str, ...]:
    assert {one.lang for one in said} == {lang}
    return tuple(one.text for one in said)


@pytest.mark.parametrize("lang", CALLERS)
def test_who_waits_is_told_in_one_sentence(lang: str) -> None:
    said = about_a_caller(LIBRARY.catalogs, lang, verified=True, asked="balance", speaks="yue")
    assert told(said, lang) == CALLERS[lang]


@pytest.mark.parametrize("lang", CALLBACKS)
def test_the_code_of_a_callback_is_told_digit_by_digit(lang: str) -> None:
    said = about_a_callback(LIBRARY.catalogs, lang, verified=False, asked="", speaks="en", code="0107")
    assert told(said, lang) == CALLBACKS[lang]
