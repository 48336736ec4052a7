"""The folder that belongs to the service: secrets that are made once, the lock, and where a ready service is found."""

import fcntl
import json
import os
import secrets
import stat
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from ivr.settings import SettingsError


class LocalService(NamedTuple):
    """A service of this machine that is ready: ``url`` reaches its listener, signatures are over ``public_url``."""

    url: str
    public_url: str
    account_sid: str
    pid: int
    demo_account_url: str = ""
    """Where the reference account service is, whose outbox holds the text messages of the demo."""
    exchange_url: str = ""
    """Where the exchange is to which phones of this machine are plugged in; nothing where there is none."""


class DataFolder:
    """The user's data folder, or that of ``IVR_DATA_DIR``. Everything in it is readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> Self:
        """Make the folder where there is none. Raises `SettingsError` where it cannot be written, or by anybody."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise self._wrong(f"it cannot be made ({error.strerror})") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise self._wrong("it cannot be written")
        # Its mode is left as it is where somebody else made it: the folder may hold more than ours.
        if mode & stat.S_IWOTH:
            raise self._wrong("every user of this machine can write it")
        return self

    def lock(self) -> None:
        """Take the folder for this process alone. Raises `SettingsError` where another service has it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise SettingsError(
                f"Another service (process {owner or 'unknown'}) uses the data folder {self.path}: "
                "stop it first, or give this one a folder of its own in IVR_DATA_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock = descriptor

    def unlock(self) -> None:
        """Give the folder free again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def auth_token(self) -> str:
        """Return the made-up auth token of the demo: 32 hexadecimal digits, the same at every start."""
        return self._once("auth_token", lambda: secrets.token_hex(16))

    def account_token(self) -> str:
        """Return the bearer token between the hotline and the reference account service."""
        return self._once("account_token", lambda: secrets.token_hex(32))

    def secret_key(self) -> str:
        """Return the sealing key as base64 of 32 bytes, the same at every start."""
        return self._once("secret_key", lambda: b64encode(secrets.token_bytes(32)).decode())

    def agents_password(self) -> str:
        """Return the password of the demo's sample agents, the same at every start."""
        return self._once("agents_password", lambda: secrets.token_hex(5))

    def kept(self, name: str) -> str | None:
        """Return a secret that was made before, or None."""
        try:
            text = (self.path / name).read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            raise SettingsError(f"{self.path / name} is empty or cannot be read: put it back, or remove it.")
        return text

    def announce(self, service: LocalService) -> None:
        """Write down that a service is ready, so that `ivr call` finds it."""
        self._write("serve.json", json.dumps(service._asdict()))

    def retract(self) -> None:
        """Take back what this process announced; what another one announced since then stays."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            if json.loads((self.path / "serve.json").read_text("utf-8"))["pid"] == os.getpid():
                (self.path / "serve.json").unlink()

    def ready_service(self) -> LocalService | None:
        """Return the service that was announced here and whose process still lives."""
        try:
            service = LocalService(**json.loads((self.path / "serve.json").read_text("utf-8")))
            os.kill(int(service.pid), 0)
        except PermissionError:
            return service
        except (OSError, ValueError, TypeError, OverflowError):
            return None
        return service

    def _once(self, name: str, make: Callable[[], str]) -> str:
        """Return what is kept under ``name``; where nothing is, make and keep it: whoever comes first wins."""
        found = self.kept(name)
        if found is None:
            self._write(name, make(), replace=False)
            found = self.kept(name)
        if found is None:
            raise self._wrong(f"{name} does not stay in it")
        return found

    def _write(self, name: str, text: str, *, replace: bool = True) -> None:
        draft = self.path / f".{name}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            if replace:
                draft.replace(self.path / name)
            else:
                with suppress(FileExistsError):
                    os.link(draft, self.path / name)
        finally:
            draft.unlink(missing_ok=True)

    def _wrong(self, why: str) -> SettingsError:
        return SettingsError(f"The data folder {self.path} is of no use, {why}: name another one in IVR_DATA_DIR.")
