"""Reading the data files: strict YAML, sentences for authors, and one hash for what the files say."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.library import Library, LibraryError, build, default_dirs, load, version_of
from ivr.problems import Problem
from ivr.yamlfile import MAX_BYTES, Position, read

GOOD: dict[str, str] = {
    "flows/hotlines.yaml": """\
default: main
numbers: {"12333": main, "+861012393": other}
hotlines:
  main:
    name: {zh: 社保热线}
    region: "110105"
    languages: [zh]
    flow: main
  other: {name: {zh: 医保热线}, region: "110105", languages: [zh], flow: main}
""",
    "flows/main.yaml": """\
flow: main
start: hello
nodes:
  hello: {kind: say, say: main.hello, to: goodbye}
  goodbye: {kind: hangup}
""",
    "prompts/zh.yaml": "main.hello: 您好。\n",
}


def files(**changes: str | bytes | None) -> dict[str, bytes]:
    """Give the good files with some replaced or taken out; ``__`` stands for the folder's slash."""
    given: dict[str, str | bytes | None] = dict(GOOD)
    given |= {f"{name.replace('__', '/')}.yaml": text for name, text in changes.items()}
    return {name: text.encode() if isinstance(text, str) else text for name, text in given.items() if text is not None}


def problems_of(sources: dict[str, bytes]) -> list[Problem]:
    with pytest.raises(LibraryError) as told:
        build(sources)
    assert str(told.value) == "\n".join(map(str, told.value.problems))
    assert "Traceback" not in str(told.value)
    assert "pydantic" not in str(told.value)
    return told.value.problems


# --- YAML ------------------------------------------------------------------------------------------------------------


def test_values_are_those_of_yaml_1_2_and_nothing_is_guessed() -> None:
    text = b'{a: on, b: yes, c: 2026-11-20, d: 12:30, e: "0", f: 10, g: 0417, h: true, i: , j: 1_000, k: 0x1F, l: 1.5}'
    file, problems = read("f.yaml", text)
    assert problems == []
    assert file is not None
    assert file.value == {
        "a": "on", "b": "yes", "c": "2026-11-20", "d": "12:30", "e": "0", "f": 10, "g": 417, "h": True, "i": None,
        "j": "1_000", "k": 31, "l": 1.5,
    }  # fmt: skip


def test_the_place_of_every_value_is_known() -> None:
    file, _ = read("f.yaml", b'nodes:\n  menu:\n    keys: {"1": balance}\n    say: [a, b]\n')
    assert file is not None
    assert file.at(("nodes", "menu", "keys", "1")) == Position(3, 17)
    assert file.key_at(("nodes", "menu", "keys", "1")) == Position(3, 12)
    assert file.at(("nodes", "menu", "say", 1)) == Position(4, 14)
    assert file.at(("nodes", "menu", "say", 7)) == Position(4, 10), "what is not there stands where it would be"
    assert file.at(("nodes", "other", "say")) == Position(2, 3)


@pytest.mark.parametrize("text", ["﻿a: 1\n", "a: 1\r\n", "# note\n---\na: 1\n", "a: 1"])
def test_what_editors_do_to_files_does_no_harm(text: str) -> None:
    file, problems = read("f.yaml", text.encode())
    assert file is not None
    assert (file.value, problems) == ({"a": 1}, [])


