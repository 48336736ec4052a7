"""The service as an operator runs it: what it embeds, what it replaces, and that nothing it started outlives it."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from ivr_command import BALANCE, ROOT, TOLD, Serving, answers, environment, ivr, ivr_here, lives, until
from small_hotline import HALL, Files
from test_readme import call_of_the_readme, on_any_day

from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call
from ivr.redis_line import connect
from ivr.settings import DEMO_ACCOUNT_SID

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
TOKEN = "0123456789abcdef" * 2


async def emptied(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        await redis.flushall()


def test_flows_that_cannot_be_served_stop_the_start_and_are_told_once(begin: Callable[..., Serving]) -> None:
    serving = begin("--workers", "3", prompts_dir=str(ROOT / "tests"))
    assert serving.process.wait(90) == 2
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

    # The call finds the service and its token by itself, and prints what the README shows.
    arguments, shown = call_of_the_readme()
    done = ivr(arguments, serving.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert on_any_day(done.stdout.splitlines()) == shown

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
    for part in ("ivr worker", "ivr account", "ivr exchange", "valkey-server"):
        victim = serving.workers[0] if part == "ivr worker" else serving.child(part)
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in serving.children() and len(serving.children()) == 7)  # type: ignore[misc]
        until(serving.is_ready)
        done = ivr_here(BALANCE, serving.folder)
        assert TOLD in done.stdout, f"after the death of {part}: {done.stdout}"
    assert "Worker 1 was ended by SIGKILL; another one takes its place." in serving.err
    assert "The demo account service was ended by SIGKILL" in serving.err
    assert "The exchange was ended by SIGKILL" in serving.err
    assert "The embedded Valkey has died" in serving.err

    # The mould may die as well: whom it has forked goes on.
    forked = serving.workers
    os.kill(serving.mould, signal.SIGKILL)
    until(lambda: "The mould of the workers has ended" in serving.err)
    assert all(lives(pid) for pid in forked)
    assert TOLD in ivr_here(BALANCE, serving.folder).stdout

    # Told to, all workers are replaced by new ones, and whoever calls meanwhile is served.
    old = set(serving.workers)
    serving.process.send_signal(signal.SIGUSR2)
    until(lambda: "All workers are new." in serving.err)
    assert not old & set(serving.children())
    until(lambda: len(serving.children()) == 7)

    # A reload ends nobody.
    before = set(serving.children())
    serving.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert set(serving.children()) == before
    assert serving.is_ready()

    assert serving.stop() == 0
    assert "Traceback" not in serving.err
    assert not [pid for pid in (*before, *forked) if lives(pid)]
    assert not (serving.data / "serve.json").exists()

    # Each of the six answers has its two entries, also those of the worker that was killed, whose chain has no end.
    verified = ivr_here(["audit", "verify"], serving.folder)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "its end is open" in verified.stdout
    assert "The audit trail holds: 12 entries in " in verified.stdout


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
        flows = httpx2.get(f"{serving.url}/readyz", trust_env=False, timeout=60).json()["flows"]
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
            killed = serving.workers[0]
            os.kill(killed, signal.SIGKILL)
            await asyncio.to_thread(until, lambda: killed not in serving.workers and len(serving.workers) > 0)
            await asyncio.to_thread(until, lambda: answers(serving.url))
            assert told() == (held, True)
            assert HALL in await heard(old)
            new = await carrier.dial()
            await heard(new)
            assert "大厅搬走了。" in await heard(new)

    asyncio.run(calls())
    listed = ivr_here(["flows", "--format", "json"], serving.folder, redis_url=valkey_url, secret_key=KEY)
    assert [json.loads(line)["current"] for line in listed.stdout.splitlines()] == [True, False]
    assert "stays in force" in serving.err
    # Whoever starts it on these files is told at once.
    assert serving.stop() == 0
    assert ivr(["serve", "--port", "0"], serving.folder, **settings).returncode == 2


def test_children_leave_when_the_parent_is_killed_and_the_next_start_finds_its_way(
    begin: Callable[..., Serving],
) -> None:
    def secrets() -> list[str]:
        return [(serving.data / name).read_text().strip() for name in ("auth_token", "account_token", "secret_key")]

    serving = begin().ready()
    children, kept = serving.children(), secrets()
    os.kill(serving.process.pid, signal.SIGKILL)
    serving.process.wait()
    own = [pid for pid, command in children.items() if "valkey-server" not in command]
    assert len(own) >= 2
    until(lambda: not any(lives(pid) for pid in own))
    # Its announcement is still there, but a call is not misled by it: it starts a service of its own, and leaves
    # nothing of that behind.
    assert (serving.data / "serve.json").exists()
    before = set(serving.folder.iterdir())
    done = ivr(BALANCE, serving.folder)
    assert (done.returncode, TOLD in done.stdout) == (0, True)
    assert "one is started just for this call" in done.stderr
    assert set(serving.folder.iterdir()) == before
    next_one = begin().ready()
    assert next_one.is_ready()
    # It keeps the secrets: what was sealed yesterday opens today.
    assert secrets() == kept
    assert next_one.stop(signal.SIGINT) == 0
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


def test_a_store_that_does_not_answer_is_told_and_only_who_knows_the_token_can_call(
    begin: Callable[..., Serving], tmp_path: Path
) -> None:
    serving = begin(redis_url="redis://127.0.0.1:1", secret_key=KEY, twilio_auth_token=TOKEN).ready()
    assert "For now: Redis does not answer: calls are answered in public mode, nobody is verified." in serving.out
    done = ivr_here(["call", "--keys", "-", "--url", serving.url], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("IVR_TWILIO_AUTH_TOKEN is not set")


def test_what_is_set_replaces_only_its_own_embedded_part(begin: Callable[..., Serving], valkey_url: str) -> None:
    settings = {"redis_url": valkey_url, "secret_key": KEY, "twilio_auth_token": TOKEN}
    asyncio.run(emptied(valkey_url))
    serving = begin(database_url="sqlite:///members-elsewhere.db", **settings).ready()
    assert "For now: The counters of this Redis are not confirmed" in serving.out
    started = {command.split(" -m ")[-1].split(" --")[0] for command in serving.children().values()}
    assert started == {"ivr account serve", "ivr worker"}
    assert TOKEN not in serving.out
    assert "ivr call" not in serving.out
    confirmed = ivr_here(["counters", "confirm"], serving.folder, redis_url=valkey_url, secret_key=KEY)
    assert (confirmed.returncode, confirmed.stderr) == (0, "")
    done = ivr_here([*BALANCE, "--url", serving.url], serving.folder, **settings)
    assert TOLD in done.stdout
    assert serving.stop() == 0
    assert (serving.folder / "members-elsewhere.db").exists()
    for name in ("auth_token", "secret_key", "members.sqlite3", "calls.sqlite3", "valkey"):
        assert not (serving.data / name).exists()
