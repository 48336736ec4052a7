"""Who takes part: the hotline's own worker as `ivr serve` starts it, contender A twice, and two peers."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmark.calls import AUTH_TOKEN
from benchmark.processes import NotStarted, Process

from ivr.embedded import EmbeddedValkey
from ivr.serve import confirm_counters
from ivr.settings import DEMO_ACCOUNT_SID, Settings
from ivr.supervisor import probe

HOTLINE, PLAIN, CONTROL = "hotline", "plain", "plain again"
TRANSITIONS, STATEMACHINE = "transitions", "python-statemachine"
IN_ORDER = (PLAIN, HOTLINE, CONTROL, TRANSITIONS, STATEMACHINE)
"""The hotline stands between the two that are the same, so that a slow minute of the machine hits all three."""

SECRET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BE = str(Path(__file__).parent)
START_S = 20.0
_LOOK_S = 0.02


@dataclass
class Field:
    """Everything that runs: the store, the account service, and the contenders by name, in the order they are asked."""

    valkey: EmbeddedValkey
    settings: Settings
    contenders: dict[str, Process]

    @property
    def valkey_pid(self) -> int:
        assert self.valkey.pid is not None
        return self.valkey.pid


class Cores(NamedTuple):
    """The cores that are used: one for whoever is measured, one for all else; the same where there is only one."""

    contender: int
    rest: int

    def leave_to_contenders(self) -> None:
        """Take this process, and the children it has from now on, off the contenders' core."""
        os.sched_setaffinity(0, {self.rest})


@contextmanager
def two_cores() -> Iterator[Cores]:
    """Keep this process and its children to two cores; afterwards it has again what it had before."""
    before = os.sched_getaffinity(0)
    cores = Cores(min(before), max(sorted(before)[:2]))
    os.sched_setaffinity(0, set(cores))
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, before)


@asynccontextmanager
async def taking_part(folder: Path, core: int, names: tuple[str, ...] = IN_ORDER) -> AsyncIterator[Field]:
    """Start the store, the account service and the contenders; all have answered when the field is given."""
    async with AsyncExitStack() as stack:
        valkey = EmbeddedValkey(folder / "valkey")
        await valkey.start()
        stack.push_async_callback(valkey.stop)
        accounts = stack.enter_context(Process("the account service", (BE, "be", "accounts")))
        settings = Settings(_env_file=None).changed(redis_url=valkey.url, account_url=accounts.url, data_dir=folder)
        settings = Settings.model_validate(
            settings.model_dump()
            | {
                "twilio_account_sid": DEMO_ACCOUNT_SID,
                "twilio_auth_token": AUTH_TOKEN,
                "secret_key": SECRET_KEY,
                "account_token": "a-token-of-the-benchmark",
            }
        )
        await confirm_counters(settings)
        contenders = {}
        for name in names:
            contender = _hotline(settings, core) if name == HOTLINE else _other(name, valkey.url, accounts.url, core)
            contenders[name] = stack.enter_context(contender)
        for process in (accounts, *contenders.values()):
            await _answering(process)
        yield Field(valkey, settings, contenders)


def _hotline(settings: Settings, core: int) -> Process:
    process = Process(HOTLINE, ("-m", "ivr", "worker"), core=core)
    process.env = settings.changed(public_url=process.url).environment()
    return process


def _other(name: str, redis_url: str, account_url: str, core: int) -> Process:
    kind = PLAIN if name == CONTROL else name
    process = Process(name, (), core=core)
    process.arguments = (BE, "be", kind, "--redis", redis_url, "--accounts", account_url, "--url", process.url)
    return process


async def _answering(process: Process) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_S
    while await probe(process.port, "/healthz") is None:
        if process.ended or loop.time() > until:
            raise NotStarted(f"The process of {process.name} did not answer within {START_S:g} s, or ended.")
        await asyncio.sleep(_LOOK_S)
