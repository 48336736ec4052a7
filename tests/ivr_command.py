"""The `ivr` command for tests: run to its end in this process or in one of its own, and a service that runs beside."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import httpx2
import pytest
from logging_to import logging_to

import ivr as package
from ivr.__main__ import run

ROOT = Path(__file__).parent.parent
READY = "Ctrl-C stops it."
BALANCE = ["call", "--keys", "1 110105198503122173# 846275"]
TOLD = "两万零一百八十元零五分"
"""What the caller of `BALANCE` hears: the balance of the first sample member."""


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return an environment in which nothing is set but these settings, and the tested package is the one imported."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("IVR_")}
    mine = {f"IVR_{name.upper()}": value for name, value in ({"data_dir": str(folder / "data")} | settings).items()}
    path = str(Path(package.__file__).parent.parent)
    return kept | mine | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), "NO_COLOR": "1"}


def ivr(arguments: list[str], folder: Path, **settings: str) -> CompletedProcess[str]:
    """Run one command to its end in a process of its own, with ``folder`` as the working folder."""
    return subprocess.run(
        [sys.executable, "-m", "ivr", *arguments],
        cwd=folder,
        env=environment(folder, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def ivr_here(arguments: list[str], folder: Path, **settings: str) -> CompletedProcess[str]:
    """Run one command like `ivr`, but in this process, where everything is imported already; log lines come last."""
    out, err = io.StringIO(), io.StringIO()
    umask = os.umask(0o077)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ivr") as elsewhere:
        for name in {*os.environ} - {*(mine := environment(folder, **settings))}:
            patch.delenv(name)
        for name, value in mine.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(folder))
        with (
            logging_to(Path(elsewhere) / "log", "text", logging.INFO) as logged,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.setattr("ivr.logs.begin", lambda _: None)  # it has begun, where it can be read
            status = run(arguments)
            err.write(logged.text)
    os.umask(umask)
    return CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


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
        return children_of(self.process.pid)

    def child(self, part: str) -> int:
        """Return the process id of the first child whose command line holds ``part``."""
        return min(pid for pid, command in self.children().items() if part in command)

    @property
    def mould(self) -> int:
        return self.child("--mould-fd")  # its forks are called like it, and come later

    @property
    def workers(self) -> list[int]:
        return workers_of(self.process.pid)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self._out.close()
        self._err.close()


def children_of(parent: int) -> dict[int, str]:
    """Return the processes that a service runs on, with their command lines, and those that they have forked."""
    found: dict[int, str] = {}
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents[int(entry.name)] = (above, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (FileNotFoundError, ProcessLookupError):
                continue
    older = {parent}
    while older:
        younger = {pid: line for pid, (above, line) in parents.items() if above in older and line}
        found |= younger
        older = set(younger)
    return found


def workers_of(parent: int) -> list[int]:
    """Return the processes of a service that answer calls or stand by to do so, but not their mould; the oldest first.

    Who was forked is called like the mould, which is older.
    """
    found = sorted((pid, line) for pid, line in children_of(parent).items() if "ivr worker" in line)
    mould = next((pid for pid, line in found if "--mould-fd" in line), None)
    return [pid for pid, _ in found if pid != mould]


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


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
