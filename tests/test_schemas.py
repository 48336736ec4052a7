"""The JSON Schemas of the data files: current, true of the files there are, and as strict as an editor can be."""

import json
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from ivr import schemas
from ivr.__main__ import run
from ivr.library import EMERGENCY, LibraryError, build, default_dirs
from ivr.schemas import DATA_FILES
from ivr.yamlfile import read

FLOWS, PROMPTS = default_dirs()
FILES: Final = sorted([*FLOWS.glob("*.yaml"), *PROMPTS.glob("*.yaml")], key=str)
FILES.remove(FLOWS / EMERGENCY)  # it has no shape to speak of: a line a language, or nothing


def schema(name: str) -> dict[str, Any]:
    (kind,) = [kind for kind in DATA_FILES if kind.name == name]
    made: dict[str, Any] = json.loads(kind.text())
    return made


def fits(name: str, value: Any) -> bool:
    return jsonschema_rs.validator_for(schema(name)).is_valid(value)


def kind_of(path: Path) -> str:
    own = {"hotlines.yaml": "hotlines", "policy_facts.yaml": "policy_facts", "working_days.yaml": "working_days"}
    return own.get(path.name) or ("flow" if path.parent == FLOWS else "prompts")


def value_of(text: str | bytes) -> Any:
    file, problems = read("x.yaml", text.encode() if isinstance(text, str) else text)
    assert file is not None, problems
    return file.value


def test_the_schemas_of_the_package_are_current() -> None:
    assert [kind.schema_file for kind in schemas.stale()] == [], "run `ivr schemas --write`"


@pytest.mark.parametrize("kind", DATA_FILES, ids=lambda kind: kind.name)
def test_a_schema_is_one(kind: schemas.DataFile) -> None:
    made = schema(kind.name)
    jsonschema_rs.meta.validate(made)
    assert (made["$schema"], made["title"]) == (schemas.DIALECT, kind.title)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_files_of_the_package_fit(path: Path) -> None:
    assert {kind_of(file) for file in FILES} == {"flow", "hotlines", "policy_facts", "prompts", "working_days"}
    jsonschema_rs.validator_for(schema(kind_of(path))).validate(value_of(path.read_bytes()))


HOTLINE: Final = (
    'default: a\nnumbers: {"12333": a}\n'
    'hotlines: {a: {name: {zh: b}, region: "110105", languages: [zh], flow: f, '
    'agents: {general: {numbers: ["+861012345678"], hours: {zh: c}}}, limits: {silences: 2}}}'
)
FLOW: Final = (
    'flow: f\nstart: m\nlost: h\nkeys: {"0": h}\nnodes:\n'
    '  m: {kind: menu, say: [a.b, c], keys: {"1": s, "*": again}, any: s, wait: 3}\n'
    "  s: {kind: say, say: a, to: n}\n"
    "  n: {kind: collect, entry: number, say: a, wrong: {length: b}, outcomes: {entered: l}}\n"
    "  l: {kind: lookup, call: forget, outcomes: {done: c}}\n"
    "  c: {kind: call, flow: f, returns: {back: t}}\n"
    "  t: {kind: transfer, group: general, say: a, outcomes: {busy: h}}\n"
    "  h: {kind: hangup}\n"
    "  r: {kind: return, outcome: back}\n"
)
TEXTS: Final = "a: b\na.b: '{x:money}'\nc: [d, {en: e}, '{x:digits} {y:span}.']"
RIGHT: Final = {"flow": FLOW, "hotlines": HOTLINE, "prompts": TEXTS}


