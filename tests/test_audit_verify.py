"""Heads in a real database, and what `ivr audit verify` tells of files that were tampered with, lost or left behind."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.__main__ import run
from ivr.audit.chain import Chain, ChainKey, chain_keys
from ivr.audit.chainfile import ChainFile, chain_files
from ivr.audit.heads import Head, read_heads
from ivr.audit.keeping import DAY_MS, AuditKeeping
from ivr.audit.verifying import FIRST_HEAD_MS, Days, Report, verify
from ivr.database.opening import open_engine
from ivr.database.tables import AUDIT_CHAINS
from ivr.database.upgrading import upgrade
from ivr.serve import sqlite_url

SECRET, OTHER = bytes(32), bytes([1]) * 32
KEY, OTHER_KEY = chain_keys([SECRET, OTHER])
NOW = 1_795_690_000_000
LONG_AGO = NOW - 40 * DAY_MS


def written(
    folder: Path, entries: int = 3, *, at: int = NOW, end: str = "stopped", key: ChainKey = KEY, worker: str = "here/0"
) -> Path:
    """Write a chain; without an `end` its worker was killed."""
    file = ChainFile(folder, Chain(key, worker=worker, at=at))
    for number in range(entries):
        file.write([(at + number, f"CA{number}", "whose", "balance", "ok")])
    if end:
        file.close(at + entries, end)
    else:
        file.abandon()
    return file.path


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    yield engine
    await engine.dispose()


@pytest.fixture
def keeping(tmp_path: Path) -> AuditKeeping:
    return keeper(tmp_path)


def keeper(tmp_path: Path, *, days: int = 30) -> AuditKeeping:
    return AuditKeeping(tmp_path / "audit", sqlite_url(tmp_path / "calls.sqlite3"), days=days, now=lambda: NOW)


async def verified(
    engine: AsyncEngine, *folders: Path, keys: tuple[ChainKey, ...] = (KEY,), now: int = NOW, **how: object
) -> Report:
    return verify(folders, keys, await read_heads(engine), now=now, **how)  # type: ignore[arg-type]


# --- heads -----------------------------------------------------------------------------------------------------------


async def test_heads_follow_the_files(tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping) -> None:
    file = ChainFile(tmp_path / "audit", Chain(KEY, worker="here/0", at=NOW))
    await keeping.round(5, prunes=True)
    file.write([(NOW + 1, "CA1", "whose", "balance", "ok")])
    await keeping.round(5, prunes=True)
    (head,) = (await read_heads(engine)).values()
    assert head == Head(file.chain.ident, "here/0", NOW, 1, file.chain.mac, NOW + 1, closed=False)
    file.close(NOW + 2, "stopped")
    await keeping.stop()
    (head,) = (await read_heads(engine)).values()
    assert (head.seq, head.closed) == (2, True)
    report = await verified(engine, tmp_path / "audit")
    assert (report.faults, report.notes, report.chains, report.entries) == ([], [], 1, 1)


async def test_a_database_that_is_away_is_told_once_and_caught_up(
    tmp_path: Path, keeping: AuditKeeping, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path / "audit")
    (tmp_path / "calls.sqlite3").mkdir()
    with caplog.at_level(logging.WARNING, "ivr.serve"):
        for _ in range(2):
            await keeping.round(5, prunes=True)
        assert len(caplog.records) == 1
        assert "will be caught up" in caplog.text
        (tmp_path / "calls.sqlite3").rmdir()
        await upgrade(sqlite_url(tmp_path / "calls.sqlite3"))
        await keeping.round(5, prunes=True)
        assert "written again" in caplog.text
    await keeping.stop()
    engine = open_engine(sqlite_url(tmp_path / "calls.sqlite3"))
    assert [head.closed for head in (await read_heads(engine)).values()] == [True]
    await engine.dispose()


async def test_a_running_service_notices_a_cut_file_and_leaves_the_head(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "audit", end="")
    await keeping.round(5, prunes=True)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    await keeping.round(5, prunes=True)
    assert "has lost entries" in caplog.text
    assert [head.seq for head in (await read_heads(engine)).values()] == [3]
    await keeping.stop()


# --- what is told ----------------------------------------------------------------------------------------------------


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def cut(path: Path, lines: int) -> None:
    path.write_bytes(b"".join(lines_of(path)[:-lines]))


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"CA1"', b'"CA7"'))


def copied(path: Path) -> None:
    path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (changed, ", line 3: it was changed, or what stands before it"),
        (lambda path: path.write_bytes(b"".join(lines_of(path)[1:])), ", line 1: it is not the first line of a chain"),
        (lambda path: path.write_bytes(b"nonsense\n"), ", line 1: it cannot be read as an entry"),
        (lambda path: cut(path, 1), ": line 5 is cut off its end; the database knows of them (2026-11-26"),
        (lambda path: cut(path, 3), ": lines 3 to 5 are cut off its end; the database knows of them (2026-11-26"),
        (lambda path: path.write_bytes(b""), ": lines 1 to 5 are cut off its end"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), ": line 5 is cut off its end"),
        (lambda path: path.unlink(), "of worker here/0, begun 2026-11-26 18:46:40: its file is missing"),
        (copied, ": the same chain stands in"),
    ],
)
async def test_what_was_tampered_with_is_named(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping, tamper: Callable[[Path], object], told: str
) -> None:
    folder = tmp_path / "audit"
    path, untouched = written(folder), written(folder, 5)
    await keeping.stop()
    tamper(path)
    (fault,) = (await verified(engine, folder)).faults
    assert told in fault
    assert untouched.name not in fault
    assert path.name in fault or path.stem.rpartition("-")[2] in fault


async def test_a_chain_written_anew_with_the_key_is_not_the_one_that_the_database_knows(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping
) -> None:
    path = written(tmp_path / "audit")
    await keeping.stop()
    chain = Chain(KEY, worker="here/0", at=NOW)
    chain.ident = path.stem.rpartition("-")[2]
    anew = [chain.opening(), *(chain.entry(NOW, f"CA{n}", "nobody", "balance", "ok") for n in range(4))]
    path.write_bytes(b"".join(anew))
    (fault,) = (await verified(engine, tmp_path / "audit")).faults
    assert "line 5: it is not the one that the database knows" in fault


async def test_the_end_of_a_killed_worker_is_open_and_no_fault(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping
) -> None:
    path = written(tmp_path / "audit", end="")
    torn = written(tmp_path / "audit", 1, end="")
    await keeping.stop()
    with torn.open("ab") as file:
        file.write(b'{"seq":2,"at"')
    report = await verified(engine, tmp_path / "audit")
    assert report.faults == []
    assert set(report.notes) == {
        f"{path}: its end is open after line 4 (2026-11-26 18:46:40); its worker was ended there.",
        f"{torn}: its end is open after line 2 (2026-11-26 18:46:40), in the middle of a line; "
        "its worker was ended there.",
    }


async def test_a_young_chain_may_still_have_no_head(tmp_path: Path, engine: AsyncEngine) -> None:
    file = ChainFile(tmp_path / "audit", Chain(KEY, worker="here/0", at=NOW))
    report = await verified(engine, tmp_path / "audit")
    assert report.faults == []
    assert any("is being written" in note for note in report.notes)
    file.close(NOW, "stopped")
    report = await verified(engine, tmp_path / "audit", now=NOW + FIRST_HEAD_MS - 1)
    assert report.faults == []
    assert any("the database knows no head of it" in note for note in report.notes)
    (fault,) = (await verified(engine, tmp_path / "audit", now=NOW + FIRST_HEAD_MS)).faults
    assert "the database knows no head of it" in fault


async def test_two_keys_verify_and_an_unknown_one_is_named(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping
) -> None:
    """While a secret is being changed both are known; afterwards the old files need the old one."""
    folder = tmp_path / "audit"
    old, _ = written(folder), written(folder, key=OTHER_KEY)
    await keeping.stop()
    assert (await verified(engine, folder, keys=(OTHER_KEY, KEY))).faults == []
    (fault,) = (await verified(engine, folder, keys=(OTHER_KEY,))).faults
    assert fault.startswith(f"{old}, line 1: it was written under the key {KEY.ident}, which does not come from")


async def test_machines_are_verified_together_or_each_by_itself(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping
) -> None:
    here, there = tmp_path / "audit", tmp_path / "there"
    written(here)
    written(there, worker="there/0")
    elsewhere = AuditKeeping(there, sqlite_url(tmp_path / "calls.sqlite3"), days=30, now=lambda: NOW)
    await asyncio.gather(keeping.stop(), elsewhere.stop())
    assert (await verified(engine, here, there)).faults == []
    assert len((await verified(engine, here)).faults) == 1
    alone = await verified(engine, here, machines=["here"])
    assert (alone.faults, alone.notes) == ([], ["Not looked at: chains of there."])


async def test_only_the_days_that_are_asked_for_are_told(
    tmp_path: Path, engine: AsyncEngine, keeping: AuditKeeping
) -> None:
    folder = tmp_path / "audit"
    changed(written(folder, at=LONG_AGO))
    lost = written(folder, at=NOW - DAY_MS)
    await keeping.round(5, prunes=False)
    lost.unlink()
    written(folder)
    await keeping.stop()
    assert len((await verified(engine, folder)).faults) == 2
    today = await verified(engine, folder, days=Days(first=date(2026, 11, 26)))
    assert (today.faults, today.chains) == ([], 1)
    assert len((await verified(engine, folder, days=Days(last=date(2026, 10, 20)))).faults) == 1


# --- deleting --------------------------------------------------------------------------------------------------------


async def test_what_is_too_old_is_deleted_and_the_database_remembers(tmp_path: Path, engine: AsyncEngine) -> None:
    folder = tmp_path / "audit"
    gone, never_known = written(folder, at=LONG_AGO), written(folder, at=LONG_AGO + 1, end="")
    kept = written(folder)
    tampered = written(folder, at=LONG_AGO + 2)
    in_use = ChainFile(folder, Chain(KEY, worker="here/0", at=LONG_AGO))
    keeping = keeper(tmp_path)
    await keeping.round(5, prunes=False)
    cut(tampered, 1)
    async with engine.begin() as connection:
        await connection.execute(delete(AUDIT_CHAINS).where(AUDIT_CHAINS.c.chain == never_known.stem[-16:]))
    await keeping.round(5, prunes=True)
    await keeping.stop()
    assert set(chain_files(folder)) == {kept, tampered, in_use.path}
    report = await verified(engine, folder)
    assert len(report.faults) == 1
    assert str(tampered) in report.faults[0]
    assert report.notes[-1] == "2 chains were deleted when their time had come."
    assert not gone.exists()
    in_use.abandon()


async def test_nothing_is_deleted_while_the_database_is_away(tmp_path: Path) -> None:
    path = written(tmp_path / "audit", at=LONG_AGO)
    (tmp_path / "calls.sqlite3").mkdir()
    keeping = keeper(tmp_path)
    await keeping.round(5, prunes=True)
    await keeping.stop()
    assert path.exists()


# --- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret_key").write_text(b64encode(SECRET).decode())
    return tmp_path


def test_the_commands_from_an_empty_folder_to_a_tampered_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["database", "upgrade"]) == 0
    assert "and were made" in capsys.readouterr().out
    assert run(["audit", "verify"]) == 0
    path = written(home / "audit")
    asyncio.run(keeper(home).stop())
    assert run(["audit", "verify", "--from", "2026-11-26", "--to", "2026-11-26"]) == 0
    assert "The audit trail holds: 3 entries in 1 files." in capsys.readouterr().out
    assert run(["audit", "show", "--call", "CA1"]) == 0
    assert capsys.readouterr().out.split() == ["2026-11-26", "18:46:40", "CA1", "whose", "balance:", "ok"]
    assert run(["audit", "show", "--format", "json", "--from", "2026-11-27"]) == 0
    assert capsys.readouterr() == ("", f"There is no such entry in {home / 'audit'}.\n")
    changed(path)
    assert run(["audit", "verify"]) == 1
    told = capsys.readouterr()
    assert f"{path}, line 3: it was changed" in told.err
    assert "does not hold: 1 fault;" in told.err


def test_old_files_are_deleted_by_a_command(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["database", "upgrade"])
    path = written(home / "audit", at=1_500_000_000_000)
    assert run(["audit", "prune"]) == 0
    assert f"{path} is deleted." in capsys.readouterr().out
    assert run(["audit", "verify"]) == 0
    assert "1 chains were deleted" in capsys.readouterr().out


def test_without_the_database_it_is_told_that_cut_ends_cannot_be(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(home / "audit")
    (home / "calls.sqlite3").mkdir()
    assert run(["audit", "verify"]) == 1
    assert "cannot be told whether ends were cut off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verify", "nowhere"], "nowhere is no folder: expected a folder of audit files."),
        (["verify", "--from", "yesterday"], "expected a day such as 2026-11-26, not yesterday"),
        (["show", "--format", "xml"], "'xml'"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_status_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(["audit", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_without_a_key_nothing_can_be_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "secret_key").unlink()
    assert run(["audit", "verify"]) == 2
    assert "IVR_SECRET_KEY is not set" in capsys.readouterr().err
