"""The server of all contenders but the hotline: uvicorn as anybody would run it, with the faster loop and parser.

What the hotline's own server does beside it (bounds on requests, a frozen heap, large pages) counts for the hotline.
"""

import os
import socket
import threading
from typing import Any

import uvicorn

KEEP_ALIVE_S = 75


def serve_as_it_comes(app: Any, descriptor: int, life: int) -> None:
    """Serve on an inherited socket until told to leave, or until whoever holds the other end of `life` dies."""
    threading.Thread(target=_leave_with, args=(life,), daemon=True).start()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run([socket.socket(fileno=descriptor)])


def _leave_with(life: int) -> None:
    os.read(life, 1)
    os._exit(0)
