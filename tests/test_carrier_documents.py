"""Every rule of the carrier has an answer that breaks it, and is refused by that rule and no other."""

import json
from importlib.resources import files

import pytest

from ivr.carrier.overrides import Miss, Retrying, retrying
from ivr.carrier.say import Say
from ivr.carrier.twiml import read_document
from ivr.carrier.verbs import Callee, Dial, Enqueue, Gather, Hangup, Leave, Pause, Play, Queue, Record, Redirect
from ivr.carrier.vocabulary import SHAPES, VOCABULARY, Context
from ivr.carrier.webhook import Exchange, read_answer, read_receipt

ZH = '<Say language="cmn-CN" voice="Polly.Zhiyu-Neural">{}</Say>'


def broken(inner: str, context: Context = "call") -> list[str]:
    """Return the rules that a document breaks."""
    rules: list[str] = []
    body = f"<Response>{inner}</Response>".encode()
    read_document(body, lambda rule, _detail: rules.append(rule), context)
    return rules


GOOD: list[tuple[Context, str]] = [
    ("call", ZH.format("您好")),
    ("call", ZH.format("您" * 450)),
    ("call", ZH.format('<prosody rate="85%">您好<break time="300ms"/></prosody>')),
    ("call", ZH.format('请说<sub alias="一二三">幺二三</sub>')),
    ("call", ZH.format('您好<lang xml:lang="en-US">press 8</lang>')),
    ("call", ZH.format("<p><s>您好</s></p>")),
    ("call", '<Say voice="Polly.Zhiyu">您好</Say>'),
    ("call", '<Say language="zh-CN">您好</Say>'),
    ("call", '<Say language="yue-CN" voice="Polly.Hiujin-Neural">您好</Say>'),
    ("call", '<Say language="yue-HK" voice="Google.yue-HK-Standard-B">您好</Say>'),
    ("call", '<Say language="cmn-TW" voice="Google.cmn-TW-Wavenet-A">您好</Say>'),
    ("call", '<Say language="en-US" voice="Polly.Joanna-Neural">Press 8, 5% off</Say>'),
    (
        "call",
        '<Gather numDigits="1" finishOnKey="" actionOnEmptyResult="true" timeout="8" action="/a#rc=2&amp;rp=all"/>',
    ),
    ("call", "<Gather><Say>hello</Say><Play>/a.mp3</Play><Pause/></Gather>"),
    ("call", '<Dial action="/d" timeout="20"><Number url="/w">+861012333</Number></Dial>'),
    ("call", '<Dial><Queue url="/q">agents</Queue></Dial>'),
    ("call", "<Dial><Sip>sip:desk@switch.example</Sip></Dial>"),
    ("call", '<Enqueue waitUrl="/wait" action="/after">agents</Enqueue>'),
    ("call", '<Record action="/r" maxLength="60" finishOnKey="#"/>'),
    ("call", '<Reject reason="busy"/>'),
    ("call", '<Play digits="1w2#"/>'),
    ("wait", "<Leave/>"),
    ("wait", '<Say>hello</Say><Gather action="/l"/><Redirect>/w</Redirect>'),
    ("whisper", "<Gather><Say>hello</Say></Gather><Hangup/>"),
    ("queue-url", "<Say>hello</Say><Redirect>/q</Redirect>"),
]


@pytest.mark.parametrize(("context", "inner"), GOOD)
def test_what_the_carrier_takes_is_not_refused(context: Context, inner: str) -> None:
    assert broken(inner, context) == []


