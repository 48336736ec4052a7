"""`ivr agents`: accounts from the command line, and what is refused there in a sentence."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ivr.__main__ import run

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
GOOD = ("--group", "demo/general", "--phone", "+12025550133")


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Give a function that runs `ivr agents`, on a data folder of this test's own; `types` is its standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("IVR_SECRET_KEY", KEY)

    def command(*arguments: str, types: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(types))
        status = run(["agents", *arguments])
        return Done(status, *capsys.readouterr())

    return command


def test_an_account_is_added_listed_disabled_and_enabled(agents: Callable[..., Done]) -> None:
    assert "Nobody may sign in yet" in agents("list").stdout
    added = agents("add", "li.na", *GOOD, "--password-stdin", types="a-good-password\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "li.na may sign in.\n", "")
    again = agents("add", "li.na", *GOOD, "--password-stdin", types="a-good-password\n")
    assert (again.returncode, again.stderr) == (1, "There is an account li.na already.\n")
    row = next(line for line in agents("list").stdout.splitlines() if "li.na" in line)
    assert re.split(r"\s{2,}", row.strip())[:4] == ["li.na", "agent", "demo/general", "+12025550133"]
    assert agents("disable", "li.na").stdout == "li.na may sign in no more.\n"
    assert "disabled" in agents("list").stdout
    assert agents("enable", "li.na").returncode == 0
    changed = agents("password", "li.na", "--password-stdin", types="another-good-one\n")
    assert (changed.returncode, changed.stdout) == (0, "li.na has a new password.\n")
    nobody = agents("disable", "wang")
    assert (nobody.returncode, nobody.stderr) == (1, "There is no account wang.\n")


@pytest.mark.parametrize(
    ("arguments", "types", "says"),
    [
        (("add", "Li Na", *GOOD, "--password-stdin"), "", "Li Na is no name to sign in with"),
        (("add", "wang", "--role", "boss"), "", "--role boss: expected agent or supervisor."),
        (("add", "wang", "--phone", "+12025550133"), "", "--group is missing"),
        (("add", "wang", "--group", "demo/general"), "", "--phone is missing"),
        (("add", "wang", "--group", "demo/genral", "--phone", "1"), "", "Did you mean 'demo/general'?"),
        (("add", "wang", "--group", "xyz", "--phone", "1"), "", "--group xyz is no group of flows/hotlines.yaml."),
        (("add", "wang", "--group", "demo/general", "--phone", "+8613800138000"), "", "only numbers listed"),
        (("add", "wang", *GOOD), "", "expected --password-stdin"),
        (("add", "wang", *GOOD, "--password-stdin"), "short\n", "expected 10 to 128 characters"),
        (("add", "wang", *GOOD, "--password-stdin"), "wang-wang-wang\n", "too simple"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_a_sentence(
    agents: Callable[..., Done], arguments: tuple[str, ...], types: str, says: str
) -> None:
    done = agents(*arguments, types=types)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
