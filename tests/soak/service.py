"""Everything that runs: the store, the account service, and `ivr serve` with its workers; started, watched, stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.contenders import SECRET_KEY
from benchmark.processes import NotStarted, Process, resident_mb
from redis_nodes import Servers, held_port, in_a_cluster, with_sentinels

from ivr.embedded import EmbeddedValkey
from ivr.serve import confirm_counters
from ivr.settings import DEMO_ACCOUNT_SID, Settings
from ivr.supervisor import probe

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
BE = str(Path(__file__).parent)
START_S = 120.0
STOP_S = 30.0


@dataclass
class Running:
    """What runs. `valkey` is the only server of the store, `servers` are several of them, where there are."""

    url: str
    settings: Settings
    service: subprocess.Popen[bytes]
    accounts: Process
    log: Path
    valkey: EmbeddedValkey | None = None
    servers: Servers | None = None

    def workers(self) -> list[int]:
        """Give the process ids of the workers that live, also of who stands by, but not of the mould that forks."""
        mine = b"IVR_DATA_DIR=" + str(self.settings.data_dir).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    # By what they are and not by their parent: it may be gone.
                    line = (entry / "cmdline").read_bytes()
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    mould = b"--mould-fd" in line and parent == self.service.pid
                    if b"\0worker\0" in line and not mould and mine in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def resident_mb(self) -> dict[int, float]:
        """Give the resident memory of each worker in MB."""
        found = {}
        for pid in self.workers():
            try:
                found[pid] = resident_mb(pid)
            except OSError:
                continue
        return found

    async def whole(self) -> bool:
        """Tell whether the service says that callers can have everything."""
        answer = await probe(int(self.url.rpartition(":")[2]), "/readyz")
        return answer is not None and answer.status == 200 and '"degraded":false' in answer.body


@asynccontextmanager
async def running(folder: Path, *, workers: int, store: str) -> AsyncIterator[Running]:
    """Start everything; `store` is `one`, `sentinel` or `cluster`. All is ready when it is given."""
    async with AsyncExitStack() as stack:
        valkey, servers = None, None
        if store == "one":
            valkey = EmbeddedValkey(folder / "valkey")
            await valkey.start()
            stack.push_async_callback(valkey.stop)
            redis_url = valkey.url
        else:
            servers = stack.enter_context(with_sentinels() if store == "sentinel" else in_a_cluster())
            redis_url = servers.url
        accounts = stack.enter_context(Process("the account service", (BE, "be-the-accounts")))
        held, port = held_port()
        stack.callback(held.close)
        settings = Settings(_env_file=None).changed(redis_url=redis_url, account_url=accounts.url, data_dir=folder)
        settings = Settings.model_validate(
            settings.model_dump()
            | {
                "twilio_account_sid": DEMO_ACCOUNT_SID,
                "twilio_auth_token": AUTH_TOKEN,
                "secret_key": SECRET_KEY,
                "account_token": "a-token-of-the-soak",
            }
        )
        await confirm_counters(settings)
        log = folder / "log"
        service = stack.enter_context(_serving(settings, port, workers, log))
        one = Running(f"http://127.0.0.1:{port}", settings, service, accounts, log, valkey, servers)
        await _ready(one, workers)
        yield one


@contextmanager
def _serving(settings: Settings, port: int, workers: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith("IVR_")}
    path = os.pathsep.join(str(Path(part).absolute()) for part in sys.path)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "serve", "--port", str(port), "--workers", str(workers)],
            cwd=log.parent,
            env=own | settings.environment() | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _ready(one: Running, workers: int) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_S
    # With everybody at work, and somebody who stands by.
    while not (len(one.workers()) > workers and await one.whole()):
        if one.service.poll() is not None or loop.time() > until:
            said = one.log.read_text("utf-8", "replace").strip()[-500:]
            raise NotStarted(f"`ivr serve` ended, or was not ready within {START_S:g} s. It says: {said}")
        await asyncio.sleep(0.1)