BAD = [
    # unknown elements, wrong nesting, stray text
    ("element", "<Message>hello</Message>"),
    ("element", "<say>hello</say>"),
    ("element", ZH.format("<emphasis>您</emphasis>")),
    ("element", ZH.format('<say-as interpret-as="characters">您</say-as>')),
    ("nesting", "<Number>+861012333</Number>"),
    ("nesting", "<Gather><Redirect>/a</Redirect></Gather>"),
    ("nesting", "<Gather><Gather/></Gather>"),
    ("nesting", ZH.format("您<prosody><p>好</p></prosody>")),
    ("nesting", "<Leave/>"),
    ("element", "<Response/>"),
    ("text", "hello"),
    ("text", "<Gather>hello</Gather>"),
    ("text", "<Dial>+861012333<Number>+861012333</Number></Dial>"),
    ("text", "<Say> </Say>"),
    ("text", "<Redirect/>"),
    ("text", "<Play/>"),
    ("text", "<Enqueue> </Enqueue>"),
    ("text", "<Dial/>"),
    # attributes and their values
    ("attribute", '<Say lang="cmn-CN">hello</Say>'),
    ("attribute", '<Gather numdigits="1"/>'),
    ("attribute", '<Hangup reason="x"/>'),
    ("attribute", '<Redirect action="/a">/a</Redirect>'),
    ("value", '<Gather method="GET"/>'),
    ("value", '<Gather input="dtmf speech"/>'),
    ("value", '<Gather numDigits="0"/>'),
    ("value", '<Gather numDigits="1.5"/>'),
    ("value", '<Gather timeout="auto"/>'),
    ("value", '<Gather timeout="601"/>'),
    ("value", '<Gather finishOnKey="##"/>'),
    ("value", '<Gather actionOnEmptyResult="True"/>'),
    ("value", '<Gather bargeIn="yes"/>'),
    ("value", '<Pause length="0"/>'),
    ("value", '<Pause length="٣"/>'),
    ("value", '<Reject reason="closed"/>'),
    ("value", '<Say voice="Polly.Nobody">hello</Say>'),
    ("value", '<Say language="fr-FR">bonjour</Say>'),
    ("value", '<Say loop="1001">hello</Say>'),
    ("value", ZH.format('您<break time="1m"/>')),
    ("value", ZH.format('<prosody rate="percent">您</prosody>')),
    ("value", ZH.format('<prosody rate="5%">您</prosody>')),
    ("value", '<Dial ringTone="mars"><Number>+861012333</Number></Dial>'),
    ("value", '<Record trim="yes"/>'),
    ("value", '<Record finishOnKey="A"/>'),
    ("value", '<Play digits="1,2"/>'),
    ("value", "<Dial><Number>agent</Number></Dial>"),
    ("value", "<Dial><Sip>desk@switch.example</Sip></Dial>"),
    ("value", '<Dial><Number statusCallbackEvent="gone">+861012333</Number></Dial>'),
    # URLs and the overrides in their fragments
    ("url", '<Gather action=""/>'),
    ("url", '<Gather action="/a b"/>'),
    ("url", '<Gather action="/您好"/>'),
    ("url", '<Gather action="/a#rc=6"/>'),
    ("url", '<Gather action="/a#rp=never"/>'),
    ("url", '<Gather action="/a#rt=5"/>'),
    ("url", '<Gather action="/a#rt=20000"/>'),
    ("url", '<Gather action="/a#rc=1&amp;rc=2"/>'),
    ("url", '<Gather action="/a#top"/>'),
    ("url", "<Redirect>ftp://hotline.example/a</Redirect>"),
    ("url", '<Enqueue waitUrl="mailto:x">agents</Enqueue>'),
    # nothing follows the end
    ("unreachable", "<Hangup/><Say>hello</Say>"),
    ("unreachable", "<Redirect>/a</Redirect><Hangup/>"),
    ("unreachable", "<Reject/><Pause/>"),
    # speech
    ("han-length", ZH.format("您" * 451)),
    ("han-length", ZH.format("您" * 449 + '<sub alias="您好">您</sub>')),
    ("figures", ZH.format("余额12元")),
    ("figures", ZH.format("余额¥十二")),
    ("figures", ZH.format("余额￥十二")),
    ("figures", ZH.format("百分之二%")),
    ("figures", ZH.format("余额１２元")),
    ("figures", ZH.format('<sub alias="一">1</sub>')),
    ("figures", ZH.format('<sub alias="12333">您</sub>')),
    ("figures", '<Say language="en-US" voice="Polly.Joanna">For <lang xml:lang="cmn-CN">按1</lang></Say>'),
    ("figures", '<Say language="yue-HK" voice="Google.yue-HK-Standard-A">撳1</Say>'),
    ("voice-language", '<Say language="yue-HK" voice="Polly.Zhiyu">您好</Say>'),
    ("voice-language", '<Say language="yue-HK" voice="Polly.Hiujin-Neural">您好</Say>'),
    ("voice-language", '<Say language="zh-CN" voice="Polly.Zhiyu-Neural">您好</Say>'),
    ("voice-language", '<Say language="cmn-CN" voice="Polly.Joanna-Neural">hello</Say>'),
    ("voice-language", '<Say language="en-US" voice="Polly.Joanna-Neural">您好</Say>'),
    ("voice-language", '<Say language="zh-CN" voice="woman">您好</Say>'),
    ("voice-language", "<Say>您好</Say>"),
    ("voice-markup", ZH.format('<prosody pitch="high">您</prosody>')),
    ("voice-markup", ZH.format('<prosody volume="loud">您</prosody>')),
    ("voice-markup", '<Say language="zh-CN" voice="alice">您<break/></Say>'),
    ("control", ZH.format("您&#9;好")),
    ("control", ZH.format("您&#133;好")),
    ("control", '<Gather action="/a&#10;"/>'),
    ("control", "<Redirect>/a&#127;b</Redirect>"),
]