BAD_YAML: dict[str, tuple[str | bytes, int, str]] = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here a second time; the first one is on line 1"),
    "duplicate in braces": ("a: {b: 1, b: 2}\n", 1, "'b' stands here a second time"),
    "phone key without quotes": ("keys:\n  0: agent\n", 2, "The key 0 is not text."),
    "true as a key": ("true: a\n", 1, "The key true is not text."),
    "no key": (": a\n", 1, "The key before this colon is not text."),
    "tab": ("a:\n\tb: 1\n", 2, "A tab stands where only blanks may"),
    "anchor": ("a: &x 1\n", 1, "Anchors and references ('x')"),
    "anchor before braces": ("a: &x {b: 1}\n", 1, "Anchors and references ('x')"),
    "tag": ("a: !!python/name:os.system x\n", 1, "is not read here"),
    "colon": ("a: b: c\n", 1, "A colon stands inside a text"),
    "open bracket": ("a: [1, 2\nb: 3\n", 1, "The bracket that opens here is not closed"),
    "open bracket above others": ("a: 1\nb: {c: d\ne: {f: g}\n", 2, "The bracket that opens here is not closed"),
    "comma missing": ("a:\n  {b: c\n   d: e}\n", 2, "or a comma is missing in it"),
    "open bracket at the end": ("a: {", 1, "ends inside a bracket"),
    "two commas": ("a: [b,, c]\n", 1, "in the place of a value"),
    "open quote": ('a: "b\n', 2, "ends inside a text"),
    "open quote above others": ('a: 1\nb: "c\n\n# note\nd: e\nf: "g"\n', 2, "The quote that opens here is not closed."),
    "open single quote above others": ("a:\n  - 'b''s\n  - c\nd: 'e'\n", 2, "The quote that opens here is not closed."),
    "question mark": ("a: ? b\n", 1, "begins with a question mark"),
    "indentation": ("a:\n    b: 1\n  c: 2\n", 3, "does not fit the lines before it"),
    "character of YAML's own": ("a: @b\n", 1, "keeps for itself"),
    "escape": ('a: "\\q"\n', 1, "is no escape"),
    "half a character": ('a: "\\ud800"\n', 1, "half a character"),
    "huge escape": ('a: "\\U99999999"\n', 1, "no YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "A second document"),
    "directive": ("%YAML 1.1\n---\na: on\n", 2, "begins with %"),
    "list as a key": ("? [a]\n: b\n", 1, "A key is a word here"),
    "deep": ("[" * 500, 1, "nested more than 20 deep"),
    "not UTF-8": (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    "control character": ("a: 1\nb: x\x07\n", 2, "U+0007"),
    "no colon": ("a: 1\nb\nc: 2\n", 2, "no 'key: value'"),
    "no colon above others": ("a: 1\nb\n  c: {d: e}\n", 2, "no 'key: value'"),
    "star key without quotes": ('keys:\n  "1": a\n  *: back\nb: 1\n', 3, "The key * stands without quotes."),
    "star key in braces": ('keys: {"1": a, *: back}\n', 1, "The key * stands without quotes."),
    "pound key without quotes": ('keys:\n  "1": a\n  #: back\nb: 1\n', 3, "The key # stands without quotes."),
    "pound key in braces": ('keys: {"1": a, #: back}\n', 1, "The key # stands without quotes."),
    "full-width colon": ("a: 1\ngoodbye： 再见。\nb: 2\n", 2, "A full-width colon (：) stands here."),
    "full-width colon of the last line": ("a: 1\ngoodbye：再见。\n", 2, "A full-width colon"),
    "full-width colon of the only line": ("goodbye：再见。\n", 1, "A full-width colon"),
    "full-width colon above others": ("nodes：\n  menu: {kind: menu}\n", 1, "A full-width colon"),
    "full-width colon before braces": (
        "a:\n  menu： {kind: menu}\n",
        2,
        "The key 'menu： {kind' has a full-width colon.",
    ),
    "full-width colon in braces": ("a: {kind： menu, say: b}\n", 1, "The key 'kind： menu' has a full-width colon."),
    "full-width quotes": ("region: “110105”\n", 1, "“110105” is in full-width quotes."),
    "other full-width quotes": ("region: ＂110105＂\n", 1, "＂110105＂ is in full-width quotes."),
    "full-width quotes of a key": ("keys:\n  “1”: a\n", 2, "The key '“1”' has a full-width quote."),
    "full-width comma": ("languages: [zh， en]\n", 1, "'zh， en' has a full-width comma."),
    "full-width comma between keys": ("a: {b: c， d: e}\n", 1, "A full-width comma (，) stands here."),
    "full-width comma between keys of a list": (
        "a: [{b: c, d: e， f: g}]\n",
        1,
        "A full-width comma (，) stands here.",
    ),
    "full-width brace": ("a: ｛b: c｝\n", 1, "A full-width brace (｛) stands here."),
    "full-width blank": ("a:\n\u3000b: 1\n", 2, "The key 'b' has a full-width blank."),
    "tab between key and text": ("a: 1\nb:\tc\n", 2, "A tab stands where only blanks may"),
}


@pytest.mark.parametrize(("text", "line", "words"), BAD_YAML.values(), ids=BAD_YAML.keys())
def test_yaml_that_is_not_read(text: str | bytes, line: int, words: str) -> None:
    _, [problem] = read("f.yaml", text if isinstance(text, bytes) else text.encode())
    assert (problem.file, problem.line) == ("f.yaml", line)
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("keys:\n  *: back\n", 'Write "*": and what it leads to.'),
        ("keys:\n  #: back\n", 'Write "#": and what it leads to.'),
        ("a: 1\ngoodbye：再见。\n", "Write : with a blank after it."),
        ("keys:\n  “1”: a\n", 'Write "1".'),
        ("region: ‘110105’\n", 'Write "110105".'),
        ("languages: [zh，yue， en]\n", "Write zh, yue, en."),
    ],
)
def test_a_slip_is_told_with_what_to_write_instead(text: str, remedy: str) -> None:
    _, [problem] = read("f.yaml", text.encode())
    assert problem.remedy == remedy
    assert problem.why


