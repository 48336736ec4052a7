"""Read a TwiML document into typed verbs, and report every rule of the carrier that it breaks."""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

from ivr.carrier.markup import Node, NotXml, read_tree
from ivr.carrier.overrides import wrong_url
from ivr.carrier.say import Say, read_say
from ivr.carrier.verbs import (
    Callee,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Queue,
    Record,
    Redirect,
    Reject,
    Verb,
)
from ivr.carrier.violations import Report
from ivr.carrier.vocabulary import TOP_LEVEL, VOCABULARY, Context, expected

_TEXT = frozenset({"Say", "Play", "Redirect", "Enqueue", "Queue", "Number", "Sip", "prosody", "lang", "sub", "p", "s"})
_URLS = frozenset({"action", "waitUrl", "url", "statusCallback", "recordingStatusCallback"})
_LAST = ("Hangup", "Redirect", "Reject")


def read_document(body: bytes, report: Report, context: Context = "call") -> tuple[Verb, ...] | None:
    """Return the verbs of a document; None where it is no TwiML at all (the carrier then calls the fallback URL).

    What breaks a rule is reported and, as far as it cannot be obeyed, left out.
    """
    try:
        root = read_tree(body)
    except NotXml as error:
        report("xml", str(error))
        return None
    if root.name != "Response":
        report("root", f"The root element is <{root.name}>; <Response> was expected.")
        return None
    _clean(root, TOP_LEVEL[context], context, report)
    nodes = root.elements()
    for node, following in pairwise(nodes):
        if node.name in _LAST:
            report("unreachable", f"<{following.name}> in line {following.line} follows <{node.name}>; nothing may.")
            break
    return tuple(verb for node in nodes if (verb := _VERBS[node.name](node, report)) is not None)


def _clean(node: Node, allowed: list[str], context: Context, report: Report) -> None:
    """Report and take out elements, attributes, values and text that do not belong to an element."""
    _clean_attributes(node, report)
    kept: list[Node | str] = []
    for child in node.children:
        if isinstance(child, str):
            if node.name in _TEXT:
                kept.append(child)
            elif child.strip():
                report(
                    "text", f"<{node.name}> in line {node.line} holds {child.strip()[:40]!r}; no text belongs there."
                )
        elif child.name not in VOCABULARY.elements or child.name == "Response":
            report("element", f"<{child.name}> in line {child.line} is unknown to the carrier.")
            if node.name in _TEXT:
                kept.append(child.all_text())
        elif child.name not in allowed:
            where = f"inside <{node.name}>" + ("" if context == "call" else f" of a {context} document")
            report("nesting", f"<{child.name}> in line {child.line} is not allowed {where}.")
        else:
            _clean(child, VOCABULARY.nesting.get(child.name, []), context, report)
            kept.append(child)
    node.children = kept


def _clean_attributes(node: Node, report: Report) -> None:
    for name, value in list(node.attributes.items()):
        place = f"{name}={value[:60]!r} of <{node.name}> in line {node.line}"
        fault: tuple[str, str] | None = None
        if name not in VOCABULARY.elements[node.name]:
            fault = "attribute", f"The attribute {place} is unknown to the carrier."
        elif any(unicodedata.category(character) == "Cc" for character in value):
            fault = "control", f"The attribute {place} holds a control character."
        elif wanted := expected(node.name, name, value):
            fault = "value", f"The attribute {place} has a wrong value; {wanted} was expected."
        elif name in _URLS and (wrong := wrong_url(value)):
            fault = "url", f"The attribute {place} is no URL that the carrier can request: {wrong}."
        if fault:
            report(*fault)
            # A language or voice that is wrong still tells which rule of speech to hold the text to.
            if name not in ("language", "xml:lang"):
                del node.attributes[name]


def _name(node: Node, report: Report) -> str | None:
    """Return the text of an element that names something; report it where it is empty or holds control characters."""
    text = node.text().strip()
    if not text:
        report("text", f"<{node.name}> in line {node.line} is empty.")
        return None
    if any(unicodedata.category(character) == "Cc" for character in text):
        report("control", f"<{node.name}> in line {node.line} holds a control character.")
        return None
    return text


