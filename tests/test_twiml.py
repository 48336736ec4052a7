"""Turns as TwiML: whatever a turn says, the strict reader finds valid verbs, and in them the very words."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.call import Ask, Dial, End, Listen, ListenMode, Next, Turn, Utterance, Wait
from ivr.carrier import verbs as verb
from ivr.carrier.say import HAN, Say
from ivr.carrier.twiml import read_document
from ivr.channels.twilio.twiml import HANG_UP, LONGEST_SAY, RETRIES, write
from ivr.flow import AgentGroup

URL = "https://hotline.example/twilio/turn/abc-_09"
GROUP = AgentGroup(numbers=("+12025550133", "sip:agents@switch.example:5061"), ring_seconds=25, hours={"zh": "九点"})
NOBODY = AgentGroup(numbers=(), hours={"zh": "九点"})

SPEECH_RULES = {"figures", "voice-language"}
"""What the reader says of words that no prompt has: about figures and Chinese in other voices, not about TwiML."""


def read(document: bytes, *, allowed: frozenset[str] = frozenset()) -> tuple[verb.Verb, ...]:
    broken: list[tuple[str, str]] = []
    verbs = read_document(document, lambda rule, detail: broken.append((rule, detail)))
    assert [one for one in broken if one[0] not in allowed] == []
    assert verbs is not None
    assert document.startswith(b"<")
    return verbs


def spoken(verbs: tuple[verb.Verb, ...]) -> list[Say]:
    prompts = [one for verb_ in verbs for one in (verb_.prompts if isinstance(verb_, verb.Gather) else (verb_,))]
    return [one for one in prompts if isinstance(one, Say)]


def squeezed(text: str) -> str:
    return "".join(one for one in text if not one.isspace() and unicodedata.category(one) not in ("Cc", "Cs"))


@pytest.mark.parametrize(
    ("mode", "digits", "finish"),
    [("key", 1, ""), ("number", None, "#"), ("six", 6, "#"), ("eight", 8, "#"), ("four", 4, "#")],
)
def test_what_is_listened_for(mode: ListenMode, digits: int | None, finish: str) -> None:
    (gather,) = read(write(Turn((Utterance("p", "zh", "请按一。"),), Listen(mode, 8, 10)), URL))
    assert isinstance(gather, verb.Gather)
    assert (gather.num_digits, gather.finish_on_key, gather.action_on_empty) == (digits, finish, True)
    assert (gather.action, gather.timeout) == (URL + RETRIES, 8 if mode == "key" else 10)
    assert [one.text for one in gather.prompts if isinstance(one, Say)] == ["请按一。"]


def test_waiting_goes_on_with_the_poll_after_the_words() -> None:
    say, redirect = read(write(Turn((Utterance("wait", "zh", "请稍候。"),), Wait()), URL))
    assert isinstance(say, Say)
    assert redirect == verb.Redirect(URL + RETRIES)


def test_a_dial_rings_all_numbers_of_the_group_and_nobody_else() -> None:
    (dial,) = read(write(Turn((), Dial("general")), URL, GROUP))
    assert isinstance(dial, verb.Dial)
    assert [one.address if isinstance(one, verb.Callee) else one for one in dial.targets] == list(GROUP.numbers)
    assert (dial.action, dial.timeout) == (URL + RETRIES, 25)


@pytest.mark.parametrize("group", [None, NOBODY])
def test_a_dial_of_nobody_goes_on_at_once(group: AgentGroup | None) -> None:
    """An empty <Dial> is no TwiML; the turn that follows tells the caller that nobody can be reached."""
    assert read(write(Turn((), Dial("general")), URL, group)) == (verb.Redirect(URL + RETRIES),)


def test_the_end_hangs_up_after_the_words() -> None:
    say, hang_up = read(write(Turn((Utterance("bye", "zh", "再见。"),), End()), ""))
    assert isinstance(say, Say)
    assert isinstance(hang_up, verb.Hangup)
    assert read(HANG_UP) == (verb.Hangup(),)


def test_a_question_is_no_document() -> None:
    with pytest.raises(TypeError, match="No TwiML can be written for Ask"):
        write(Turn((), Ask("verify", "846275")), URL)


@pytest.mark.parametrize(("lang", "voice"), [("zh", "cmn-CN"), ("yue", "yue-CN"), ("en", "en-US")])
@pytest.mark.parametrize("slow", [False, True])
def test_every_language_has_a_voice_that_speaks_it(lang: str, voice: str, slow: bool) -> None:
    text = "Goodbye." if lang == "en" else "再见。"
    (say,) = spoken(read(write(Turn((Utterance("p", lang, text, slow),), End()), "")))
    assert (say.text, say.lang, say.slow) == (text, voice, slow)


NEXT: list[Next] = [Listen("key", 8, 10), Listen("number", 8, 10), Wait(), Dial("general"), End()]


@given(
    st.lists(
        st.builds(
            Utterance,
            st.just("prompt"),
            st.sampled_from(["zh", "yue", "en"]),
            st.text(st.characters(), max_size=200) | st.text("<>&\"'\x00\x0b\ud800\ufffe\x85\n]]>中。", max_size=40),
            st.booleans(),
        ),
        max_size=4,
    ),
    st.sampled_from(NEXT),
)
@example([Utterance("p", "zh", "]]></Say><Dial>+8613800000000</Dial><Say>")], NEXT[0])
@example([Utterance("p", "zh", "<!-- --> <![CDATA[ &amp; &#0; &evil; <?x?>")], NEXT[0])
@example([Utterance("p", "zh", "\x00\x01\x1f\x7f\x80\x85\x9f\ufffe\uffff\ud800\u2028")], NEXT[0])
@example([Utterance("p", "zh", "")], NEXT[4])
@example([Utterance("p", "zh", " \n\t ")], NEXT[0])
def test_hostile_text_is_said_and_never_obeyed(say: list[Utterance], what: Next) -> None:
    verbs = read(write(Turn(tuple(say), what), URL, GROUP), allowed=frozenset(SPEECH_RULES))
    heard = "".join(one.text for one in spoken(verbs))
    assert squeezed(heard) == squeezed("".join(one.text for one in say)).replace("\ufffe", "").replace("\uffff", "")
    kinds = [type(one) for one in verbs if not isinstance(one, Say)]
    assert kinds == [{Listen: verb.Gather, Wait: verb.Redirect, Dial: verb.Dial, End: verb.Hangup}[type(what)]]


@given(st.text("中文。；！?. ", min_size=LONGEST_SAY, max_size=3 * LONGEST_SAY))
@example("长" * 4000)
@example("长" * 449 + "。" + "长" * 451 + "。")
def test_long_text_is_cut_into_pieces_that_a_voice_takes(text: str) -> None:
    says = spoken(read(write(Turn((Utterance("p", "zh", text),), End()), "")))
    assert squeezed("".join(one.text for one in says)) == squeezed(text)
    assert all(len(HAN.findall(one.text)) <= LONGEST_SAY for one in says)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_any_url_arrives_as_it_is(tail: str) -> None:
    url = f"https://hotline.example/{tail.replace('#', '')}"
    verbs = read(write(Turn((), Wait()), url), allowed=frozenset({"url"}))
    assert verbs in ((verb.Redirect(url + RETRIES),), ())
