"""The `ivr` command as a person runs it: how each command is called, and what is told where it cannot be run."""

import re
import socket
from pathlib import Path
from shutil import copytree

import pytest
from ivr_command import ivr, ivr_here

from ivr.library import default_dirs

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
FLOWS, PROMPTS = default_dirs()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["sevre"], ["counters", "confirm"], ["check", "--flows", "."]], ids=" ".join
)
def test_the_command_is_what_these_tests_run_within_their_own_process(arguments: list[str], tmp_path: Path) -> None:
    one, other = ivr(arguments, tmp_path), ivr_here(arguments, tmp_path)
    assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_names_the_commands(arguments: list[str], tmp_path: Path) -> None:
    done = ivr_here(arguments, tmp_path)
    assert done.returncode == 0
    ours = "serve", "call", "check", "draw", "flows", "schemas", "account", "counters", "audit", "database", "version"
    for command in ours:
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE)
    assert "worker" not in done.stdout


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("serve", "--workers"),
        ("call", "- is silence"),
        ("check", "--prompts"),
        ("counters", "confirm"),
        ("counters confirm", "IVR_REDIS_URL"),
        ("audit verify", "cut off"),
        ("audit show", "--call"),
        ("audit prune", "IVR_AUDIT_DAYS"),
        ("database upgrade", "IVR_DATABASE_URL"),
        ("account serve", "reference account service"),
        ("version", "Show the version"),
    ],
)
def test_every_command_explains_itself(command: str, says: str, tmp_path: Path) -> None:
    done = ivr_here([*command.split(), "--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sevre"], "No such command 'sevre'"),
        (["serve", "--prot", "1"], "No such option: --prot"),
        (["serve", "--port", "http"], "'--port': expected a whole number from 0 to 65535, not http."),
        (["serve", "--port", "65536"], "'--port': expected a whole number from 0 to 65535"),
        (["serve", "--workers", "0"], "'--workers': expected a whole number from 1 to 64"),
        (["account", "serve", "--port", "-1"], "'--port': expected a whole number from 0 to 65535"),
        (["serve", "--host", "no..such..host"], "--host no..such..host cannot be used"),
        (["call"], "--keys is missing"),
        (["call", "--keys", "1 abc"], "'abc'"),
        (["call", "--keys", "! 1"], "follows !"),
        (["call", "--keys", "-", "--url", "hotline"], "--url: expected http://HOST"),
        (["call", "--keys", "-", "--url", "http://127.0.0.1:1"], "No hotline answers at http://127.0.0.1:1; start one"),
        (["call", "--keys", "-", "--to", "abc"], "--to abc: expected a telephone number"),
        (["call", "--keys", "-", "--from", "+"], "--from +: expected a telephone number"),
        (["counters", "confirm"], "IVR_REDIS_URL is not set"),
        (["counters"], "Missing command"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_status_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = ivr_here(arguments, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"refusal_step": "fast"}, ["IVR_REFUSAL_STEP is wrong"]),
        ({"redis_url": "redis://localhost"}, ["IVR_SECRET_KEY is not set"]),
        ({"database_url": "mysql+asyncmy://me:swordfish@db/calls"}, ["IVR_DATABASE_URL is wrong: its driver asyncmy"]),
        ({"database_url": "sqlite:////no/such/folder/calls.db"}, ["The database at IVR_DATABASE_URL cannot be opened"]),
        (
            {"twilio_auth_token": "12345", "public_url": "https://hotline.example.com"},
            ["IVR_TWILIO_AUTH_TOKEN is too short", "IVR_TWILIO_ACCOUNT_SID is not set", "IVR_ACCOUNT_URL is not set"],
        ),
    ],
)
def test_settings_that_are_wrong_or_too_weak_stop_the_start(
    settings: dict[str, str], says: list[str], tmp_path: Path
) -> None:
    done = ivr_here(["serve", "--port", "0"], tmp_path, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(says)
    for line, beginning in zip(lines, says, strict=True):
        assert line.startswith(beginning)


def test_a_file_in_the_working_folder_holds_settings_and_strange_names_are_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IVR_REFUSAL_STEP=9\nIVR_FLOW_DIR=flows\n")
    done = ivr_here(["serve", "--port", "0"], tmp_path)
    assert done.returncode == 2
    strange, wrong = done.stderr.splitlines()
    assert strange == "IVR_FLOW_DIR is no setting and is not read: did you mean IVR_FLOWS_DIR?"
    assert wrong == "IVR_REFUSAL_STEP is wrong: expected seconds from 0.01 to 4."


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        done = ivr_here(["serve", "--port", str(sock.getsockname()[1])], tmp_path)
    assert done.returncode == 2
    assert "Choose another --port." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_store_that_is_away_cannot_confirm(tmp_path: Path) -> None:
    done = ivr_here(["counters", "confirm"], tmp_path, redis_url="redis://127.0.0.1:1", secret_key=KEY)
    assert done.returncode == 1
    assert done.stderr == "The store at redis://127.0.0.1:1 did not confirm its counters: it does not answer.\n"


def test_check_is_content_with_what_is_served(tmp_path: Path) -> None:
    done = ivr_here(["check"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Flows and prompts are fine ({FLOWS}, {PROMPTS}).\n"


def test_check_tells_what_is_wrong_with_the_emergency_announcement(tmp_path: Path) -> None:
    copytree(FLOWS, tmp_path / "flows")
    (tmp_path / "flows" / "emergency.yaml").write_text("# today\nzh: 停电2小时。\n", "utf-8")
    done = ivr_here(["check", "--flows", "flows"], tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("flows/emergency.yaml:2:5: The line of 'zh' must have words for figures")


def test_check_tells_every_problem(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "main.yaml").write_text("flow: main\nflow: main\n")
    done = ivr_here(["check", "--flows", "flows"], tmp_path)
    assert done.returncode == 1
    assert "main.yaml:2" in done.stdout
    assert f"found (flows, {PROMPTS})" in done.stderr
    assert "Traceback" not in done.stderr
