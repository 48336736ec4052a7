"""The thread that writes audit entries: on a real disk, on one that is full, and on one that hangs."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.audit import chainfile, trail
from ivr.audit.chain import ChainKey, Checked, Line, chain_keys, check
from ivr.audit.chainfile import chain_files, ends_of, is_in_use
from ivr.audit.trail import AuditAwayError, AuditTrail

KEYS = chain_keys([bytes(32)])
ENTRY = ("CA1", "whose", "balance", "ok")
LATE_S = 0.2
"""For an entry that is to come too late: long enough for the loop to hand it to the thread, on a busy machine too."""


class Clock:
    """Milliseconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_795_690_000_000

    def __call__(self) -> int:
        return self.now


def writing(folder: Path, *, now: Callable[[], int] | None = None, entry_s: float = 5.0) -> AuditTrail:
    one = AuditTrail(folder, KEYS, worker="test/0", now=now or Clock(), entry_s=entry_s)
    one.start()
    return one


def lines_in(path: Path, keys: tuple[ChainKey, ...] = KEYS) -> list[Line]:
    """Give the lines of a file, every one of which holds."""
    with path.open("rb") as file:
        checked = list(check(keys, file))
    assert all(isinstance(one, Checked) for one in checked), checked[-1]
    return [one.line for one in checked if isinstance(one, Checked)]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a file sets no event
            await asyncio.sleep(0.005)


async def test_an_entry_is_in_the_file_when_enter_returns(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "audit"
    one = writing(folder)
    await one.enter(*ENTRY)
    (path,) = chain_files(folder)
    opening, entry = lines_in(path)
    assert (entry.call, entry.member, entry.field, entry.outcome) == ENTRY
    assert (opening.worker, opening.key) == ("test/0", KEYS[0].ident)
    assert path.name == f"20261126T104640Z-{opening.chain}.jsonl"
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert is_in_use(path)
    await one.stop(5)
    assert lines_in(path)[-1].end == "stopped"
    assert not is_in_use(path)


async def test_many_at_once_stand_in_one_chain(tmp_path: Path) -> None:
    one = writing(tmp_path)
    await asyncio.gather(*(one.enter(f"CA{n}", "whose", "balance", "ok") for n in range(500)))
    await one.stop(5)
    (path,) = chain_files(tmp_path)
    assert {line.call for line in lines_in(path)[1:-1]} == {f"CA{n}" for n in range(500)}


async def test_a_chain_goes_on_in_another_one_after_a_day(tmp_path: Path) -> None:
    clock = Clock()
    one = writing(tmp_path, now=clock)
    await one.enter(*ENTRY)
    clock.now += trail.CHAIN_MS
    await one.enter(*ENTRY)
    await one.stop(5)
    first, second = (lines_in(path) for path in chain_files(tmp_path))
    assert (first[-1].end, second[-1].end) == ("continued", "stopped")
    assert [len(lines) for lines in (first, second)] == [3, 3]


async def test_a_file_that_somebody_removed_is_not_written_on(tmp_path: Path) -> None:
    one = writing(tmp_path)
    await one.enter(*ENTRY)
    (path,) = chain_files(tmp_path)
    path.unlink()
    await one.enter(*ENTRY)
    (other,) = chain_files(tmp_path)
    assert other != path
    assert len(lines_in(other)) == 2
    await one.stop(5)


async def test_a_folder_that_cannot_be_written_is_told_and_used_again_when_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.write_text("in the way")
    one = writing(folder)
    for _ in range(2):
        with pytest.raises(AuditAwayError, match="cannot be written"):
            await one.enter(*ENTRY)
    assert one.failing
    folder.unlink()
    await one.enter(*ENTRY)
    assert not one.failing
    await one.stop(5)


async def test_a_trail_that_failed_is_written_again_though_nobody_has_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "RETRY_S", 0.01)
    folder = tmp_path / "audit"
    folder.write_text("in the way")
    one = writing(folder)
    await until(lambda: not one.takes_entries)
    folder.unlink()
    await until(lambda: one.takes_entries)
    await one.stop(5)
    (path,) = chain_files(folder)
    assert [(line.call, line.field) for line in lines_in(path)] == [("", ""), ("", trail.TRAIL), ("", "")]


