"""What the map tells of a node: what it says, in every language, and where it leads; and where a word is found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ivr.call_records.figures import Drop, Tally
from ivr.call_records.ways import Place
from ivr.drawing.chart import arrows
from ivr.flow import ANNOUNCEMENTS, CallNode, CollectNode, MenuNode, Node, SayNode, TransferNode, Waiting
from ivr.library import Library
from ivr.speech import LANGUAGES

KINDS: Final = {
    "say": "播报",
    "menu": "菜单",
    "collect": "输入",
    "lookup": "查询",
    "call": "进入流程",
    "return": "返回",
    "transfer": "转人工",
    "record": "录音",
    "hangup": "挂机",
}
LANGUAGE_NAMES: Final = {"zh": "普通话", "yue": "粤语", "en": "英语"}

_FIELDS: Final = {
    "say": "说",
    "repeat": "再次听到时",
    "senior": "六十岁以上",
    "help": "第二次起补充",
    "kept": "沿用已输入的",
}
_WAITING: Final = {
    "position": "排队时，前面还有人",
    "next": "排队时，下一位就是",
    "minutes": "排队时，知道要等多久",
    "patience": "排队时，继续等",
    "options": "排队时，可以按的键",
}
DROP_NAMES: Final[Mapping[Drop, str]] = {
    "hung_up": "没有答案就挂机",
    "agent": "改找人工",
    "silence": "一直不按键",
    "wrong_keys": "一直按错",
}
MOST_HITS: Final = 40


class Said(NamedTuple):
    """A prompt that a node says: on what occasion, its id, and its text in each language that has it."""

    occasion: str
    prompt: str
    texts: Sequence[tuple[str, str, str]]


class Way(NamedTuple):
    """A way out of a node: its key or outcome, and the node that it leads to, which may be missing or `again`."""

    label: str
    flow: str
    node: str
    leads: bool


class NodeRead(NamedTuple):
    """A node as the map shows it: `does` is what its file has of it besides prompts and ways."""

    flow: str
    name: str
    kind: str
    does: Sequence[tuple[str, str]]
    said: Sequence[Said]
    ways: Sequence[Way]
    into: str


class Hit(NamedTuple):
    """A node in which a word is found, and where in it."""

    flow: str
    node: str
    kind: str
    text: str


def read_node(library: Library, flow: str, name: str) -> NodeRead | None:
    """Read a node; None where there is none of this name."""
    node = library.flows[flow].nodes.get(name) if flow in library.flows else None
    if node is None:
        return None
    ways = [
        Way(arrow.label, flow, target, target in library.flows[flow].nodes)
        for arrow in arrows(library, flow)
        if arrow.edge is not None and (arrow.edge.flow, arrow.edge.node) == (flow, name)
        for target in [arrow.target.rpartition(".")[2]]
    ]
    said = [Said(occasion, prompt, _texts(library, prompt)) for occasion, prompt in _said(node)]
    into = node.flow if isinstance(node, CallNode) and node.flow in library.flows else ""
    return NodeRead(flow, name, KINDS[node.kind], list(_does(node)), said, ways, into)


def found(library: Library, wanted: str) -> list[Hit]:
    """Find a word in names of flows and nodes, in names of prompts, and in what they say; names come first."""
    word = wanted.casefold()
    named, spoken = [], []
    for flow in library.flows.values():
        for name, node in flow.nodes.items():
            kind = KINDS[node.kind]
            if word in f"{flow.flow} {name}".casefold():
                named.append(Hit(flow.flow, name, kind, ""))
            elif (text := _heard(library, node, word)) is not None:
                spoken.append(Hit(flow.flow, name, kind, text))
    return (named + spoken)[:MOST_HITS]


def _heard(library: Library, node: Node, word: str) -> str | None:
    for _, prompt in _said(node):
        texts = [text for _, _, text in _texts(library, prompt)]
        for text in (prompt, *texts):
            if word in text.casefold():
                return text
    return None


def _said(node: Node) -> Iterator[tuple[str, str]]:
    for field, occasion in _FIELDS.items():
        yield from ((occasion, prompt) for prompt in getattr(node, field, ()))
    match node:
        case CollectNode():
            yield from ((f"输入有误（{reason}）", prompt) for reason, prompt in node.wrong.items())
        case SayNode():
            yield from ((f"逐条播报（{kind}）", prompt) for kind, prompt in node.rows.items())
        case MenuNode():
            yield from ((f"到 {offer.last} 为止", offer.say) for offer in node.offers)
        case TransferNode(waiting=Waiting() as waiting):
            for field, occasion in _WAITING.items():
                yield from ((occasion, prompt) for prompt in getattr(waiting, field))


def _texts(library: Library, prompt: str) -> list[tuple[str, str, str]]:
    """Give a prompt in every language: the language's code, its name, and the text."""
    if prompt == ANNOUNCEMENTS:
        return [("zh", "", "当天的公告")]
    return [
        (lang, LANGUAGE_NAMES[lang], "".join(one.text for one in library.catalogs[lang].prompts[prompt].segments))
        for lang in LANGUAGES
        if lang in library.catalogs and prompt in library.catalogs[lang].prompts
    ]


def _does(node: Node) -> Iterator[tuple[str, str]]:
    names = {
        "entry": "输入内容",
        "call": "查询项",
        "flow": "进入",
        "outcome": "结果",
        "group": "坐席组",
        "wait": "等待秒数",
    }
    for field, name in names.items():
        value = getattr(node, field, None)
        if value is not None:
            yield name, str(value)


def figures_of(tally: Tally, node: NodeRead) -> list[tuple[str, int]]:
    """Give what calls did at a node, in words: how often they came, and how they were lost there."""
    here = Place(node.flow, node.name)
    came = tally.visits[here] or sum(count for edge, count in tally.edges.items() if (edge.flow, edge.node) == here)
    return [("到过", came), *((name, tally.drops[here, drop]) for drop, name in DROP_NAMES.items())]
