"""The charts of the flows: every way of every flow is in them, nothing else is, and nothing in them breaks a form."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from ivr.__main__ import run
from ivr.drawing.chart import chart as drawn_of
from ivr.drawing.chart import hotline_at
from ivr.drawing.dot import dot
from ivr.drawing.mermaid import mermaid
from ivr.drawing.svg import svg
from ivr.flow import CallNode, MenuNode
from ivr.library import Library, build, default_dirs, load
from ivr.lint.plan import targets

LINE_FORMS: Final = (
    re.compile(r"flowchart TD"),
    re.compile(r'    subgraph (at\.\w+) \["(\w+)"\]'),
    re.compile(r"    end"),
)
TEXT: Final = r'"(?:[\w .,+-]|<br/>|#\d+;)*"'
BOX: Final = re.compile(rf"\s+(at(?:\.\w+){{2}})(?:\[\[{TEXT}\]\]|\(\[{TEXT}\]\)|\(\({TEXT}\)\)|\{{\{{{TEXT}\}}\}}"
                        rf"|\[/{TEXT}/\]|\[\\{TEXT}/\]|\[{TEXT}\]|\({TEXT}\)|\{{{TEXT}\}}|>{TEXT}\])")  # fmt: skip
ARROW: Final = re.compile(rf"    (at(?:\.\w+){{2}}) (-->|-\.->)(?:\|({TEXT})\|)? (at(?:\.\w+){{2}})")

HOTLINES: Final = """
default: end
numbers: {"12333": end, "12393": graph}
hotlines:
  graph: {name: {zh: 热线}, region: "110105", languages: [zh], flow: style}
  end: {name: {zh: 'a"<b>&|#`end;]\\n--> x'}, region: "110105", languages: [zh], flow: style}
"""
STYLE: Final = """
flow: style
start: end
lost: x
keys: {"*": x, "#": again}
nodes:
  end: {kind: say, say: [a, b.c], to: o}
  o: {kind: call, flow: graph, returns: {end: x, subgraph: nowhere}}
  x: {kind: hangup}
  default:
    kind: menu
    say: a
    offers:
      - {key: "5", to: x, say: a, last: 2026-12-20}
      - {key: "5", to: o, say: a, first: 2027-01-01, last: 2027-02-01}
    any: end
    silent: again
  click: {kind: call, flow: not_there, returns: {end: x}}
"""
GRAPH: Final = """
flow: graph
start: class
nodes:
  class: {kind: transfer, group: general, say: a, outcomes: {off_duty: a_b}}
  a_b: {kind: return, outcome: end}
"""
SOURCES: Final = {
    "flows/hotlines.yaml": HOTLINES.encode(),
    "flows/style.yaml": STYLE.encode(),
    "flows/graph.yaml": GRAPH.encode(),
    "prompts/zh.yaml": b"a: b",
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load(*default_dirs())


def mermaid_of(library: Library, only: str | None = None) -> str:
    return mermaid(drawn_of(library, only))


def read(chart: str) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    """Read boxes and arrows back from a chart; every line has to be one of the forms that Mermaid's grammar has."""
    boxes, arrows = [], []
    for line in chart.removesuffix("\n").split("\n"):
        if box := BOX.fullmatch(line):
            boxes.append(box[1])
        elif arrow := ARROW.fullmatch(line):
            arrows.append((arrow[1], arrow[2], plain(arrow[3] or ""), arrow[4]))
        else:
            assert any(form.fullmatch(line) for form in LINE_FORMS), line
    return boxes, arrows


def plain(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text.strip('"'))


def ways(library: Library, *flows: str) -> set[tuple[str, str, str, str]]:
    """Give what has to be drawn, found as the linter finds it: by the places in the files that name a node."""
    found = set()
    for flow in (library.flows[name] for name in flows or library.flows):
        for target in targets(flow):
            match target.path:
                case ("start",):
                    source, label = "START", ""
                case ("lost",):
                    source, label = "MENUS", "lost"
                case ("keys", key):
                    source, label = "MENUS", f"key {key}"
                case ("nodes", _, "offers", *_):
                    continue  # for their days, below
                case ("nodes", node, "keys", key):
                    source, label = str(node), f"key {key}"
                case ("nodes", node, "waiting", "keys", key):
                    source, label = str(node), f"key {key} in the queue"
                case ("nodes", node, field):
                    source, label = str(node), {"to": "", "any": "any other key", "silent": "silence"}[str(field)]
                case ("nodes", node, _, outcome):
                    source, label = str(node), str(outcome)
            found.add((f"at.{flow.flow}.{source}", "-->", label, f"at.{flow.flow}.{target.name}"))
        for name, made in flow.nodes.items():
            here = f"at.{flow.flow}.{name}"
            if isinstance(made, CallNode):
                found.add((here, "-.->", "", f"at.{made.flow}.START"))
            for offer in made.offers if isinstance(made, MenuNode) else ():
                since = f"from {offer.first} " if offer.first else ""
                label = f"key {offer.key} {since}until {offer.last}"
                found.add((here, "-->", label, f"at.{flow.flow}.{offer.to}"))
    return found