async def test_a_loop_that_was_late_is_no_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a machine that was asleep: both the answer of the thread and the end of the deadline lie waiting."""
    monkeypatch.setattr(trail, "GATHERED_S", 0.0)
    told, tell = threading.Event(), trail._tell

    def tells(loop: asyncio.AbstractEventLoop, what: Callable[..., object], *arguments: object) -> None:
        tell(loop, what, *arguments)
        told.set()

    monkeypatch.setattr(trail, "_tell", tells)
    one = writing(tmp_path, entry_s=0.05)
    await _begun(tmp_path)

    def asleep() -> None:
        assert told.wait(10)
        time.sleep(0.1)

    entering = asyncio.create_task(one.enter(*ENTRY))
    for _ in range(3):  # it begins, and is handed to the thread
        await asyncio.sleep(0)
    asleep()
    await entering
    assert one.takes_entries
    monkeypatch.setattr(one, "_entry_s", 5.0)
    await one.enter(*ENTRY)
    await one.stop(5)


async def test_a_loop_that_was_late_to_hand_an_entry_over_fails_that_entry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = writing(tmp_path, entry_s=0.05)
    await _begun(tmp_path)
    entering = asyncio.create_task(one.enter(*ENTRY))
    asyncio.get_running_loop().call_soon(time.sleep, 0.1)
    with pytest.raises(AuditAwayError):
        await entering
    assert one.takes_entries
    monkeypatch.setattr(one, "_entry_s", 5.0)
    await one.enter(*ENTRY)
    await one.stop(5)


async def test_a_full_disk_refuses_the_entry_and_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chainfile, "open_new", lambda _: os.open("/dev/full", os.O_WRONLY))
    one = writing(tmp_path)
    with pytest.raises(AuditAwayError, match="No space left"):
        await one.enter(*ENTRY)
    monkeypatch.undo()
    await one.enter(*ENTRY)
    (path,) = chain_files(tmp_path)
    assert [line.seq for line in lines_in(path)] == [0, 1]
    await one.stop(5)


FILLS_UP = """
import asyncio, pathlib, resource, signal, sys
from ivr.audit.chain import chain_keys
from ivr.audit.trail import AuditAwayError, AuditTrail

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    trail = AuditTrail(pathlib.Path(sys.argv[1]), chain_keys([bytes(32)]), worker="test/0", now=lambda: 1)
    trail.start()
    told = []
    for limit in (300, 300, 300, 2000, 2000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            await trail.enter("CA1", "whose", "balance", "ok")
        except AuditAwayError:
            told.append("away")
        else:
            told.append("entered")
    await trail.stop(5)
    print(*told)

asyncio.run(main())
"""


def test_a_disk_that_fills_up_in_the_middle_of_a_line_leaves_no_half_of_it(tmp_path: Path) -> None:
    """Real writes that come short, by a limit on the size of files: what stays is exactly what was told."""
    done = subprocess.run(
        [sys.executable, "-c", FILLS_UP, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["entered", "away", "away", "entered", "entered"]
    (path,) = chain_files(tmp_path)
    assert [line.field for line in lines_in(path)] == ["", "balance", "balance", "balance", ""]


async def test_a_sink_that_hangs_holds_up_nobody_and_what_came_too_late_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink is a pipe that is full and that nobody reads: the kernel keeps the writing thread waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def full_pipe(_: Path) -> int:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, b"x" * 65536)
        os.set_blocking(descriptor, True)
        return descriptor

    monkeypatch.setattr(chainfile, "open_new", full_pipe)
    one = writing(tmp_path, entry_s=LATE_S)
    loop = asyncio.get_running_loop()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    beating = loop.create_task(beat())
    with pytest.raises(AuditAwayError):
        await one.enter(*ENTRY)
    assert beats > 1, "the loop went on"
    before = beats
    with pytest.raises(AuditAwayError, match="does not take"):
        await one.enter(*ENTRY)
    assert beats == before, "who comes while it hangs is refused at once"
    beating.cancel()
    os.read(reader, 65536)
    await until(lambda: not one._stuck)
    lines: list[bytes] = []

    def read() -> bool:
        with_pipe = os.read(reader, 65536)
        lines.extend(with_pipe.splitlines(keepends=True))
        return len(lines) > 1

    # Nobody waited for the entry any more when the thread came to it, so it was not written.
    monkeypatch.setattr(one, "_entry_s", 5.0)
    await one.enter(*ENTRY)
    await until(read)
    found = list(check(KEYS, lines))
    assert [one.line.outcome for one in found if isinstance(one, Checked)] == ["", "ok"]
    await one.stop(5)
    os.close(reader)


async def test_an_entry_that_was_written_too_late_is_withdrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = writing(tmp_path, entry_s=LATE_S)
    (path,) = await _begun(tmp_path)
    may_write = threading.Event()
    write = chainfile.ChainFile.write

    def slow(self: chainfile.ChainFile, entries: list[tuple[int, str, str, str, str]]) -> int:
        may_write.wait(10)
        return write(self, entries)

    monkeypatch.setattr(chainfile.ChainFile, "write", slow)
    with pytest.raises(AuditAwayError):
        await one.enter(*ENTRY)
    may_write.set()
    await until(lambda: (ends := ends_of(path)) is not None and ends.last.seq == 2)
    assert [line.outcome for line in lines_in(path)] == ["", "ok", "withdrawn 1"]
    await one.stop(5)


async def test_a_withdrawal_that_could_not_be_written_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "RETRY_S", 0.01)
    one = writing(tmp_path, entry_s=LATE_S)
    (path,) = await _begun(tmp_path)
    may_write, tries = threading.Event(), iter(["late", "full"])
    write = chainfile.ChainFile.write

    def troubled(self: chainfile.ChainFile, entries: list[tuple[int, str, str, str, str]]) -> int:
        match next(tries, "well"):
            case "late":
                may_write.wait(10)
            case "full":
                raise OSError(28, "No space left on device")
        return write(self, entries)

    monkeypatch.setattr(chainfile.ChainFile, "write", troubled)
    with pytest.raises(AuditAwayError):
        await one.enter(*ENTRY)
    may_write.set()
    await until(lambda: (ends := ends_of(path)) is not None and ends.last.seq == 3)
    assert [line.outcome for line in lines_in(path)] == ["", "ok", "written again", "withdrawn 1"]
    await one.stop(5)


async def _begun(folder: Path) -> list[Path]:
    await until(lambda: chain_files(folder) and ends_of(chain_files(folder)[0]))
    return chain_files(folder)


async def test_a_queue_that_is_full_refuses_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "MOST_WAITING", 3)
    one = writing(tmp_path)
    done = await asyncio.gather(*(one.enter(*ENTRY) for _ in range(5)), return_exceptions=True)
    assert [isinstance(result, AuditAwayError) for result in done] == [False] * 3 + [True] * 2
    await one.stop(5)


async def test_what_cannot_be_encoded_is_refused_and_the_thread_lives_on(tmp_path: Path) -> None:
    one = writing(tmp_path)
    with pytest.raises(AuditAwayError):
        await one.enter("\ud800", "whose", "balance", "ok")
    await one.enter(*ENTRY)
    await one.stop(5)
    (path,) = chain_files(tmp_path)
    assert [line.call for line in lines_in(path)] == ["", "CA1", ""]


async def test_nothing_is_entered_before_the_start_and_after_the_stop(tmp_path: Path) -> None:
    one = AuditTrail(tmp_path, KEYS, worker="test/0", now=Clock(), entry_s=0.05)
    with pytest.raises(AuditAwayError):
        await one.enter(*ENTRY)
    one.start()
    await one.stop(5)
    with pytest.raises(AuditAwayError):
        await one.enter(*ENTRY)
