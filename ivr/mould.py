"""A process that has built everything once and forks workers: they start in a twentieth of the time.

On Linux alone: elsewhere a process that forks without starting anew is not sure of its system libraries. The first
workers wait for the mould, which is built once for all of them; where there is none, or it has just died, a worker
starts by itself.
"""

import asyncio
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ivr.supervisor import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, log

WORKS_HERE = sys.platform == "linux" and hasattr(os, "pidfd_open")

READY = b"ready"
_LARGEST = 64 * 1024
_MOST_FDS = 8
_ANSWER_S = 5.0
_BUILT_WITHIN_S = 30.0
_STATUS_S = 1.0
UNKNOWN = 1
"""The exit status of a worker whose mould died before it could tell."""


class Cast(NamedTuple):
    """What a forked worker is to be: its environment, and the descriptors that it inherits."""

    env: Mapping[str, str]
    fds: Sequence[int]


# --- in the mould ---


def cast(control: socket.socket) -> Cast | None:
    """Fork a worker whenever the parent asks for one; returns in every worker, and None where the parent is gone.

    Nothing may run in another thread here, and no event loop: a fork would leave them behind.
    """
    gc.collect()
    gc.freeze()  # what is here is never collected: the pages stay shared
    woken, wakes = socket.socketpair()
    for one in (woken, wakes):
        one.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    control.send(READY)
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            _tell_who_ended(control)
        if control not in ready:
            continue
        asked, fds, _, _ = socket.recv_fds(control, _LARGEST, _MOST_FDS)
        if not asked:
            return None
        order = json.loads(asked)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (control, woken, wakes):
                one.close()
            os.setpgid(0, 0)
            return Cast(order["env"], fds)
        for fd in fds:
            os.close(fd)
        control.send(f"forked {order['number']} {pid}".encode())


def _tell_who_ended(control: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            control.send(f"ended {ended[0]} {os.waitstatus_to_exitcode(ended[1])}".encode())


# --- in the parent ---


class Forked:
    """A process that the mould has forked, as far as its supervisor needs it; the process id cannot be another's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None
        self._gone = asyncio.Event()
        if self._handle is None:
            self._gone.set()
        else:
            asyncio.get_running_loop().add_reader(self._handle, self._ended)

    def told(self, status: int) -> None:
        """Take note of the exit status, which the mould alone can know."""
        if not self._status.done():
            self._status.set_result(status)

    async def wait(self) -> int:
        """Wait until the process has ended; give its exit status."""
        await self._gone.wait()
        if self.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STATUS_S):
                    await asyncio.shield(self._status)
            self.returncode = self._status.result() if self._status.done() else UNKNOWN
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; raises ProcessLookupError where the process has ended."""
        if self._handle is None:
            raise ProcessLookupError(self.pid)
        signal.pidfd_send_signal(self._handle, number)

    def _ended(self) -> None:
        if self._handle is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None
        self._gone.set()


class Mould:
    """The parent's side: keeps a mould running, and has it fork. ``env`` is that of the mould itself."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._control: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.ready = False
        """Whether it would fork now."""
        # Set as soon as the mould that is being built forks, or has ended; whoever comes before waits, because building
        # everything by itself would take a worker as long.
        self._built = asyncio.Event()
        self._built.set()
        self._begun = asyncio.Event()
        self._orders: dict[int, asyncio.Future[int]] = {}
        self._ordered = 0
        self._one_at_a_time = asyncio.Lock()
        self._forked: dict[int, Forked] = {}
        self._stopping = False

    async def keep(self) -> None:
        """Keep a mould running, a new one whenever it ends, until `stop`; without one workers only start slower."""
        if not self._stopping:
            self._built = asyncio.Event()
        pause = SHORTEST_PAUSE_S
        while not self._stopping:
            was_ready = await self._run()
            if self._stopping:
                return
            pause = SHORTEST_PAUSE_S if was_ready else min(pause * 2, LONGEST_PAUSE_S)
            log.warning("The mould of the workers has ended and is started again in %.1f s.", pause)
            await asyncio.sleep(pause)

    async def begun(self) -> None:
        """Wait until the first mould is being built, or could not be."""
        await self._begun.wait()

    def renew(self) -> None:
        """End the mould; workers wait for the next one, which has today's code and flows in it."""
        if not self._stopping and self._process is not None:
            self._built = asyncio.Event()
        self._end()

    def _end(self) -> None:
        self.ready = False
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def fork(self, env: Mapping[str, str], fds: Sequence[int]) -> Forked | None:
        """Have a worker forked that inherits the descriptors; None where there is no mould now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BUILT_WITHIN_S):
                await self._built.wait()
        async with self._one_at_a_time:
            if not self.ready or self._control is None:
                return None
            self._ordered += 1
            order = self._orders[self._ordered] = asyncio.get_running_loop().create_future()
            try:
                asked = json.dumps({"number": self._ordered, "env": dict(env)})
                socket.send_fds(self._control, [asked.encode()], list(fds))
                async with asyncio.timeout(_ANSWER_S):
                    pid = await order
            except (OSError, TimeoutError):
                return None
            finally:
                self._orders.pop(self._ordered, None)
            forked = self._forked[pid] = Forked(pid)
            return forked

    def give_up(self) -> None:
        """Stop where it is not ready, so that workers that are told to leave do not wait for it first."""
        if not self.ready:
            self.stop()

    def stop(self) -> None:
        """Let the mould end; those it has forked go on."""
        self._stopping = True
        self._built.set()
        self._end()

    async def _run(self) -> bool:
        loop = asyncio.get_running_loop()
        built = self._built
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        came_up = False
        try:
            command = (sys.executable, "-m", "ivr", "worker", "--mould-fd", str(theirs.fileno()))
            self._process = await asyncio.create_subprocess_exec(
                *command, env=self._env, pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, process_group=0
            )
            theirs.close()
            self._begun.set()
            if self._stopping:
                self._process.kill()
            loop.add_reader(self._control, self._hear, self._control)
            await self._process.wait()
        except OSError as error:
            log.warning("The mould of the workers cannot be started now: %s.", error.strerror)
        finally:
            came_up, self.ready = self.ready, False
            built.set()
            self._begun.set()
            for forked in self._forked.values():
                forked.told(UNKNOWN)
            self._forked.clear()
            loop.remove_reader(self._control)
            for order in self._orders.values():
                order.set_exception(OSError())
            self._orders.clear()
            self._control.close()
            theirs.close()
            if self._process is not None and self._process.returncode is None:
                self._process.kill()  # nobody waits for it any more
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ANSWER_S):
                        await self._process.wait()
        return came_up

    def _hear(self, control: socket.socket) -> None:
        try:
            told = control.recv(_LARGEST).split()
        except OSError:
            told = []
        match told:
            case [b"ready"]:
                self.ready = True
                self._built.set()
            case [b"forked", order, pid] if int(order) in self._orders:
                self._orders.pop(int(order)).set_result(int(pid))
            case [b"forked", _, pid]:  # too late: another one was started in its place
                os.kill(int(pid), signal.SIGKILL)
            case [b"ended", pid, status] if int(pid) in self._forked:
                self._forked.pop(int(pid)).told(int(status))
            case []:
                asyncio.get_running_loop().remove_reader(control)
