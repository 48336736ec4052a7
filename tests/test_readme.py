"""The README is true: the commands print what it shows, and following it to the letter works."""

import itertools
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import call_scripts
import pytest
from engine_caller import EngineCaller
from ivr_command import ROOT, environment
from test_quality import FLOOR_OF

from ivr import __main__ as command
from ivr.library import load
from ivr.settings import INTERNAL, PREFIX, Settings

README = (ROOT / "README.md").read_text("utf-8")

A_DAY = re.compile(r"截至[〇零一二三四五六七八九十年月]+日")


def section(heading: str) -> str:
    """Give what stands under a heading, up to the next one of its rank."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(kind: str, text: str) -> list[str]:
    """Give the code blocks of a kind, without the indentation of the list that they stand in."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def call_of_the_readme() -> tuple[list[str], list[str]]:
    """Give the arguments of the call that the README shows, and the lines that it shows; what prints them is a demo."""
    (transcript,) = blocks("console", section("A call in under a minute"))
    line, *shown = transcript.splitlines()
    assert sum(bool(A_DAY.search(one)) for one in shown) == 1
    return shlex.split(line.removeprefix("$ .venv/bin/ivr ")), on_any_day(shown)


def on_any_day(lines: list[str]) -> list[str]:
    """Give lines without the day that is in them."""
    return [A_DAY.sub("截至…日", one) for one in lines]


# --- writing a flow --------------------------------------------------------------------------------------------------

WRITING = section("Writing a flow").split("\n### ")[0]
COPY = blocks("sh", WRITING)[0]


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Give a shell in a folder with flows, prompts and the command, in which the README's edits are made already."""
    folder = tmp_path_factory.mktemp("author")
    for name in ("flows", "prompts"):
        shutil.copytree(ROOT / name, folder / name)
    installed = folder / ".venv/bin/ivr"
    installed.parent.mkdir(parents=True)
    installed.write_text(f'#!/bin/sh\nexec {sys.executable} -m ivr "$@"\n')
    installed.chmod(0o755)

    def shell(lines: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ec", lines], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60
        )

    assert shell(COPY).stdout == f"Flows and prompts are fine ({folder}/mine/flows, {folder}/mine/prompts).\n"
    edits = re.findall(r"[Ii]n `(mine/[a-z_/]+\.yaml)`.*?\n( *```yaml\n.*?```\n)", WRITING, re.DOTALL)
    assert len(edits) == 1 + len(list((ROOT / "prompts").glob("*.yaml")))
    for name, block in edits:
        put_in(folder / name, blocks("yaml", block)[0].splitlines())
    return shell


def put_in(path: Path, lines: list[str]) -> None:
    """Put each line in the place of the one with the same key; where there is none, at the end."""
    written = path.read_text("utf-8").splitlines()
    for line in lines:
        key = line.partition(":")[0] + ":"
        places = [place for place, one in enumerate(written) if one.startswith(key)]
        if places:
            written[places[0]] = line
        else:
            written.append(line)
    path.write_text("\n".join(written) + "\n", "utf-8")


def checked(author: Callable[[str], subprocess.CompletedProcess[str]], before: str = "") -> str:
    return author(f"{COPY.splitlines()[1]}\n{before}\n.venv/bin/ivr check || true").stdout


def test_who_follows_the_readme_has_a_hotline_without_a_problem(
    author: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    assert checked(author).startswith("Flows and prompts are fine (")


def test_a_mistake_is_told_as_the_readme_shows(author: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    (shown,) = blocks("text", WRITING)
    wrong, right = "sed 's/: hall, /: hal, /'", "cp mine/password.yaml mine/flows/"
    mistake = f"cp mine/flows/password.yaml mine/ && {wrong} mine/password.yaml > mine/flows/password.yaml"
    try:
        assert checked(author, mistake) == shown
    finally:
        author(right)


async def test_the_call_script_of_the_readme_is_heard(
    author: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = Path(author("pwd").stdout.strip()) / "mine"
    (script,) = blocks("yaml", section("Contributing"))
    (tmp_path / "hall.yaml").write_text(script, "utf-8")
    library = load(folder / "flows", folder / "prompts")
    for one in call_scripts.scripts(tmp_path):
        caller = EngineCaller(library, one)
        await caller.plays()
        assert ("hall.hours", "zh") in caller.spoken


# --- names -----------------------------------------------------------------------------------------------------------


def commands() -> list[str]:
    """Give every call of the command, in a sentence or in a block."""
    spans = re.findall(r"`(?:\.venv/bin/)?ivr ([a-z][^`\n]*)`", README)
    lines = re.findall(r"^(?:\$ )?(?:.*&& )?(?:\.venv/bin/)?ivr ([a-z].*)$", README, re.MULTILINE)
    return sorted({*spans, *lines})


@pytest.mark.parametrize("call", commands())
def test_every_command_and_option_is_there(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(call, comments=True)
    options = [word for word in words if word.startswith("--")]
    names = list(itertools.takewhile(re.compile("[a-z]+").fullmatch, words))
    assert command.run([*names, "--help"]) == 0
    told = capsys.readouterr().out
    assert [option for option in options if option not in told] == []


def test_every_command_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*names: str) -> list[str]:
        assert command.run([*names, "--help"]) == 0
        return re.findall("^  ([a-z]+)  ", capsys.readouterr().out.partition("\nCommands:\n")[2], re.MULTILINE)

    expected = set()
    for name in listed():
        expected |= {f"{name} {under}" for under in listed(name)} or {name}
    rows = [
        line.split("|")[1] for line in section("Operating").split("\n### ")[0].splitlines() if line.startswith("| `")
    ]
    assert {name for row in rows for name in re.findall("`ivr ([a-z ]+)`", row)} == expected


def test_the_house_has_its_rooms_on_their_floors() -> None:
    floor, misplaced = 0, []
    for row in re.findall(r"^(F\d|  ) │ (.*?)│", section("The house"), re.MULTILINE):
        floor = int(row[0][1]) if row[0].strip() else floor
        rooms = [word.split("/")[0].rstrip(":") for word in re.sub(r": \S.*?  ", "  ", row[1]).split()]
        misplaced += [room for room in rooms if FLOOR_OF.get(room) != floor]
    assert (floor, misplaced) == (0, [])


def test_every_path_is_there() -> None:
    paths = re.findall(r"`((?:ivr|tests|flows|prompts|\.ci)/[A-Za-z0-9_./*-]*)`", README)
    paths += [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(paths) > 20
    assert [path for path in paths if not list(ROOT.glob(path))] == []


def test_every_setting_is_in_the_table_and_no_other() -> None:
    rows = [line.split("|")[1] for line in section("Settings").splitlines() if line.startswith("| `IVR_")]
    names = {name for row in rows for name in re.findall("`([A-Z_]+)`", row)}
    assert names == {PREFIX + name.upper() for name in Settings.model_fields if name not in INTERNAL}
