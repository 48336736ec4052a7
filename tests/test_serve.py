"""The `ivr` command as a person runs it: how it is called, what it embeds, and that nothing it started outlives it."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from small_hotline import HALL, Files

from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call
from ivr.redis_line import connect
from ivr.settings import DEMO_ACCOUNT_SID

ROOT = Path(__file__).parent.parent
KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
TOKEN = "0123456789abcdef" * 2
READY = "Ctrl-C stops it."
BALANCE = ["call", "--keys", "1 110105198503122173# 846275"]
TOLD = "两万零一百八十元零五分"


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return an environment in which nothing is set but these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("IVR_")}
    mine = {f"IVR_{name.upper()}": value for name, value in ({"data_dir": str(folder / "data")} | settings).items()}
    return kept | mine | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), "NO_COLOR": "1"}


def ivr(arguments: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with ``folder`` as the working folder."""
    return subprocess.run(
        [sys.executable, "-m", "ivr", *arguments],
        cwd=folder,
        env=environment(folder, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Serving:
    """An `ivr serve` that runs beside the test."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._out = (folder / "out").open("w")
        self._err = (folder / "err").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "serve", "--port", "0", *arguments],
            cwd=folder,
            env=environment(folder, **settings),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def ready(self) -> "Serving":
        until(lambda: READY in self.out or self.process.poll() is not None, seconds=90)
        assert READY in self.out, self.err
        return self

    @property
    def url(self) -> str:
        return str(json.loads((self.data / "serve.json").read_text())["url"])

    def is_ready(self) -> bool:
        try:
            answer = httpx2.get(f"{self.url}/readyz", trust_env=False, timeout=5)
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["degraded"] is False

    def children(self) -> dict[int, str]:
        """Return the processes that the service runs on, with their command lines, and those that they have forked."""
        found: dict[int, str] = {}
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    parents[int(entry.name)] = (parent, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except (FileNotFoundError, ProcessLookupError):
                    continue
        older = {self.process.pid}
        while older:
            younger = {pid: line for pid, (parent, line) in parents.items() if parent in older and line}
            found |= younger
            older = set(younger)
        return found

    def child(self, part: str) -> int:
        """Return the process id of the first child whose command line holds ``part``."""
        return min(pid for pid, command in self.children().items() if part in command)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self._out.close()
        self._err.close()


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.03)
    assert holds()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def emptied(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        await redis.flushall()


@pytest.fixture
def begin(short_folder: Path) -> Iterator[Callable[..., Serving]]:
    """Give a function that begins to serve; whatever still runs at the end is stopped."""
    begun: list[Serving] = []

    def one(*arguments: str, **settings: str) -> Serving:
        begun.append(Serving(short_folder, *arguments, **settings))
        return begun[-1]

    yield one
    for serving in begun:
        serving.close()


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_names_the_commands(arguments: list[str], tmp_path: Path) -> None:
    done = ivr(arguments, tmp_path)
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
    done = ivr([*command.split(), "--help"], tmp_path)
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
    done = ivr(arguments, tmp_path)
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
    done = ivr(["serve", "--port", "0"], tmp_path, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(says)
    for line, beginning in zip(lines, says, strict=True):
        assert line.startswith(beginning)


def test_a_file_in_the_working_folder_holds_settings_and_strange_names_are_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("IVR_REFUSAL_STEP=9\nIVR_FLOW_DIR=flows\n")
    done = ivr(["serve", "--port", "0"], tmp_path)
    assert done.returncode == 2
    strange, wrong = done.stderr.splitlines()
    assert strange == "IVR_FLOW_DIR is no setting and is not read: did you mean IVR_FLOWS_DIR?"
    assert wrong == "IVR_REFUSAL_STEP is wrong: expected seconds from 0.01 to 4."


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        done = ivr(["serve", "--port", str(sock.getsockname()[1])], tmp_path)
    assert done.returncode == 2
    assert "Choose another --port." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_flows_that_cannot_be_served_stop_the_start_and_are_told_once(begin: Callable[..., Serving]) -> None:
    serving = begin("--workers", "3", prompts_dir=str(ROOT / "tests"))
    assert serving.process.wait(30) == 2
    assert "Traceback" not in serving.err
    assert len(re.findall("prompts", serving.err.splitlines()[0])) >= 1
    assert len(set(serving.err.splitlines())) == len(serving.err.splitlines())
    assert not (serving.data / "serve.json").exists()


def test_a_demo_from_start_to_stop(begin: Callable[..., Serving]) -> None:
    serving = begin("--workers", "2").ready()

    # It says where to call, that it is a demo, who can be asked for, and how a call is made.
    assert f"{serving.url}/twilio/voice" in serving.out
    assert "This is a demo" in serving.out
    assert re.search("110105198503122173 .* 846275", serving.out)
    assert 'ivr call --keys "1 110105198503122173# 846275"' in serving.out
    # Nothing is amiss, but for days of the coming year that nobody has announced yet.
    assert [line for line in serving.err.splitlines() if "flows/working_days.yaml" not in line] == []

    # The call finds the service and its token by itself.
    done = ivr(BALANCE, serving.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert TOLD in done.stdout

    # Nobody but the owner can read what it keeps, and nobody can see a secret in the list of processes.
    for file in serving.data.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 or file.parent.name == "appendonlydir", file
    assert stat.S_IMODE(serving.data.stat().st_mode) == 0o700
    secrets = [(serving.data / name).read_text().strip() for name in ("auth_token", "account_token", "secret_key")]
    assert not [command for command in serving.children().values() for secret in secrets if secret in command]

    # A second one on the same folder would split the data.
    second = ivr(["serve", "--port", "0"], serving.folder)
    assert second.returncode == 2
    assert "uses the data folder" in second.stderr
    assert len(second.stderr.splitlines()) == 1

    # What dies is started again, and callers are served as before. A third worker stands by, and the mould of others.
    for part in ("ivr worker", "ivr account", "valkey-server"):
        victim = serving.child(part)
        os.kill(victim, signal.SIGKILL)
        until(
            lambda part=part, victim=victim: (
                any(  # type: ignore[misc]
                    part in command for pid, command in serving.children().items() if pid != victim
                )
                and len(serving.children()) == 6
            )
        )
        until(serving.is_ready)
        done = ivr(BALANCE, serving.folder)
        assert TOLD in done.stdout, f"after the death of {part}: {done.stdout}"
    assert "Worker 1 was ended by SIGKILL; another one takes its place." in serving.err
    assert "The demo account service was ended by SIGKILL" in serving.err
    assert "The embedded Valkey has died" in serving.err

    # The mould may die as well: whom it has forked goes on.
    mould = serving.child("--mould-fd")
    (forked,) = [pid for pid, command in serving.children().items() if "--mould-fd" in command and pid != mould][:1]
    os.kill(mould, signal.SIGKILL)
    until(lambda: "The mould of the workers has ended" in serving.err)
    assert lives(forked)
    assert TOLD in ivr(BALANCE, serving.folder).stdout

    # Told to, all workers are replaced by new ones, and whoever calls meanwhile is served.
    old = {pid for pid, command in serving.children().items() if "ivr worker" in command}
    serving.process.send_signal(signal.SIGUSR2)
    until(lambda: "All workers are new." in serving.err)
    assert not old & set(serving.children())
    until(lambda: len(serving.children()) == 6)

    # A reload ends nobody.
    before = set(serving.children())
    serving.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert set(serving.children()) == before
    assert serving.is_ready()

    assert serving.stop() == 0
    assert "Traceback" not in serving.err
    assert not [pid for pid in (*before, forked) if lives(pid)]
    assert not (serving.data / "serve.json").exists()

    # Each of the five answers has its two entries, also those of the worker that was killed, whose chain has no end.
    verified = ivr(["audit", "verify"], serving.folder)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "its end is open" in verified.stdout
    assert "The audit trail holds: 10 entries in " in verified.stdout

    # The next one keeps the secrets: what was sealed yesterday opens today.
    again = begin().ready()
    assert [
        (serving.data / name).read_text().strip() for name in ("auth_token", "account_token", "secret_key")
    ] == secrets
    assert again.stop(signal.SIGINT) == 0


def test_an_edit_during_a_call_then_a_broken_one_then_the_death_of_the_worker(
    begin: Callable[..., Serving], valkey_url: str, short_folder: Path
) -> None:
    asyncio.run(emptied(valkey_url))
    files = Files(short_folder)
    settings = {"redis_url": valkey_url, "secret_key": KEY, "twilio_auth_token": TOKEN}
    settings |= {"account_url": "http://127.0.0.1:9", "account_token": "none"}
    settings |= {"flows_dir": str(files.folders.flows), "prompts_dir": str(files.folders.prompts)}
    serving = begin(**settings).ready()

    def told() -> tuple[str, bool]:
        flows = httpx2.get(f"{serving.url}/readyz", trust_env=False, timeout=5).json()["flows"]
        return flows["version"], flows["problems"] > 0

    async def heard(call: Call) -> str:
        return "".join(one.text for one in await call.press("1"))

    async def calls() -> None:
        async with Carrier(
            [serving.url], public_url=serving.url, account_sid=DEMO_ACCOUNT_SID, auth_token=TOKEN
        ) as carrier:
            old = await carrier.dial()
            await heard(old)
            files.edit("prompts/zh.yaml", HALL, "大厅搬走了。")
            held = files.version
            await asyncio.to_thread(until, lambda: told() == (held, False))
            files.write("flows/main.yaml", "flow: main\nnodes: [")
            serving.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(until, lambda: told() == (held, True))
            killed = serving.child("ivr worker")
            os.kill(killed, signal.SIGKILL)
            await asyncio.to_thread(
                until,
                lambda: (
                    killed not in serving.children() and any("ivr worker" in one for one in serving.children().values())
                ),
            )
            await asyncio.to_thread(until, lambda: answers(serving.url))
            assert told() == (held, True)
            assert HALL in await heard(old)
            new = await carrier.dial()
            await heard(new)
            assert "大厅搬走了。" in await heard(new)

    asyncio.run(calls())
    listed = ivr(["flows", "--format", "json"], serving.folder, redis_url=valkey_url, secret_key=KEY)
    assert [json.loads(line)["current"] for line in listed.stdout.splitlines()] == [True, False]
    assert "stays in force" in serving.err
    # Whoever starts it on these files is told at once.
    assert serving.stop() == 0
    assert ivr(["serve", "--port", "0"], serving.folder, **settings).returncode == 2


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def test_children_leave_when_the_parent_is_killed_and_the_next_start_finds_its_way(
    begin: Callable[..., Serving],
) -> None:
    serving = begin().ready()
    children = serving.children()
    os.kill(serving.process.pid, signal.SIGKILL)
    serving.process.wait()
    own = [pid for pid, command in children.items() if "valkey-server" not in command]
    assert len(own) >= 2
    until(lambda: not any(lives(pid) for pid in own))
    # Its announcement is still there, but a call is not misled by it: it starts a service of its own.
    assert (serving.data / "serve.json").exists()
    done = ivr(BALANCE, serving.folder)
    assert (done.returncode, TOLD in done.stdout) == (0, True)
    assert "one is started just for this call" in done.stderr
    next_one = begin().ready()
    assert next_one.is_ready()
    assert next_one.stop() == 0
    assert not any(lives(pid) for pid in children)


@pytest.mark.parametrize("seconds", [0.0, 0.6, 1.2])
def test_a_start_can_be_broken_off_at_any_time(begin: Callable[..., Serving], seconds: float) -> None:
    serving = begin()
    until(lambda: (serving.data / "lock").exists())
    time.sleep(seconds)
    children = serving.children()
    assert serving.stop(signal.SIGINT) == 0
    assert not any(lives(pid) for pid in children)
    assert "Traceback" not in serving.err


def test_a_call_without_a_service_starts_one_and_leaves_nothing_behind(short_folder: Path) -> None:
    done = ivr(BALANCE, short_folder)
    assert done.returncode == 0
    assert TOLD in done.stdout
    assert list(short_folder.iterdir()) == []


def test_a_call_that_is_told_to_leave_takes_its_service_with_it(short_folder: Path) -> None:
    calling = subprocess.Popen(
        [sys.executable, "-m", "ivr", *BALANCE],
        cwd=short_folder,
        env=environment(short_folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any(short_folder.glob("ivr-*/valkey/valkey.sock")))
    calling.terminate()
    _, err = calling.communicate(timeout=30)
    assert calling.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert list(short_folder.iterdir()) == []


def test_members_are_kept_in_the_database_that_is_set(begin: Callable[..., Serving]) -> None:
    serving = begin(database_url="sqlite:///members-elsewhere.db").ready()
    assert TOLD in ivr(BALANCE, serving.folder).stdout
    assert serving.stop() == 0
    assert (serving.folder / "members-elsewhere.db").exists()
    assert not (serving.data / "members.sqlite3").exists()


def test_a_store_that_does_not_answer_is_told_when_calls_can_come_in(begin: Callable[..., Serving]) -> None:
    serving = begin(redis_url="redis://127.0.0.1:1", secret_key=KEY).ready()
    assert "For now: Redis does not answer: calls are answered in public mode, nobody is verified." in serving.out


def test_a_hotline_whose_token_nobody_knows_cannot_be_called(begin: Callable[..., Serving], tmp_path: Path) -> None:
    serving = begin(twilio_auth_token=TOKEN).ready()
    done = ivr(["call", "--keys", "-", "--url", serving.url], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("IVR_TWILIO_AUTH_TOKEN is not set")


def test_what_is_set_replaces_only_its_own_embedded_part(begin: Callable[..., Serving], valkey_url: str) -> None:
    settings = {"redis_url": valkey_url, "secret_key": KEY, "twilio_auth_token": TOKEN}
    asyncio.run(emptied(valkey_url))
    serving = begin(**settings).ready()
    assert "For now: The counters of this Redis are not confirmed" in serving.out
    started = {command.split(" -m ")[-1].split(" --")[0] for command in serving.children().values()}
    assert started == {"ivr account serve", "ivr worker"}
    assert TOKEN not in serving.out
    assert "ivr call" not in serving.out
    assert not (serving.data / "auth_token").exists()
    assert not (serving.data / "secret_key").exists()
    confirmed = ivr(["counters", "confirm"], serving.folder, redis_url=valkey_url, secret_key=KEY)
    assert (confirmed.returncode, confirmed.stderr) == (0, "")
    done = ivr([*BALANCE, "--url", serving.url], serving.folder, **settings)
    assert TOLD in done.stdout


def test_a_store_that_is_away_cannot_confirm(tmp_path: Path) -> None:
    done = ivr(["counters", "confirm"], tmp_path, redis_url="redis://127.0.0.1:1", secret_key=KEY)
    assert done.returncode == 1
    assert done.stderr == "The store at redis://127.0.0.1:1 did not confirm its counters: it does not answer.\n"


def test_check_is_content_with_what_is_served(tmp_path: Path) -> None:
    done = ivr(["check"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Flows and prompts are fine ({ROOT / 'flows'}, {ROOT / 'prompts'}).\n"


def test_check_tells_every_problem(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "main.yaml").write_text("flow: main\nflow: main\n")
    done = ivr(["check", "--flows", "flows"], tmp_path)
    assert done.returncode == 1
    assert "main.yaml:2" in done.stdout
    assert f"found (flows, {ROOT / 'prompts'})" in done.stderr
    assert "Traceback" not in done.stderr
