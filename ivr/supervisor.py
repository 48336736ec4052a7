"""Child processes that are kept alive: started, watched, started again when they die, stopped in order."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ivr.settings import SettingsError

log = logging.getLogger("ivr.serve")

SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
_STEADY_S = 30.0
STARTS_BEFORE_GIVING_UP = 3
BACKLOG = 2048

_PROBE_DEADLINE_S = 2.0
_PROBE_EVERY_S = 2.0
_COMES_UP_WITHIN_S = 120.0
_MISSED_PROBES = 5
"""A worker that answers nothing for so many probes is stuck: it holds calls that the other workers could take."""

SETTINGS_WRONG = 2
"""The exit status with which a child says that it cannot start with these settings, having said why itself."""


class StartFailed(Exception):  # noqa: N818 - reads as what happened
    """A child that cannot be started at all; ``status`` is the exit status for the whole service."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Answer(NamedTuple):
    """What a probe got: HTTP status and body."""

    status: int
    body: str


def listen(host: str, port: int) -> socket.socket:
    """Bind and open the listening socket. Raises `SettingsError` where host or port cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--host {host} cannot be used: {_reason(error)}.") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        sock.close()
        raise SettingsError(f"Port {port} of {host} cannot be used: {_reason(error)}. Choose another --port.") from None
    # A child accepts with an event loop on the very same socket.
    sock.setblocking(False)
    return sock


def web_url(sock: socket.socket, host: str) -> str:
    """Return the URL under which this machine reaches ``sock``, which listens on ``host``."""
    anywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
    name = anywhere.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{sock.getsockname()[1]}"


async def probe(port: int, path: str) -> Answer | None:
    """Ask an own process on this machine for ``path``; None where it does not answer within 2 s."""
    try:
        async with asyncio.timeout(_PROBE_DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
            return Answer(int(head.split(b" ", 2)[1]), body.decode("utf-8", "replace"))
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


class Process(Protocol):
    """What a supervisor needs of a process, however it was started."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """Its exit status once it has ended, -N where signal N ended it."""

    async def wait(self) -> int:
        """Wait for its end."""

    def send_signal(self, signal: int) -> None:
        """Send a signal."""


class Child:
    """One process, ``python -m ivr …``, that is started again whenever it ends, until `stop`.

    ``port`` is where it can be probed on this machine, ``alive`` the path that answers while it lives. ``start`` may
    know a quicker way to start it; where it gives None the command is run.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        fds: Sequence[int],
        port: int,
        alive: str = "/healthz",
        *,
        start: Callable[[], Awaitable[Process | None]] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self._command = (sys.executable, "-m", "ivr", *arguments)
        self._env = env
        self._fds = tuple(fds)
        self._alive = alive
        self._start = start
        self._process: Process | None = None
        self._stopping = False
        self._is_up = False
        self._has_answered = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def stopping(self) -> bool:
        """Whether the process was told to leave."""
        return self._stopping

    async def keep(self) -> None:
        """Keep the process running until `stop` is called. Raises `StartFailed` where it never came up."""
        pause = SHORTEST_PAUSE_S
        starts = 0
        while not self._stopping:
            began = time.monotonic()
            starts += 1
            status = await self.live()
            if self._stopping:
                return
            if not self._has_answered.is_set():
                if status == SETTINGS_WRONG:
                    raise StartFailed("", SETTINGS_WRONG)
                if starts == STARTS_BEFORE_GIVING_UP:
                    raise StartFailed(f"{self.name} could not be started: it {ending(status)} {starts} times.", 1)
            if time.monotonic() - began > _STEADY_S:
                pause = SHORTEST_PAUSE_S
            log.warning("%s %s; it is started again in %.1f s.", self.name, ending(status), pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def answered(self) -> None:
        """Wait until the process has answered for the first time."""
        await self._has_answered.wait()

    @property
    def has_answered(self) -> bool:
        """Whether the process has ever answered."""
        return self._has_answered.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, where the process runs."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def send_when_up(self, number: signal.Signals) -> None:
        """Send a signal, but not to a process that is only starting: it could not have a handler yet and would die."""
        if self._is_up:
            self.send(number)

    async def stop(self, within_s: float, asks: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to leave; end it where it has not left ``within_s`` seconds later."""
        self._stopping = True
        self.send(asks)
        if self._process is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            log.warning("%s did not leave within %g s and is ended.", self.name, within_s)
            self.send(signal.SIGKILL)
            await self._process.wait()

    async def live(self) -> int:
        """Start the process once and wait until it ends; give its exit status, -N where signal N ended it."""
        try:
            self._process = (await self._start() if self._start is not None else None) or await self._run_command()
        except OSError as error:
            log.warning("%s cannot be started now: %s.", self.name, _reason(error))
            return 1
        if self._stopping:
            self.send(signal.SIGTERM)
        watch = asyncio.create_task(self._watch())
        try:
            return await self._process.wait()
        finally:
            self._is_up = False
            watch.cancel()

    async def _run_command(self) -> Process:
        # A process group of its own: Ctrl-C in a terminal reaches the parent alone, which then stops all in order.
        return await asyncio.create_subprocess_exec(
            *self._command, env=self._env, pass_fds=self._fds, stdin=asyncio.subprocess.DEVNULL, process_group=0
        )

    async def _watch(self) -> None:
        """End the process where it never answers, or once answered and then, for a while, does not any more."""
        began = time.monotonic()
        while await probe(self.port, self._alive) is None:
            if time.monotonic() - began > _COMES_UP_WITHIN_S:
                log.warning("%s has not come up within %g s and is ended.", self.name, _COMES_UP_WITHIN_S)
                self.send(signal.SIGKILL)
                return
            await asyncio.sleep(0.05)
        self._is_up = True
        self._has_answered.set()
        missed = 0
        while missed < _MISSED_PROBES:
            await asyncio.sleep(_PROBE_EVERY_S)
            missed = 0 if await probe(self.port, self._alive) else missed + 1
        if not self._stopping:
            log.warning("%s has stopped answering and is ended.", self.name)
            self.send(signal.SIGKILL)


async def keep_up(name: str, died: Callable[[], bool], start: Callable[[], Awaitable[None]]) -> None:
    """Start again, whenever ``died`` tells so, a server that somebody else runs; never gives up."""
    pause = SHORTEST_PAUSE_S
    while True:
        await asyncio.sleep(SHORTEST_PAUSE_S)
        if not died():
            continue
        log.warning("%s has died and is started again.", name)
        try:
            await start()
        except Exception as error:  # whatever kept it from starting may pass: the next try is due all the same
            log.warning("%s could not be started (%s); it is tried again in %.1f s.", name, error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        else:
            pause = SHORTEST_PAUSE_S


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def ending(status: int) -> str:
    """Say how a process ended, for the end of a sentence."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
