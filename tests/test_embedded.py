"""The embedded Valkey: private, on its own folder, keeps its data, and leaves no second server behind."""

import asyncio
import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ivr import embedded
from ivr.embedded import EmbeddedFailed, EmbeddedValkey
from ivr.redis_line import connect


@pytest_asyncio.fixture
async def servers() -> AsyncIterator[list[EmbeddedValkey]]:
    """Collect servers that are stopped whatever the test does."""
    made: list[EmbeddedValkey] = []
    yield made
    for server in made:
        await server.stop()


async def config(server: EmbeddedValkey, name: str) -> str:
    async with connect(server.url) as redis:
        return str((await redis.config_get(name))[name])


async def test_it_answers_on_a_socket_of_this_user_alone(own_valkey: EmbeddedValkey, short_folder: Path) -> None:
    path = short_folder / "valkey.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_valkey.url == f"unix://{path}"
    assert own_valkey.poll() is None
    wanted = {
        "port": "0",
        "maxmemory": str(256 << 20),
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "save": "",
        "dir": str(short_folder),
    }
    assert {name: await config(own_valkey, name) for name in wanted} == wanted


async def test_it_works_in_a_folder_with_blanks_and_other_letters(
    short_folder: Path, servers: list[EmbeddedValkey]
) -> None:
    server = EmbeddedValkey(short_folder / "a 'b' %20 文")
    servers.append(server)
    await server.start()
    assert await config(server, "dir") == str(server.folder)


async def test_its_data_outlive_a_stop_a_kill_and_a_new_start(own_valkey: EmbeddedValkey) -> None:
    assert own_valkey.fresh
    for number in range(2):
        async with connect(own_valkey.url) as redis:
            await redis.set(f"k{number}", "v", ex=600)
        if number:
            assert own_valkey.pid
            os.kill(own_valkey.pid, signal.SIGKILL)
            await asyncio.to_thread(os.waitid, os.P_PID, own_valkey.pid, os.WEXITED | os.WNOWAIT)
        else:
            await own_valkey.stop()
            assert own_valkey.poll() == -1
            assert not (own_valkey.folder / "valkey.sock").exists()
        await own_valkey.restart()
        assert own_valkey.poll() is None
        assert not own_valkey.fresh
    async with connect(own_valkey.url) as redis:
        assert await redis.mget("k0", "k1") == [b"v", b"v"]


async def test_starting_twice_and_restarting_a_living_one_change_nothing(own_valkey: EmbeddedValkey) -> None:
    pid = own_valkey.pid
    await own_valkey.start()
    await own_valkey.restart()
    assert own_valkey.pid == pid


async def test_a_server_left_over_by_a_dead_parent_is_stopped_first(
    own_valkey: EmbeddedValkey, servers: list[EmbeddedValkey]
) -> None:
    async with connect(own_valkey.url) as redis:
        await redis.set("k", "v", ex=600)
    after = EmbeddedValkey(own_valkey.folder)
    servers.append(after)
    await after.start()
    assert own_valkey.poll() == 0
    assert after.poll() is None
    assert not after.fresh
    async with connect(after.url) as redis:
        assert await redis.get("k") == b"v"


async def test_a_socket_without_a_server_is_no_obstacle(short_folder: Path, servers: list[EmbeddedValkey]) -> None:
    (short_folder / "valkey.sock").touch()
    server = EmbeddedValkey(short_folder)
    servers.append(server)
    await server.start()
    assert server.poll() is None


async def test_a_left_over_server_that_does_not_stop_is_told(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_S", 0.2)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedFailed, match=f"An earlier Valkey still runs on {own_valkey.folder}"):
            await EmbeddedValkey(own_valkey.folder).start()
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)


async def test_a_stalled_server_is_killed_at_the_stop(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_S", 0.1)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    await own_valkey.stop()
    assert own_valkey.poll() == -1


async def test_a_long_path_gets_a_short_private_socket_that_is_found_again(
    short_folder: Path, servers: list[EmbeddedValkey]
) -> None:
    folder = short_folder / ("x" * 120)
    first, second = EmbeddedValkey(folder), EmbeddedValkey(folder)
    servers += [first, second]
    await first.start()
    socket = Path(first.url.removeprefix("unix://"))
    assert len(os.fsencode(socket)) <= 107
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert first.socket_note == (
        f"The path of {folder} is too long for a socket (107 bytes), so the socket of the embedded server is {socket}."
    )
    await second.start()
    assert first.poll() == 0
    assert second.url == first.url
    await second.stop()
    socket.parent.rmdir()


async def test_a_socket_folder_laid_out_by_somebody_else_is_refused(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    server = EmbeddedValkey(short_folder / ("x" * 120))
    Path(server.url.removeprefix("unix://")).parent.mkdir(mode=0o755)
    with pytest.raises(EmbeddedFailed, match="it is not a folder that only this user may open"):
        await server.start()


async def test_where_no_short_path_is_to_be_had_it_says_so(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    temporary = short_folder / ("t" * 100)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(EmbeddedFailed, match=r"too long for a socket .* set IVR_DATA_DIR to a shorter path"):
        await EmbeddedValkey(short_folder / ("x" * 120)).start()


async def test_a_folder_that_is_none_is_told_in_a_sentence(short_folder: Path) -> None:
    (short_folder / "data").write_text("a file")
    with pytest.raises(EmbeddedFailed, match=r"cannot use .*data: .*; expected a folder that this user may write"):
        await EmbeddedValkey(short_folder / "data").start()


async def test_data_that_cannot_be_read_stop_the_start_with_the_servers_own_words(own_valkey: EmbeddedValkey) -> None:
    async with connect(own_valkey.url) as redis:
        await redis.set("k", "v" * 100, ex=600)
    await own_valkey.stop()
    (log,) = (own_valkey.folder / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"garbage" * 100)
    with pytest.raises(EmbeddedFailed, match=r"stopped at once: .*Bad file format") as told:
        await own_valkey.start()
    assert str(told.value).startswith(f"The embedded Valkey in {own_valkey.folder} ")
    assert own_valkey.poll() not in (None, 0)


async def test_it_is_out_of_reach_of_ctrl_c_in_the_terminal(own_valkey: EmbeddedValkey) -> None:
    assert own_valkey.pid
    assert os.getpgid(own_valkey.pid) != os.getpgid(0)


async def test_a_long_log_begins_anew(short_folder: Path, servers: list[EmbeddedValkey]) -> None:
    (short_folder / "valkey.log").write_bytes(b"x" * 1_000_001)
    server = EmbeddedValkey(short_folder)
    servers.append(server)
    await server.start()
    assert (short_folder / "valkey.log").stat().st_size < 10_000
    assert (short_folder / "valkey.log.old").stat().st_size == 1_000_001


async def test_a_system_without_a_server_is_told_what_to_set(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    with pytest.raises(EmbeddedFailed, match="There is no Valkey for this system, so set IVR_REDIS_URL"):
        await EmbeddedValkey(short_folder).start()


async def test_a_server_that_cannot_be_run_is_told_in_a_sentence(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(EmbeddedFailed, match="does not start: Permission denied"):
        await EmbeddedValkey(short_folder).start()