@pytest.mark.parametrize(("rule", "inner"), BAD)
def test_a_broken_rule_is_reported_once_by_its_name(rule: str, inner: str) -> None:
    assert broken(inner) == [rule]


PLACES: list[tuple[Context, str]] = [
    ("wait", "<Enqueue>agents</Enqueue>"),
    ("wait", "<Dial><Number>+861012333</Number></Dial>"),
    ("wait", "<Record/>"),
    ("wait", "<Reject/>"),
    ("whisper", "<Dial><Number>+861012333</Number></Dial>"),
    ("whisper", "<Leave/>"),
    ("whisper", "<Enqueue>agents</Enqueue>"),
    ("queue-url", "<Gather/>"),
    ("queue-url", "<Hangup/>"),
    ("queue-url", "<Leave/>"),
]


@pytest.mark.parametrize(("context", "inner"), PLACES)
def test_a_verb_out_of_its_place_is_reported(context: Context, inner: str) -> None:
    assert broken(inner, context) == ["nesting"]


def test_several_faults_are_all_told() -> None:
    assert broken('<Say bad="1">余额1元</Say><Fax/>') == ["attribute", "element", "voice-language", "figures"]


def answer(body: bytes, status: int = 200, content_type: str | None = "text/xml", elapsed: float = 0.1) -> Exchange:
    headers = {} if content_type is None else {"content-type": content_type}
    return Exchange("https://h.example/twilio/voice", {}, status, body, elapsed, headers=headers)


OK = b'<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>'
EXACTLY_64_KB = b"<Response><!--" + b"x" * (65_536 - 28) + b"--></Response>"
ANSWERS = [
    ("content-type", 12300, answer(OK, content_type="application/xml")),
    ("content-type", 12300, answer(OK, content_type="text/html; charset=utf-8")),
    ("content-type", 12300, answer(OK, content_type=None)),
    ("first-byte", 12100, answer(b"\n" + OK)),
    ("first-byte", 12100, answer(b"\xef\xbb\xbf" + OK)),
    ("first-byte", 12100, answer(b"")),
    ("root", 12100, answer(b"<response/>")),
    ("root", 12100, answer(b"<html/>")),
    ("xml", 12100, answer(b"<Response>")),
    ("xml", 12100, answer(b"<Response/><Response/>")),
    ("xml", 12100, answer(b"<Response><Say>\x01</Say></Response>")),
    ("xml", 12100, answer(b"<Response><Say>&#1;</Say></Response>")),
    ("xml", 12100, answer(b"<Response><Say>\xff</Say></Response>")),
    ("xml", 12100, answer(b"<Response><Say>a & b</Say></Response>")),
    ("xml", 12100, answer(b'<Response><Gather timeout="1" timeout="2"/></Response>')),
    ("xml", 12100, answer(b'<!DOCTYPE x [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>')),
    ("xml", 12100, answer(b'<?xml version="1.0" encoding="GBK"?><Response/>')),
    ("xml", 12100, answer(b"<Response>" + b"<p>" * 500 + b"</p>" * 500 + b"</Response>")),
    ("size", 11750, answer(EXACTLY_64_KB + b" ")),
    ("redirected", 11200, answer(b"", status=307)),
    ("redirected", 11200, answer(OK, status=301)),
    ("status", 11200, answer(OK, status=404)),
    ("status", 11200, answer(OK, status=500)),
    ("status", 0, answer(OK, status=201)),
    ("late", 0, answer(OK, elapsed=5.1)),
]


@pytest.mark.parametrize(("rule", "code", "exchange"), ANSWERS)
def test_a_broken_answer_is_reported_with_the_carriers_error_code(rule: str, code: int, exchange: Exchange) -> None:
    found = read_answer(exchange)
    assert ([violation.rule for violation in found.violations], found.error_code) == ([rule], code)
    assert (found.verbs is None) == (code != 0)