def refused_by_the_library(name: str, text: str) -> bool:
    """Tell whether the reader of the service refuses it as well, so that schema and reader cannot fall apart."""
    files = RIGHT | {name: text}
    sources = {
        "flows/f.yaml": files["flow"].encode(),
        "flows/hotlines.yaml": files["hotlines"].encode(),
        "prompts/zh.yaml": files["prompts"].encode(),
    }
    try:
        build(sources)
    except LibraryError:
        return True
    return False


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_service_reads_fits(name: str) -> None:
    assert fits(name, value_of(RIGHT[name]))
    assert not refused_by_the_library(name, RIGHT[name])


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("flow", "start: m", "begin: m"),
        ("flow", "flow: f", "flow: F"),
        ("flow", "lost: h", "lost: [h]"),
        ("flow", "kind: hangup", "kind: hang_up"),
        ("flow", "{kind: hangup}", "{}"),
        ("flow", "kind: hangup", "kind: hangup, to: m"),
        ("flow", "say: a, to: n", "say: a"),
        ("flow", "say: [a.b, c]", "say: [A.b, c]"),
        ("flow", "say: [a.b, c]", "say: 5"),
        ("flow", "say: [a.b, c]", "say: a b"),
        ("flow", "wait: 3", "wait: 61"),
        ("flow", "wait: 3", "wait: '3'"),
        ("flow", '"1": s', '"10": s'),
        ("flow", '"0": h', "A: h"),
        ("flow", "entry: number", "entry: card"),
        ("flow", "busy: h", "engaged: h"),
        ("flow", "done: c", "Done: c"),
        ("flow", "  h: {", "  again: {kind: hangup}\n  h: {"),
        ("flow", "  h: {", "  2h: {kind: hangup}\n  h: {"),
        ("hotlines", "default: a", "standard: a"),
        ("hotlines", '"12333": a', '"12": a'),
        ("hotlines", "languages: [zh]", "languages: []"),
        ("hotlines", "languages: [zh]", "languages: [de]"),
        ("hotlines", '"110105"', "110105"),
        ("hotlines", '"110105"', '"11010"'),
        ("hotlines", '"+861012345678"', '"01012345678"'),
        ("hotlines", "silences: 2", "silences: 4"),
        ("hotlines", "hours: {zh: c}", "hours: {zh: ''}"),
        ("hotlines", "flow: f", "flow: f, colour: red"),
        ("prompts", "a: b", "a:"),
        ("prompts", "a: b", "a: '  '"),
        ("prompts", "a: b", "A: b"),
        ("prompts", "a: b", "a: []"),
        ("prompts", "a: b", "a: 5"),
        ("prompts", "a: b", "a: {en: b}"),
        ("prompts", "{x:money}", "{x}"),
        ("prompts", "{x:money}", "{x:cash}"),
        ("prompts", "{x:money}", "{x.y:money}"),
        ("prompts", "{x:money}", "{x!r:money}"),
        ("prompts", "{x:money}", "{x:money"),
        ("prompts", "{x:money}", "a } b"),
        ("prompts", "{en: e}", "{de: e}"),
        ("prompts", "{en: e}", "{en: e, zh: f}"),
        ("prompts", "{en: e}", "{en: ''}"),
    ],
)
def test_what_the_service_refuses_does_not_fit(name: str, right: str, wrong: str) -> None:
    text = RIGHT[name].replace(right, wrong, 1)
    assert text != RIGHT[name]
    assert not fits(name, value_of(text))
    assert refused_by_the_library(name, text)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_shows_the_line_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schemas"]) == 0
    told = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in told] == [f"{kind.files}:" for kind in DATA_FILES]
    for line in told:
        comment = line[line.index("#") :]
        assert comment.startswith("# yaml-language-server: $schema=")
        assert Path(comment.partition("$schema=")[2]).is_file()


def test_the_command_writes_and_tells_what_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "schemas"
    assert run(["schemas", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err.count("is missing; `ivr schemas --write` writes it.\n") == len(DATA_FILES)
    assert run(["schemas", "--write", "--folder", str(folder)]) == 0
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == {
        kind.schema_file: kind.text() for kind in DATA_FILES
    }
    capsys.readouterr()
    (folder / "flow.schema.json").write_text("{}", "utf-8")
    assert run(["schemas", "--folder", str(folder)]) == 1
    assert capsys.readouterr().err == (
        f"{folder / 'flow.schema.json'} is not what the models say now; `ivr schemas --write` writes it.\n"
    )
    for wrong in ([], ["--write"]):
        assert run(["schemas", "--folder", str(folder / "flow.schema.json"), *wrong]) == 2
        assert capsys.readouterr().err.endswith("expected a folder.\n")
    assert run(["schemas", "--write", "--folder", str(folder / "flow.schema.json" / "x")]) == 2
    assert capsys.readouterr().err.endswith("expected a folder that can be.\n")
