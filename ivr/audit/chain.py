"""A chain of audit entries as lines of a file: each line carries a keyed MAC over the line before it and itself.

Nobody without the key can change, add, take out or reorder lines unnoticed. That lines were cut off at the end shows
only against a head that was written down elsewhere.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from secrets import token_hex
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from msgspec import Struct

from ivr.seals import derived

FORM: Final = 1
"""The form of the lines; a later one may differ in everything but the first line's ``form``."""

LONGEST_LINE: Final = 2048
"""Bytes of a line at most; all that is written is far shorter."""

_MAC_DIGITS: Final = 32
_BEFORE_MAC: Final = b',"mac":"'
_AFTER_MAC: Final = b'"}\n'


class Opening(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The first line. `worker` is machine and process, `key` the id of the key of the MACs; `at` is ms since 1970."""

    seq: int = 0
    at: int
    chain: str
    worker: str
    key: str
    form: int = FORM


class Entry(Struct, frozen=True, kw_only=True):
    """What happened: in which call, about which member (a keyed hash), which field, with which outcome."""

    seq: int
    at: int
    call: str
    member: str
    field: str
    outcome: str


class Closing(Struct, frozen=True, kw_only=True):
    """The last line of a chain whose worker ended it: ``stopped``, or ``continued`` in another chain."""

    seq: int
    at: int
    end: str


class Line(Struct, frozen=True, kw_only=True):
    """Any line as it is read: `chain` is set in an opening, `end` in a closing, `field` in an entry."""

    seq: int
    at: int
    chain: str = ""
    worker: str = ""
    key: str = ""
    form: int = FORM
    call: str = ""
    member: str = ""
    field: str = ""
    outcome: str = ""
    end: str = ""
    mac: str


class ChainKey(NamedTuple):
    """The key of MACs that comes from a secret, and the id by which it is found again after a change of secrets."""

    ident: str
    mac: HMAC


def chain_keys(secrets: Sequence[bytes]) -> tuple[ChainKey, ...]:
    """Derive a key from each secret; new chains begin under the first."""
    return tuple(
        ChainKey(derived(secret, "audit key id", 4).hex(), HMAC(derived(secret, "audit chain", 32), SHA256()))
        for secret in secrets
    )


class Chain:
    """The writing side of a chain: gives lines, one after the other, and knows its head (`seq`, `mac`)."""

    def __init__(self, key: ChainKey, *, worker: str, at: int) -> None:
        self.ident = token_hex(8)
        self.started = at
        self.seq = -1
        self.mac = ""
        self._key = key
        self._worker = worker

    def opening(self) -> bytes:
        """Give the first line."""
        return self._line(Opening(at=self.started, chain=self.ident, worker=self._worker, key=self._key.ident))

    def entry(self, at: int, call: str, member: str, field: str, outcome: str) -> bytes:
        """Give the line of an entry."""
        return self._line(Entry(seq=self.seq + 1, at=at, call=call, member=member, field=field, outcome=outcome))

    def closing(self, at: int, end: str) -> bytes:
        """Give the last line."""
        return self._line(Closing(seq=self.seq + 1, at=at, end=end))

    def back_to(self, seq: int, mac: str) -> None:
        """Take back the lines after a head, because they could not be written."""
        self.seq, self.mac = seq, mac

    def _line(self, what: Opening | Entry | Closing) -> bytes:
        body = _encoder.encode(what)[:-1]
        self.mac = mac_of(self._key, self.mac, body)
        self.seq += 1
        return body + _BEFORE_MAC + self.mac.encode("ascii") + _AFTER_MAC


def mac_of(key: ChainKey, before: str, body: bytes) -> str:
    """Give the MAC of a line: over the MAC of the line before (nothing for the first) and its bytes without its own."""
    mac = key.mac.copy()  # the key is worked in once: hmac.digest would take five times as long
    mac.update(b"%d:%b%b" % (len(before), before.encode("ascii"), body))
    return mac.finalize().hex()[:_MAC_DIGITS]


class BrokenLine(NamedTuple):
    """The first line that does not hold, counted from 1, and in a clause what is wrong with it.

    `torn`: it has no end, as a failing machine leaves its last line; everything before it holds.
    """

    number: int
    why: str
    torn: bool = False


class Checked(NamedTuple):
    """A line that holds."""

    number: int
    line: Line


def check(keys: Iterable[ChainKey], lines: Iterable[bytes]) -> Iterator[Checked | BrokenLine]:
    """Check the lines of a chain (with their line ends) one by one, up to the first that does not hold."""
    key: ChainKey | str = ""
    before, awaited = "", 0
    for number, raw in enumerate(lines, 1):
        line = parsed(raw)
        if line is None:
            torn = not raw.endswith(b"\n")
            yield BrokenLine(number, "it is not whole" if torn else "it cannot be read as an entry", torn)
            return
        if number == 1:
            key = _key_of(keys, line)
        wrong = key if isinstance(key, str) else _wrong(key, raw, line, before, awaited)
        if wrong:
            yield BrokenLine(number, wrong)
            return
        yield Checked(number, line)
        before, awaited = line.mac, awaited + 1


def _key_of(keys: Iterable[ChainKey], opening: Line) -> ChainKey | str:
    """Find the key of a chain, or say why there is none."""
    if not opening.chain:
        return "it is not the first line of a chain, so lines before it are missing"
    if opening.form != FORM:
        return f"it has the form {opening.form}, which this version cannot read"
    unknown = f"it was written under the key {opening.key}, which does not come from IVR_SECRET_KEY"
    return next((key for key in keys if key.ident == opening.key), unknown)


def _wrong(key: ChainKey, raw: bytes, line: Line, before: str, awaited: int) -> str:
    """Say what is wrong with a line, nothing where it holds."""
    if line.seq > awaited:
        gap = f"line {awaited + 1} is" if line.seq == awaited + 1 else f"lines {awaited + 1} to {line.seq} are"
        return f"{gap} missing before it"
    if line.seq < awaited:
        return f"it stands in the place of line {awaited + 1}"
    mac = mac_of(key, before, body_of(raw))
    holds = hmac.compare_digest(mac.encode("ascii"), line.mac.encode("utf-8"))
    return "" if holds else "it was changed, or what stands before it"


def parsed(raw: bytes) -> Line | None:
    """Read a line with its line end; None where it is none."""
    if len(raw) > LONGEST_LINE or not raw.endswith(_AFTER_MAC):
        return None
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def body_of(raw: bytes) -> bytes:
    """Give the bytes of a line that its MAC is over; its MAC has a fixed length and stands at its end."""
    return raw[: -(len(_BEFORE_MAC) + _MAC_DIGITS + len(_AFTER_MAC))]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)
