"""What is said on a leg: to the agent before a caller is put through, in one sentence, and to the caller."""

from collections.abc import Iterable, Mapping
from typing import Final

from ivr.call import Utterance
from ivr.prompts import Catalog, speak
from ivr.speech import words

VERIFIED: Final = {True: "leg.verified", False: "leg.not_verified"}
ASKED: Final = {
    "balance": "leg.asked_balance",
    "years": "leg.asked_years",
    "details": "leg.asked_details",
    "status": "leg.asked_status",
    "policy": "leg.asked_policy",
    "password": "leg.asked_password",
}
"""What is said of the service that was asked for last, by its name in the main menu; nothing of any other."""
SPEAKS: Final = {"zh": "leg.speaks_zh", "yue": "leg.speaks_yue", "en": "leg.speaks_en"}

TAKE, CALL_BACK, CODE, REACH, GONE = "leg.take", "leg.call_back", "leg.code", "leg.reach", "leg.gone"

WARNING: Final = "agent.warning"
"""What the caller hears before the agent does."""

WHISPERS: Final = (
    *VERIFIED.values(),
    *ASKED.values(),
    *SPEAKS.values(),
    TAKE,
    CALL_BACK,
    CODE,
    REACH,
    GONE,
    WARNING,
)
"""Prompts that are spoken on legs; every catalog has them."""


def about_a_caller(
    catalogs: Mapping[str, Catalog], lang: str, *, verified: bool, asked: str, speaks: str
) -> tuple[Utterance, ...]:
    """Tell an agent who waits: "已验证，查询过余额，粤语。", and which key takes the call.

    `lang` is the agent's, `speaks` the caller's, `asked` the service that the caller asked for last.
    """
    about = _about(verified=verified, asked=asked, speaks=speaks)
    return (_joined(catalogs, lang, about), *speak(catalogs, TAKE, {}, lang))


def about_a_callback(
    catalogs: Mapping[str, Catalog], lang: str, *, verified: bool, asked: str, speaks: str, code: str
) -> tuple[Utterance, ...]:
    """Tell an agent whom to call back, the four digits that have to be said first, and which key goes on."""
    about = (CALL_BACK, *_about(verified=verified, asked=asked, speaks=speaks))
    first = speak(catalogs, CODE, {}, lang)[0]
    told = first._replace(text=f"{first.text}{_BETWEEN[lang]}{words(code, 'digits', lang)}{_FULL_STOP[lang]}")
    return (_joined(catalogs, lang, about), told, *speak(catalogs, REACH, {}, lang))


_BETWEEN: Final = {"zh": "", "yue": "", "en": " "}
_FULL_STOP: Final = {"zh": "。", "yue": "。", "en": "."}


def _about(*, verified: bool, asked: str, speaks: str) -> Iterable[str]:
    return (VERIFIED[verified], *([ASKED[asked]] if asked in ASKED else []), SPEAKS[speaks])


def _joined(catalogs: Mapping[str, Catalog], lang: str, prompts: Iterable[str]) -> Utterance:
    """Say several prompts without a break between them."""
    said = [one for prompt in prompts for one in speak(catalogs, prompt, {}, lang, offered=(lang,))]
    return said[0]._replace(text=_BETWEEN[lang].join(one.text for one in said))