@pytest.mark.parametrize(
    "exchange", [answer(OK), answer(OK, content_type="text/xml; charset=utf-8"), answer(EXACTLY_64_KB)]
)
def test_a_good_answer_is_not_refused(exchange: Exchange) -> None:
    assert read_answer(exchange).violations == ()


@pytest.mark.parametrize(
    ("status", "elapsed", "rules"), [(204, 0.1, []), (200, 0.1, ["status-callback"]), (204, 6.0, ["status-callback"])]
)
def test_a_status_callback_is_answered_with_204(status: int, elapsed: float, rules: list[str]) -> None:
    assert [violation.rule for violation in read_receipt(answer(b"", status, elapsed=elapsed))] == rules


def test_a_violation_reads_as_a_sentence_with_its_document() -> None:
    violation = read_answer(answer(b"<Response><Fax/></Response>")).violations[0]
    assert str(violation) == "https://h.example/twilio/voice: <Fax> in line 1 is unknown to the carrier. [element]"
    assert violation.document == "<Response><Fax/></Response>"


def verbs(inner: str) -> object:
    rules: list[tuple[str, str]] = []
    found = read_document(f"<Response>{inner}</Response>".encode(), lambda *fault: rules.append(fault))
    assert rules == []
    assert found is not None
    return found[0]


READ = [
    ("<Gather/>", Gather(None, None, "#", 5, False, True, ())),
    (
        '<Gather action="/a" numDigits="6" finishOnKey="" timeout="8" actionOnEmptyResult="true"><Pause/></Gather>',
        Gather("/a", 6, "", 8, True, True, (Pause(1),)),
    ),
    (ZH.format("您好，请按一"), Say("您好，请按一", "cmn-CN", "Polly.Zhiyu-Neural", False, 2.0)),
    (
        ZH.format('<prosody rate="80%">您好吗<break time="500ms"/></prosody>'),
        Say("您好吗", "cmn-CN", "Polly.Zhiyu-Neural", True, 2.0),
    ),
    ("<Say>press one now please ok</Say>", Say("press one now please ok", "en-US", "", False, 2.0)),
    (ZH.format('<sub alias="一二">幺二</sub>三'), Say("一二三", "cmn-CN", "Polly.Zhiyu-Neural", False, 1.0)),
    ('<Play loop="2">/a.mp3</Play>', Play("/a.mp3", 2)),
    ("<Redirect>/a#rc=2</Redirect>", Redirect("/a#rc=2")),
    ("<Hangup/>", Hangup()),
    ('<Enqueue waitUrl="/w" maxQueueSize="3">a</Enqueue>', Enqueue("a", None, "/w", 3)),
    ('<Dial timeout="9"><Number url="/w">12333</Number></Dial>', Dial((Callee("12333", "/w"),), None, None, 9)),
    ('<Dial><Queue url="/q">a</Queue></Dial>', Dial((Queue("a", "/q"),))),
    ('<Record maxLength="9" finishOnKey="#"/>', Record(None, "#", 9, 5)),
]


@pytest.mark.parametrize(("inner", "verb"), READ)
def test_documents_become_typed_verbs(inner: str, verb: object) -> None:
    assert verbs(inner) == verb


def test_leave_is_read_in_a_wait_document() -> None:
    assert read_document(b"<Response><Leave/></Response>", lambda *_: None, "wait") == (Leave(),)


def test_every_kind_of_value_in_the_vocabulary_is_enforced() -> None:
    kinds = {
        kind
        for attributes in VOCABULARY.elements.values()
        for kind in attributes.values()
        if isinstance(kind, str) and not kind.startswith("integer ")
    }
    assert kinds == SHAPES.keys()
    assert json.loads(files("ivr.carrier").joinpath("vocabulary.json").read_text("utf-8"))["nesting"]["Enqueue"] == []


def test_overrides_are_read_from_the_fragment() -> None:
    everything: frozenset[Miss] = frozenset({"connect", "read-timeout", "lost", "4xx", "5xx"})
    assert retrying("https://h.example/a#rc=2&rp=all&rt=5000") == Retrying(2, everything, 5.0, 5.0, 15.0)
    assert retrying("https://h.example/a") == Retrying(1, frozenset({"connect"}), 5.0, 15.0, 15.0)