@pytest.mark.parametrize("made_of", [None, SOURCES])
def test_every_way_of_every_flow_is_drawn_and_no_other(library: Library, made_of: dict[str, bytes] | None) -> None:
    drawn = library if made_of is None else build(made_of)
    boxes, arrows = read(mermaid_of(drawn))
    entries = {
        (hotline_at(name), "-->", label, f"at.{first}.START")
        for name, hotline in drawn.hotlines.hotlines.items()
        for label, first in (("", hotline.flow), ("agents only", hotline.agents_only))
        if first
    }
    assert len(arrows) == len(set(arrows))
    assert set(arrows) == ways(drawn) | entries
    nodes = {f"at.{flow.flow}.{name}" for flow in drawn.flows.values() for name in flow.nodes}
    assert nodes <= set(boxes)
    assert len(boxes) == len(set(boxes))
    assert {place for source, _, _, target in arrows for place in (source, target)} <= set(boxes)


@pytest.mark.parametrize("name", ["main", "balance", "identify", "agent", "unavailable"])
def test_one_flow_is_drawn_with_the_flows_that_it_calls_by_name(library: Library, name: str) -> None:
    boxes, arrows = read(mermaid_of(library, name))
    assert set(arrows) == ways(library, name)
    called = {node.flow for node in library.flows[name].nodes.values() if isinstance(node, CallNode)}
    assert {box for box in boxes if not box.startswith(f"at.{name}.")} == {f"at.{flow}.START" for flow in called}


def test_the_chart_is_in_the_order_of_calls_and_files(library: Library) -> None:
    chart = mermaid_of(library)
    assert chart == mermaid_of(build(dict(sorted(library.sources.items(), reverse=True))))
    flows = re.findall(r'subgraph at\.\w+ \["(\w+)"\]', chart)
    assert flows[0] == "main"
    assert sorted(flows) == sorted(library.flows)
    boxes, _ = read(chart)
    for flow in library.flows.values():
        drawn = [box for box in boxes if box in {f"at.{flow.flow}.{name}" for name in flow.nodes}]
        assert drawn == [f"at.{flow.flow}.{name}" for name in flow.nodes]


def test_texts_are_escaped_and_missing_targets_are_drawn_as_missing() -> None:
    chart = mermaid_of(build(SOURCES))
    shown = re.findall(r'at\.HOTLINE\.\w+\["(.*)"\]', chart)
    assert [plain(text).split("<br/>", 1) for text in shown] == [
        ["hotline graph", "热线<br/>12393"],
        ["hotline end", 'a"<b>&|#`end;]\n--> x<br/>12333, every other number'.replace("\n", "\\n")],
    ]
    for line in (
        'at.style.nowhere>"nowhere<br/>is missing"]',
        'at.not_there.START[["flow not_there<br/>is missing"]]',
        'at.style.again>"hear it again"]',
        'at.style.end("end<br/>say a, b.c")',
        'at.graph.class[\\"class<br/>transfer general, a"/]',
        'at.style.MENUS -->|"key #42;"| at.style.x',
        'at.style.default -->|"any other key"| at.style.end',
        'at.style.default -->|"silence"| at.style.again',
        'at.style.default -->|"key 5 until 2026-12-20"| at.style.x',
        'at.style.default -->|"key 5 from 2027-01-01 until 2027-02-01"| at.style.o',
    ):
        assert f"    {line}\n" in chart, line


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, data in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    monkeypatch.setenv("IVR_FLOWS_DIR", str(tmp_path / "flows"))
    monkeypatch.setenv("IVR_PROMPTS_DIR", str(tmp_path / "prompts"))
    return tmp_path


@pytest.mark.usefixtures("folders")
def test_the_command_draws_the_flows_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    expected: list[tuple[list[str], str | None]] = [([], None), (["--flow", "graph"], "graph")]
    for options, only in expected:
        for form, write in (("mermaid", mermaid), ("dot", dot), ("svg", svg)):
            assert run(["draw", "--format", form, *options]) == 0
            assert capsys.readouterr().out == write(drawn_of(build(SOURCES), only))
    assert run(["draw"]) == 0
    assert capsys.readouterr().out == mermaid_of(build(SOURCES))


def test_the_command_says_what_is_wrong(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draw", "--flow", "grap"]) == 2
    assert capsys.readouterr().err == "--flow grap: expected one of graph and style. Did you mean 'graph'?\n"
    assert run(["draw", "--format", "png"]) == 2
    assert "mermaid" in capsys.readouterr().err
    (folders / "flows" / "graph.yaml").write_text("flow: graph\nstart: a\nnodes: {a: {kind: sing}}\n", "utf-8")
    assert run(["draw"]) == 1
    told: Any = capsys.readouterr()
    assert told.out == ""
    assert "graph.yaml:3:" in told.err
    assert told.err.endswith("Nothing is drawn until that is put right.\n")