def _url(node: Node, report: Report) -> str | None:
    url = _name(node, report)
    if url is not None and (wrong := wrong_url(url)):
        report("url", f"<{node.name}> in line {node.line} holds {url[:60]!r}, no URL the carrier can request: {wrong}.")
        return None
    return url


def _number(node: Node, attribute: str, default: int) -> int:
    return int(node.attributes.get(attribute, default))


def _say(node: Node, report: Report) -> Say | None:
    say = read_say(node, report)
    return say if say.text else None


def _play(node: Node, report: Report) -> Play | None:
    loop = _number(node, "loop", 1) or 1000
    digits = node.attributes.get("digits", "")
    if digits:
        if re.fullmatch("[0-9*#wWA-D]+", digits):
            return Play("", loop, digits)
        report("value", f"<Play> in line {node.line} has digits={digits!r}; keys of 0-9 * # w were expected.")
        return None
    url = _url(node, report)
    return None if url is None else Play(url, loop)


def _pause(node: Node, _report: Report) -> Pause:
    return Pause(_number(node, "length", 1))


def _gather(node: Node, report: Report) -> Gather:
    given = node.attributes
    prompts = (_VERBS[child.name](child, report) for child in node.elements())
    return Gather(
        action=given.get("action"),
        num_digits=int(given["numDigits"]) if "numDigits" in given else None,
        finish_on_key=given.get("finishOnKey", "#"),
        timeout=_number(node, "timeout", 5),
        action_on_empty=given.get("actionOnEmptyResult") == "true",
        barge_in=given.get("bargeIn") != "false",
        prompts=tuple(prompt for prompt in prompts if isinstance(prompt, Say | Play | Pause)),
    )


def _redirect(node: Node, report: Report) -> Redirect | None:
    url = _url(node, report)
    return None if url is None else Redirect(url)


def _enqueue(node: Node, report: Report) -> Enqueue | None:
    name, given = _name(node, report), node.attributes
    if name is None:
        return None
    return Enqueue(name, given.get("action"), given.get("waitUrl"), _number(node, "maxQueueSize", 100))


def _dial(node: Node, report: Report) -> Dial | None:
    targets: list[Callee | Queue] = []
    for child in node.elements():
        name, given = _name(child, report), child.attributes
        if name is None:
            continue
        if child.name == "Number" and not re.fullmatch(r"\+?[0-9]{2,15}", name):
            report("value", f"<Number> in line {child.line} holds {name[:40]!r}; a phone number was expected.")
        elif child.name == "Sip" and not re.fullmatch(r"sips?:[\x21-\x7e]+@[\x21-\x7e]+", name):
            report("value", f"<Sip> in line {child.line} holds {name[:40]!r}; an address sip:user@host was expected.")
        elif child.name == "Queue":
            targets.append(Queue(name, given.get("url")))
        else:
            targets.append(Callee(name, given.get("url"), given.get("statusCallback")))
    if not targets:
        if not node.children:
            report("text", f"<Dial> in line {node.line} has nobody to dial.")
        return None
    given = node.attributes
    timeout, limit = _number(node, "timeout", 30), _number(node, "timeLimit", 14_400)
    return Dial(tuple(targets), given.get("action"), given.get("callerId"), timeout, limit)


def _record(node: Node, report: Report) -> Record:
    keys = node.attributes.get("finishOnKey", "1234567890*#")
    if not re.fullmatch("[0-9*#]*", keys):
        report("value", f"<Record> in line {node.line} has finishOnKey={keys!r}; keys of 0-9 * # were expected.")
    return Record(node.attributes.get("action"), keys, _number(node, "maxLength", 3600), _number(node, "timeout", 5))


_VERBS: dict[str, Callable[[Node, Report], Verb | None]] = {
    "Say": _say,
    "Play": _play,
    "Pause": _pause,
    "Gather": _gather,
    "Redirect": _redirect,
    "Hangup": lambda _node, _report: Hangup(),
    "Leave": lambda _node, _report: Leave(),
    "Reject": lambda node, _report: Reject(node.attributes.get("reason", "rejected")),
    "Enqueue": _enqueue,
    "Dial": _dial,
    "Record": _record,
}
