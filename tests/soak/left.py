"""What lies in Redis when the load is over: counters, tombstones and versions, and nothing without an end."""

import re
from typing import Any, Final, NamedTuple

from ivr.redis_line import connect

KINDS: Final = {
    "tombstones of calls": re.compile(rb"ivr:\{CA[0-9a-f]{32}\}:end"),
    "calls (a minute after their end, or their end was not told)": re.compile(rb"ivr:\{CA[0-9a-f]{32}\}"),
    "counters": re.compile(rb"ivr:count:.*"),
    "epochs of counters": re.compile(rb"ivr:epoch.*"),
    "times of refusals": re.compile(rb"ivr:refusal:.*"),
    "flow versions": re.compile(rb"ivr:flows:.*"),
    "records of calls on their way": re.compile(rb"ivr:\{records\}:.*|ivr:\{CA[0-9a-f]{32}\}:left"),
    "standing orders": re.compile(rb"ivr:\{orders\}"),
    "what is told to those who watch": re.compile(rb"ivr:\{live\}:.*"),
    "callbacks, and how many are open": re.compile(rb"ivr:\{callbacks\}:.*"),
    "calls that broke off": re.compile(rb"ivr:dropped:.*"),
}
ENDLESS: Final = frozenset({"epochs of counters", "standing orders"})
"""What no call causes may stay for ever."""
OTHER = "other"


class Left(NamedTuple):
    """Keys by kind, and those without a time to live that should have one."""

    keys: dict[str, int]
    endless: list[str]


async def left_in(url: str) -> Left:
    """Look through the store."""
    keys: dict[str, int] = {}
    endless: list[str] = []
    client: Any = connect(url, patience=5.0)
    async with client:
        async for key in client.scan_iter(count=1000):
            kind = next((name for name, pattern in KINDS.items() if pattern.fullmatch(key)), OTHER)
            keys[kind] = keys.get(kind, 0) + 1
            if kind not in ENDLESS and await client.pttl(key) == -1:
                endless.append(key.decode("utf-8", "replace"))
    return Left(keys, endless)
