"""The data folder: secrets that are made once, one service at a time, and where a ready one is found."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr.datafolder import DataFolder, LocalService
from ivr.settings import SettingsError

DEAD = 2**22 + 1
"""A process id above the highest one that Linux gives."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "some" / "where").open()


def test_only_the_owner_may_enter_it_and_read_what_it_holds(folder: DataFolder) -> None:
    folder.auth_token()
    folder.announce(LocalService("http://localhost:1", "http://localhost:1", "AC", os.getpid()))
    folder.lock()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.path.iterdir()} == {0o600}
    assert {file.name for file in folder.path.iterdir()} == {"auth_token", "serve.json", "lock"}
    folder.unlock()


def test_a_secret_is_made_once(folder: DataFolder) -> None:
    made = (folder.auth_token(), folder.account_token(), folder.secret_key())
    again = DataFolder(folder.path)
    assert (again.auth_token(), again.account_token(), again.secret_key()) == made
    assert len(made[0]) == 32
    assert int(made[0], 16) > 0
    assert len(base64.b64decode(made[2], validate=True)) == 32


def test_all_who_make_a_secret_at_once_get_the_same(folder: DataFolder) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {future.result() for future in [pool.submit(folder.secret_key) for _ in range(32)]}
    assert len(made) == 1
    assert [file.name for file in folder.path.iterdir()] == ["secret_key"]


def test_an_empty_secret_is_never_used(folder: DataFolder) -> None:
    (folder.path / "secret_key").write_text("\n")
    with pytest.raises(SettingsError, match="secret_key is empty"):
        folder.secret_key()


def test_a_second_service_does_not_get_the_folder(folder: DataFolder) -> None:
    folder.lock()
    with pytest.raises(SettingsError, match=f"process {os.getpid()}.* uses the data folder .*: stop it first"):
        DataFolder(folder.path).lock()
    folder.unlock()
    second = DataFolder(folder.path)
    second.lock()
    second.unlock()


def test_a_folder_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SettingsError, match="every user of this machine can write it"):
        DataFolder(tmp_path).open()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be made"):
        DataFolder(tmp_path / "file" / "below").open()


def test_a_ready_service_is_found_until_it_is_taken_back(folder: DataFolder) -> None:
    assert folder.ready_service() is None
    mine = LocalService(
        "http://127.0.0.1:8000", "https://hotline.example.com", "AC1", os.getpid(), "http://127.0.0.1:9"
    )
    folder.announce(mine)
    assert DataFolder(folder.path).ready_service() == mine
    folder.retract()
    assert folder.ready_service() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1}', '{"url": 1, "public_url": 1, "account_sid": 1, "pid": "x"}']
)
def test_what_is_no_announcement_is_no_service(folder: DataFolder, text: str) -> None:
    (folder.path / "serve.json").write_text(text)
    assert folder.ready_service() is None
    folder.retract()
    assert (folder.path / "serve.json").exists()


def test_a_service_whose_process_is_gone_is_not_ready(folder: DataFolder) -> None:
    folder.announce(LocalService("http://127.0.0.1:8000", "http://127.0.0.1:8000", "AC1", DEAD))
    assert folder.ready_service() is None
    folder.retract()
    assert (folder.path / "serve.json").exists()
