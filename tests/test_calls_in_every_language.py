"""Every call script in the other languages of its hotline: the same ways, the same prompts, and no prompt unheard."""

import asyncio

import pytest
from call_scripts import Script, scripts
from engine_caller import EngineCaller

from ivr.library import default_dirs, load
from ivr.whispers import WHISPERS

LIBRARY = load(*default_dirs())

SPOKEN_BY_THE_DRIVER = {"wait", "trouble.retry", "trouble.sorry", "call.shed"}
"""Heard where work is slow, lost or broken, or too many call, which no call script brings about."""


def _spoken_in(lang: str) -> list[Script]:
    """Give the scripts of hotlines that offer a language; those that change it themselves are told in their own."""
    return [
        script
        for script in scripts()
        if lang in LIBRARY.hotline_for(script.to)[1].languages
        and not any(line.press in ("7", "8") for line in script.lines)
    ]


@pytest.mark.parametrize("lang", ["yue", "en"])
def test_every_script_and_every_prompt(lang: str) -> None:
    async def play() -> set[str]:
        heard: set[str] = set()
        for script in _spoken_in(lang):
            caller = EngineCaller(LIBRARY, script, lang)
            try:
                await caller.plays()
            except AssertionError as error:
                raise AssertionError(f"{script.call} ({lang}): {error}") from error
            heard |= {prompt for prompt, spoken in caller.spoken if spoken == lang}
        return heard

    heard = asyncio.run(play())
    terms = {prompt for declared in LIBRARY.policy.terms.values() for prompt in declared}
    sentences = {
        prompt for prompt in LIBRARY.catalogs[lang].prompts if not prompt.startswith(("text.", "city.", "scheme."))
    }
    unheard = sentences - heard - terms - SPOKEN_BY_THE_DRIVER - set(WHISPERS)
    assert unheard == set()