def test_what_is_spoken_may_have_any_punctuation() -> None:
    text = "a: 您好：请按“一”，再按＊。\nb: “好的”\n# c：a note\n#d: a note\ne: ['#: x', '“1”']\nf: one，two three。\n"
    assert read("f.yaml", text.encode())[1] == []


def test_a_long_line_that_is_no_yaml_is_told_as_well() -> None:
    """Its pattern once tried every comma with every place after it: such a line took longer than a test may."""
    _, [problem] = read("f.yaml", ("a: {" + "," * 100 + "b" * 50_000).encode())
    assert problem.line == 1


def test_a_reference_is_refused_beside_its_anchor() -> None:
    _, problems = read("f.yaml", b"a: &x {b: 1}\nc:\n  <<: *x\n")
    assert [problem.line for problem in problems] == [1, 3]


def test_a_huge_file_is_not_even_parsed() -> None:
    assert read("f.yaml", b"[" * MAX_BYTES)[1][0].line == 1
    file, [problem] = read("f.yaml", b"[" * (MAX_BYTES + 1))
    assert file is None
    assert problem.message == "This file has 1,000,001 bytes; at most 1,000,000 are read."


@given(st.binary(max_size=200) | st.text(alphabet="ab01:-[]{}&*!|>'\"%@`#,?\\ \t\n\r~余", max_size=60).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    file, problems = read("f.yaml", data)
    assert file is not None or problems


# --- pydantic's findings in the author's words -----------------------------------------------------------------------

FLOW = GOOD["flows/main.yaml"]
HOTLINES = GOOD["flows/hotlines.yaml"]

BAD_FLOWS: dict[str, tuple[str, str, int, str]] = {
    "unknown field": ("to: goodbye", "too: goodbye, to: goodbye", 4, "has no field 'too'. Did you mean 'to'?"),
    "unknown field of the flow": ("start:", "begin: x\nstart:", 2, "This file has no field 'begin'."),
    "missing field": (", to: goodbye", "", 4, "Node 'hello' lacks the field 'to'."),
    "missing field of the flow": ("start: hello\n", "", 1, "This file lacks the field 'start'."),
    "unknown kind": ("kind: hangup", "kind: hangout", 5, "'hangout' is no kind of node. Did you mean 'hangup'?"),
    "no kind": ("{kind: hangup}", "{}", 5, "Node 'goodbye': It does not say its kind."),
    "not a node": ("{kind: hangup}", "5", 5, "Node 'goodbye' is the number 5, but 'name: value' lines are expected."),
    "wrong form": ("to: goodbye", "to: Goodbye", 4, "Field 'to' of node 'hello': 'Goodbye' does not have"),
    "wrong form of a prompt": ("main.hello", "main-hello", 4, "Field 'say.1' of node 'hello': 'main-hello' does not"),
    "number for a name": ("start: hello", "start: 1", 2, "Field 'start' is the number 1, but a text is expected."),
    "wrong key": ("start:", 'keys: {"x": hello}\nstart:', 2, "Field 'keys': the key 'x' is none of those possible."),
    "a list for a mapping": ("start:", "keys: [hello]\nstart:", 2, "Field 'keys' is a list, but 'name: value' lines"),
    "out of range": (
        "{kind: hangup}", "{kind: menu, say: main.hello, wait: 99}", 5, "Field 'wait' of node 'goodbye' is 99, which is"
    ),
    "text for a number": (
        "{kind: hangup}", "{kind: menu, say: main.hello, wait: long}", 5, "is the text 'long', but a whole number is"
    ),
    "a mapping for prompts": ("say: main.hello", "say: {zh: main.hello}", 4, "Field 'say' of node 'hello' is a map"),
    "wrong choice": (
        "{kind: hangup}",
        "{kind: collect, entry: pasword, say: main.hello, wrong: {}, outcomes: {}}",
        5,
        "Field 'entry' of node 'goodbye': 'pasword' is none of those possible. Did you mean 'password'?",
    ),
    "wrong outcome of a dial": (
        "{kind: hangup}",
        "{kind: transfer, group: general, say: main.hello, outcomes: {engaged: hello}}",
        5,
        "Field 'outcomes' of node 'goodbye': the key 'engaged' is none of those possible.",
    ),
    "again as a node": ("goodbye:", "again: {kind: hangup}\n  goodbye:", 5, "No node can be named 'again'."),
    "other name than its file": ("flow: main", "flow: mane", 1, "The flow is named 'mane', but its file is main.yaml."),
    "empty": (FLOW, "", 1, "This file is empty, but 'name: value' lines are expected."),
}  # fmt: skip

BAD_HOTLINES: dict[str, tuple[str, str, int, str]] = {
    "unknown default": ("default: main", "default: mane", 1, "'mane' is no hotline of this file. Did you mean"),
    "unknown hotline of a number": ('"12333": main', '"12333": man', 2, "'man' is no hotline of this file."),
    "a number that cannot be dialled": ('"12333"', '"12 333"', 2, "Field 'numbers': the key '12 333' does not have"),
    "a region without quotes": ('"110105"', "110105", 6, "Field 'region' of hotline 'main' is the number 110105, but"),
    "an unknown language": ("[zh]", "[zh, fr]", 7, "Field 'languages.2' of hotline 'main': 'fr' is none"),
    "no language": ("[zh]", "[]", 7, "Field 'languages' of hotline 'main' is empty."),
    "a human without a country": (
        "    flow: main",
        "    agents: {general: {numbers: ['110'], hours: {zh: 九点}}}\n    flow: main",
        8,
        "Field 'numbers.1' of agent group 'general' of hotline 'main': '110' does not",
    ),
    "a laxer limit": (
        "    flow: main",
        "    limits: {silences: 4}\n    flow: main",
        8,
        "Field 'limits.silences' of hotline 'main' is 4, which is out of range.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "words"), BAD_FLOWS.values(), ids=BAD_FLOWS.keys())
def test_a_wrong_flow_file_is_told_where_and_how(old: str, new: str, line: int, words: str) -> None:
    assert old in FLOW
    [problem] = problems_of(files(flows__main=FLOW.replace(old, new, 1)))
    assert (problem.file, problem.line) == ("flows/main.yaml", line)
    assert words in problem.message
    assert problem.remedy


@pytest.mark.parametrize(("old", "new", "line", "words"), BAD_HOTLINES.values(), ids=BAD_HOTLINES.keys())
def test_a_wrong_hotline_file_is_told_where_and_how(old: str, new: str, line: int, words: str) -> None:
    assert old in HOTLINES
    [problem] = problems_of(files(flows__hotlines=HOTLINES.replace(old, new, 1)))
    assert (problem.file, problem.line) == ("flows/hotlines.yaml", line)
    assert words in problem.message
    assert problem.remedy


def test_a_problem_names_its_place_reason_and_remedy() -> None:
    [problem] = problems_of(files(flows__main=FLOW.replace("flow: main", "flow: mane")))
    assert str(problem) == (
        "flows/main.yaml:1:7: The flow is named 'mane', but its file is main.yaml.\n"
        "    Why: A call node finds a flow by its name, a person by its file.\n"
        "    Remedy: Write 'flow: main', or rename the file to mane.yaml."
    )


def test_problems_of_all_files_are_told_in_one_run() -> None:
    found = problems_of(
        files(
            flows__main="flow: main\n\tx\n",
            flows__second="flow: second\nstart: 1\nnodes: {a: {kind: nap}}\n",
            flows__hotlines="default: 1\n",
            prompts__zh="a: {x}\n",
            prompts__fr="a: Bonjour\n",
        )
    )
    assert sorted({problem.file for problem in found}) == [
        "flows/hotlines.yaml", "flows/main.yaml", "flows/second.yaml", "prompts/fr.yaml", "prompts/zh.yaml",
    ]  # fmt: skip
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [("flows__hotlines", "There is no file of hotlines."), ("prompts__zh", "There are no prompts.")],
)
def test_a_file_that_must_be_there(name: str, words: str) -> None:
    [problem] = problems_of(files(**{name: None}))
    assert problem.message == words


def test_a_prompt_file_of_an_unknown_language() -> None:
    [problem] = problems_of(files(prompts__cn="a: 你好\n"))
    assert str(problem).startswith("prompts/cn.yaml: 'cn' is no language that the hotline can speak.")


# --- the library -----------------------------------------------------------------------------------------------------


@pytest.fixture
def library() -> Library:
    return build(files())


@pytest.mark.parametrize(
    ("number", "hotline"), [("12333", "main"), ("+861012393", "other"), ("12345", "main"), ("", "main")]
)
def test_every_number_leads_to_a_hotline(library: Library, number: str, hotline: str) -> None:
    name, data = library.hotline_for(number)
    assert name == hotline
    assert data is library.hotlines.hotlines[hotline]


def test_nobody_can_change_a_library(library: Library) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        library.version = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        library.flows["main"] = library.flows["main"]  # type: ignore[index]
    with pytest.raises(TypeError):
        library.sources["flows/main.yaml"] = b""  # type: ignore[index]


def test_the_version_is_a_hash_of_what_the_files_say(library: Library) -> None:
    assert len(library.version) == 32
    assert int(library.version, 16)
    assert build(dict(reversed(files().items()))).version == library.version, "the order of files says nothing"
    assert build(library.sources).version == library.version, "any process makes the same of the same bytes"
    assert build(files(prompts__zh="main.hello: 您好！\n")).version != library.version
    assert build(files(flows__main=FLOW + "# note\n")).version != library.version


def test_bytes_that_move_from_one_file_to_another_change_the_version() -> None:
    pairs = [{"a": b"xy", "b": b""}, {"a": b"x", "b": b"y"}, {"a": b"", "b": b"xy"}, {"ab": b"xy"}, {"a": b"\nb 0\n"}]
    assert len({version_of(pair) for pair in pairs}) == len(pairs)


def write(folder: Path, sources: dict[str, bytes]) -> tuple[Path, Path]:
    for name, data in sources.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / "flows", folder / "prompts"


def test_folders_are_read_whatever_else_lies_in_them(tmp_path: Path, library: Library) -> None:
    flows, prompts = write(tmp_path, files())
    (flows / "README.md").write_text("notes")
    (flows / ".main.yaml.swp").write_bytes(b"\xff")
    (flows / "old.yaml").mkdir()
    found = load(flows, prompts)
    assert found.version == library.version, "where the folders lie does not matter"
    assert set(found.flows) == {"main"}


def test_problems_name_the_file_as_the_author_would_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows, prompts = write(tmp_path, files(flows__main="flow: main\n"))
    with pytest.raises(LibraryError) as told:
        load(flows, prompts)
    assert {problem.file for problem in told.value.problems} == {str(flows / "main.yaml")}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LibraryError) as told:
        load(Path("flows"), Path("prompts"))
    assert {problem.file for problem in told.value.problems} == {"flows/main.yaml"}


def test_a_file_that_would_be_overlooked_is_told(tmp_path: Path) -> None:
    flows, prompts = write(tmp_path, files())
    (flows / "agent.yml").write_text("flow: agent\n")
    with pytest.raises(LibraryError, match=r"agent\.yml: Only files that end in \.yaml are read\."):
        load(flows, prompts)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    flows, prompts = write(tmp_path, files())
    with pytest.raises(LibraryError, match="The folder of the prompts cannot be read: No such file or directory"):
        load(flows, prompts / "nowhere")
    with pytest.raises(LibraryError, match="The folder of the flows cannot be read: Not a directory"):
        load(flows / "main.yaml", prompts)


def test_the_default_folders_hold_the_hotline_that_comes_with_the_program() -> None:
    flows, prompts = default_dirs()
    assert (flows / "hotlines.yaml").is_file()
    assert (prompts / "zh.yaml").is_file()
