"""Canaries: secrets that occur nowhere else, looked for in every spelling, in everything that leaves the process."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, UnixDomainSocketConnection

_LOOKS = [
    "0０٠〇零",
    "1１١一幺壹",
    "2２٢二两贰",
    "3３٣三叁",
    "4４٤四肆",
    "5５٥五伍",
    "6６٦六陆",
    "7７٧七柒",
    "8８٨八捌",
    "9９٩九玖",
]
"""How one digit may be written: ASCII, full width, Arabic, Chinese."""

_APART = r"""[\s,.\-_/'"·*#\[\]\x00]{0,4}"""
_ANYTHING = re.compile(
    "|".join(
        (
            r"(?<!\d)1[0-9]{12}(?!\d)",  # milliseconds since 1970
            r"(?<!\d)1[0-9]{9}\.[0-9]{6}(?!\d)",  # seconds with their millionths
            r"(?<![\d.])1\.[0-9]+e\+09(?!\d)",  # the same as metrics write them
            r"(?m:^ivr_\w+_seconds_sum(?:\{[^}]*\})? [0-9.e-]+$)",  # seconds that something took, to sixteen places
            r":minute:[0-9]{8}(?!\d)",
            r"CA[0-9a-f]{32}(?![0-9a-f])",  # a call, as its carrier named it
            # a claim, a worker, a version, a script: drawn or digested, in hexadecimal, and with a letter in it
            r"(?<![0-9a-f])(?=[0-9]*[a-f])(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40})(?![0-9a-f])",
        )
    )
)
"""What may have any six digits in it by chance: there is enough of it for that to happen in one run of fifty."""


@dataclass(frozen=True)
class Leak:
    """A secret that was found: whose, where, and how it was spelled."""

    secret: str
    where: str
    spelling: str


def spellings(secret: str) -> dict[str, bytes]:
    """Give what else than digits in a row the secret may look like."""
    raw = secret.encode()
    found = {
        "reversed": raw[::-1],
        "hexadecimal": raw.hex().encode(),
        "percent": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "JSON escapes": "".join(f"\\u{byte:04x}" for byte in raw).encode(),
        "XML references": "".join(f"&#{byte};" for byte in raw).encode(),
        "UTF-16": secret.encode("utf-16-le"),
    }
    for offset in range(3):  # in base64 it looks different behind no, one and two other bytes
        whole = b64encode(b"\0" * offset + raw + b"\0" * (-(offset + len(raw)) % 3))
        found[f"base64 behind {offset}"] = whole[-(-offset * 4 // 3) : (offset + len(raw)) * 4 // 3]
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw).digest()
        found |= {f"{name} bytes": digest, f"{name} hexadecimal": digest.hex().encode()}
        found[f"{name} base64"] = b64encode(digest).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
    return found


@cache
def _looked_for(secret: str) -> tuple[re.Pattern[str], dict[str, bytes]]:
    digits = _APART.join(f"[{_LOOKS[int(sign)]}]" if sign.isdigit() else f"[{sign}{sign.lower()}*]" for sign in secret)
    return re.compile(digits), spellings(secret)


def leaks(where: str, what: bytes | str, secrets: Iterable[str]) -> Iterator[Leak]:
    """Find secrets in something, in any spelling."""
    raw = what.encode("utf-8", "surrogateescape") if isinstance(what, str) else what
    whole = raw.decode("utf-8", "replace")
    text = _ANYTHING.sub("|", whole)
    backwards, lowered = text.encode(), whole.lower().encode()
    plain = raw.replace(b"+", b"-").replace(b"/", b"_")
    for secret in secrets:
        digits, others = _looked_for(secret)
        if digits.search(text):
            yield Leak(secret, where, "digits")
        for spelling, spelled in others.items():
            searched = plain if "base64" in spelling else raw if "bytes" in spelling else lowered
            searched = backwards if spelling == "reversed" else searched
            if (spelled if searched is not lowered else spelled.lower()) in searched:
                yield Leak(secret, where, spelling)


@dataclass
class Scan:
    """Everything that was seen to leave the process, by where it went, and the secrets that none of it may hold."""

    secrets: tuple[str, ...]
    seen: dict[str, list[bytes]] = field(default_factory=dict)

    def saw(self, where: str, *what: bytes | str) -> None:
        """Keep something for the scan."""
        kept = self.seen.setdefault(where, [])
        kept += [one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one for one in what]

    async def saw_redis(self, redis: Redis) -> None:
        """Keep every key and value of a Redis: as it dumps them, and as it gives them."""
        async for key in redis.scan_iter():
            self.saw("Redis", key, await redis.dump(key) or b"")
            match await redis.type(key):
                case b"hash":
                    pairs = await redis.hgetall(key)
                    self.saw("Redis", *pairs.keys(), *pairs.values())
                case b"zset":
                    self.saw("Redis", *await redis.zrange(key, 0, -1))
                case b"string":
                    self.saw("Redis", await redis.get(key) or b"")

    @property
    def leaks(self) -> list[Leak]:
        """Give what was found, each once."""
        found = (leak for where, whats in self.seen.items() for leak in leaks(where, b"\n".join(whats), self.secrets))
        return list(dict.fromkeys(found))


class Monitor:
    """Listens to every command that a Redis is sent, scripts' own ones too; a context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection: Any = (
            UnixDomainSocketConnection(path=parts.path)
            if parts.scheme == "unix"
            else Connection(host=parts.hostname or "", port=parts.port or 6379)
        )

    async def __aenter__(self) -> "Monitor":
        await self._connection.connect()
        await self._connection.send_command("MONITOR")
        await self._connection.read_response()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.disconnect()

    async def heard(self, redis: Redis) -> list[bytes]:
        """Give the commands up to now, as bytes that went over the wire."""
        await redis.echo("up to here")
        commands: list[bytes] = []
        while True:
            line = await self._connection.read_response(disable_decoding=True)
            if b'"up to here"' in line:
                return commands
            command = line.partition(b" ")[2]  # what stands before is the time
            commands.append(_ESCAPED.sub(_unescaped, command))


_ESCAPED = re.compile(rb"\\(x[0-9a-f]{2}|.)")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescaped(sign: re.Match[bytes]) -> bytes:
    return bytes.fromhex(sign[1][1:].decode()) if len(sign[1]) == 3 else _LETTERS.get(sign[1], sign[1])
