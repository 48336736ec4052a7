"""The faults: each is put in, lasts, and is mended; how long the service then takes to be whole again is measured."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from soak.service import Running

WHOLE_WITHIN_S = 60.0
_LOOK_S = 0.02


@dataclass
class Faults:
    """Puts faults in, one after the other. `told` are those that were, with the second in which each began."""

    one: Running
    every: float
    lasting: float
    told: list[tuple[float, str]] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(12333))

    async def go_on(self, names: tuple[str, ...]) -> None:
        """Put the faults of these names in by turns, until cancelled."""
        began = time.monotonic()
        for number in range(1_000_000):
            due = began + (number + 1) * self.every
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            name = names[number % len(names)]
            self.told.append((time.monotonic() - began, name))
            await FAULTS[name](self)

    async def whole_again(self) -> None:
        """Measure how long it takes from now until the service says that callers can have everything."""
        began = time.monotonic()
        while not await self.one.whole():
            if time.monotonic() - began > WHOLE_WITHIN_S:
                break
            await asyncio.sleep(_LOOK_S)
        self.recovered.append(time.monotonic() - began)


async def worker_killed(faults: Faults) -> None:
    """Kill one worker of those that are there, with SIGKILL."""
    if workers := faults.one.workers():
        os.kill(faults.dice.choice(workers), signal.SIGKILL)


async def redis_killed(faults: Faults) -> None:
    """Kill the store, and start it again on what it had written."""
    valkey = faults.one.valkey
    assert valkey is not None
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    try:
        await asyncio.sleep(faults.lasting)
    finally:
        await valkey.restart()
    await faults.whole_again()


async def redis_stalled(faults: Faults) -> None:
    """Stop the store in the middle of what it does, and let it go on."""
    valkey = faults.one.valkey
    assert valkey is not None
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(faults.lasting)
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    await faults.whole_again()


async def accounts_stalled(faults: Faults) -> None:
    """Stop the account service, and let it go on."""
    os.kill(faults.one.accounts.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(faults.lasting)
    finally:
        os.kill(faults.one.accounts.pid, signal.SIGCONT)
    await faults.whole_again()


async def master_killed(faults: Faults) -> None:
    """Kill a master that a replica can replace; it comes back as a replica."""
    servers = faults.one.servers
    assert servers is not None
    node = await asyncio.to_thread(servers.replaceable)
    await asyncio.to_thread(servers.kill, node)
    await faults.whole_again()
    await asyncio.sleep(faults.lasting)
    await asyncio.to_thread(servers.mend)


async def master_cut_off(faults: Faults) -> None:
    """Cut a master's network, in which every connection to it hangs."""
    servers = faults.one.servers
    assert servers is not None
    node = await asyncio.to_thread(servers.replaceable)
    await asyncio.to_thread(servers.cut_off, node)
    await faults.whole_again()
    await asyncio.sleep(faults.lasting)
    await asyncio.to_thread(servers.mend)


async def workers_replaced(faults: Faults) -> None:
    """Replace all workers one after the other, as for a new release."""
    faults.one.service.send_signal(signal.SIGUSR2)


FAULTS: Final[dict[str, Callable[[Faults], Awaitable[None]]]] = {
    "a worker killed": worker_killed,
    "the workers replaced": workers_replaced,
    "Redis killed": redis_killed,
    "Redis stalled": redis_stalled,
    "the account service stalled": accounts_stalled,
    "a master killed": master_killed,
    "a master cut off": master_cut_off,
}

BY_TURNS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "workers": ("a worker killed",),
    "restart": ("the workers replaced",),
    "redis": ("Redis killed", "Redis stalled"),
    "account": ("the account service stalled",),
    "sentinel": ("a master killed", "a master cut off"),
    "cluster": ("a master killed", "a master cut off"),
    "mixed": (
        "a worker killed",
        "Redis stalled",
        "the account service stalled",
        "Redis killed",
        "the workers replaced",
    ),
}
"""What `--fault` can be, and which faults that is, by turns."""
