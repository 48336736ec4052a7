"""How long `ivr serve` takes from nothing, with everything embedded, until it says that calls can come in."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmark.processes import NotStarted

WITHIN_S = 30.0
STOP_S = 30.0
_LOOK_S = 0.02


def seconds_until_ready() -> float:
    """Start the service in a folder of its own, wait until it is ready without a reservation, and stop it."""
    with tempfile.TemporaryDirectory(prefix="ivr") as folder:
        port = _free_port()
        log = Path(folder, "serve.log")
        own = {name: value for name, value in os.environ.items() if not name.upper().startswith("IVR_")}
        # It starts in a folder without .env, from which a relative path to the package would lead nowhere.
        path = os.pathsep.join(str(Path(part).absolute()) for part in sys.path)
        with log.open("wb") as output:
            began = time.perf_counter()
            service = subprocess.Popen(
                [sys.executable, "-m", "ivr", "serve", "--port", str(port)],
                cwd=folder,
                env=own | {"IVR_DATA_DIR": str(Path(folder, "data")), "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            while not _ready(port):
                if service.poll() is not None or time.perf_counter() - began > WITHIN_S:
                    said = log.read_text("utf-8", "replace").strip()[-500:]
                    raise NotStarted(f"`ivr serve` ended, or was not ready within {WITHIN_S:g} s. It says: {said}")
                time.sleep(_LOOK_S)
            return time.perf_counter() - began
        finally:
            _stop(service)


def _stop(service: subprocess.Popen[bytes]) -> None:
    service.send_signal(signal.SIGTERM)
    try:
        service.wait(STOP_S)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return not json.load(answer)["degraded"]
    except OSError:  # nobody listens yet, or a 503
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
