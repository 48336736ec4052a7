"""Seal what leaves the process: tokens in URLs, values in Redis, and names that must not tell whom they stand for."""

import binascii
import os
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from ivr import short_names
from ivr.call import Session
from ivr.place import Place

Kind = TypeVar("Kind", bound=Struct)

SECRET_BYTES = 32
LONGEST_TOKEN = 1024
COMPRESS_ABOVE = 450
PLAIN, DEFLATED = b"\x01", b"\x02"
"""First byte of a sealed value: the version of the form, and whether it is compressed. Authenticated with the rest."""

SESSION_FORM, POSITION_FORM = 2, 1
"""The forms of sessions and of positions, sealed with each: what has another form does not open.

A field that is added, with a default, needs no new form: who does not know it, or finds it missing, opens what has its
default, and does not open what would only be a guess. Neither is opened what has a field that was taken away. A field
that comes to mean something else, or another default, gets a new name; what is left needs a new form. One release
raises one of the two at most: a call whose session does not open goes on from its token, one whose token does not open
from its session.
"""

_HEADER = 1 + 4
_NONCE = 12
_TAG = 16
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


class Position(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.POSITION):
    """Where a call stands, as its next URL tells it: nothing personal, no facts, never "verified".

    ``turn`` is the turn that the URL is for, one after the turn that handed it out; ``started`` is ms since 1970;
    ``place`` is that of a caller who waits in a queue. The fields go by their names as those of a session do.
    """

    turn: int
    version: str
    stack: tuple[tuple[str, str], ...]
    lang: str
    slow: bool
    silences: int
    wrongs: int
    failed: int
    key_turns: int
    key_ms: int
    hotline: str
    started: int
    place: Place | None = None


def position_of(session: Session) -> Position:
    """Take the position of the turn after the session's own."""
    return Position(
        turn=session.turn + 1,
        version=session.version,
        stack=session.stack,
        lang=session.lang,
        slow=session.slow,
        silences=session.silences,
        wrongs=session.wrongs,
        failed=session.failed,
        key_turns=session.key_turns,
        key_ms=session.key_ms,
        hotline=session.hotline,
        started=session.started,
        place=session.place if session.place is not None and session.place.waits else None,
    )


def session_from(position: Position) -> Session:
    """Make the session that awaits the position's turn: unverified, without kept digits, number and answers."""
    return Session(
        turn=position.turn - 1,
        version=position.version,
        stack=position.stack,
        lang=position.lang,
        slow=position.slow,
        silences=position.silences,
        wrongs=position.wrongs,
        failed=position.failed,
        key_turns=position.key_turns,
        key_ms=position.key_ms,
        hotline=position.hotline,
        started=position.started,
        place=position.place,
    )


class _Keys(NamedTuple):
    ident: bytes
    token: AESSIV
    value: AESGCM
    name: HMAC


class Seals:
    """Seals under the first secret, opens under every one, so that a secret can be changed while calls go on.

    ``secrets`` are one or two of 32 bytes; raises ValueError otherwise. Associated data bind a token to its kind and
    call, and a value to what it is and its call: none can be put in another's place.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if len(secrets) not in (1, 2) or any(len(secret) != SECRET_BYTES for secret in secrets):
            raise ValueError(
                f"IVR_SECRET_KEY: expected one or two secrets of {SECRET_BYTES} bytes, "
                f"got {len(secrets)} of {', '.join(str(len(secret)) for secret in secrets) or 'no'} bytes."
            )
        self._keys = tuple(_keys_of(secret) for secret in dict.fromkeys(secrets))

    def seal_token(self, kind: str, call: str, position: Position) -> str:
        """Seal a position for a URL (base64url). The same position always gives the same token (AES-SIV)."""
        return self._sealed_text(msgspec.msgpack.encode(position), _bound_to(call, f"token {POSITION_FORM}", kind))

    def open_token(self, kind: str, call: str, token: str) -> Position | None:
        """Open a token of this kind and call; None for anything else, whatever it is."""
        data = self._opened_text(token, _bound_to(call, f"token {POSITION_FORM}", kind))
        try:
            return None if data is None else msgspec.msgpack.decode(data, type=Position)
        except msgspec.MsgspecError:
            return None

    def seal_text(self, data: bytes, *, what: str) -> str:
        """Seal anything else for a URL (base64url), where no call is known yet that it could be bound to."""
        return self._sealed_text(data, _bound("text", what))

    def open_text(self, text: str, *, what: str) -> bytes | None:
        """Open what was sealed for a URL; None for anything else, whatever it is."""
        return self._opened_text(text, _bound("text", what))

    def _sealed_text(self, data: bytes, bound: Sequence[bytes]) -> str:
        return _base64url(self._keys[0].token.encrypt(data, list(bound)))

    def _opened_text(self, text: str, bound: Sequence[bytes]) -> bytes | None:
        sealed = _from_base64url(text)
        if sealed is None or len(sealed) <= _TAG:
            return None
        for keys in self._keys:
            try:
                return keys.token.decrypt(sealed, list(bound))
            except InvalidTag:
                continue
        return None

    def seal_session(self, session: Session, *, call: str, room: int = COMPRESS_ABOVE) -> bytes:
        """Seal the session of a call for the store; compressed where it is longer than ``room``."""
        data = b"%d\0%b" % (SESSION_FORM, msgspec.msgpack.encode(session))
        return self.seal(data, call=call, what="session", room=room)

    def open_session(self, sealed: bytes, *, call: str) -> Session | None:
        """Open a session of this call; None where it is none, or one of another release that would only be guessed."""
        form, _, data = (self.open(sealed, call=call, what="session") or b"").partition(b"\0")
        try:
            return msgspec.msgpack.decode(data, type=Session) if form == b"%d" % SESSION_FORM else None
        except msgspec.MsgspecError:
            return None

    def seal(self, data: bytes, *, call: str, what: str, room: int = COMPRESS_ABOVE) -> bytes:
        """Seal a value of a call for the store (AES-GCM, random nonce); compressed where it is longer than ``room``."""
        form = PLAIN
        if len(data) > room:
            form, data = DEFLATED, _deflated(data)
        keys = self._keys[0]
        header = form + keys.ident
        nonce = os.urandom(_NONCE)
        return header + nonce + keys.value.encrypt(nonce, data, b"\0".join([header, *_bound_to(call, "value", what)]))

    def open(self, sealed: bytes, *, call: str, what: str) -> bytes | None:
        """Open a value of this call; None where it is foreign, damaged or of a secret that is no longer known."""
        header, nonce, rest = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
        if len(rest) < _TAG or header[:1] not in (PLAIN, DEFLATED):
            return None
        for keys in self._keys:
            if keys.ident != header[1:]:
                continue
            try:
                data = keys.value.decrypt(nonce, rest, b"\0".join([header, *_bound_to(call, "value", what)]))
                return zlib.decompress(data) if header[:1] == DEFLATED else data
            except (InvalidTag, zlib.error):
                continue
        return None

    def seal_struct(self, value: Struct, *, call: str, what: str) -> bytes:
        """Seal a struct of a call for Redis or the database."""
        return self.seal(msgspec.msgpack.encode(value), call=call, what=what)

    def open_struct(self, sealed: Any, kind: type[Kind], *, call: str, what: str) -> Kind | None:
        """Open a sealed struct of this kind; None for anything else, such as one whose secret is gone."""
        data = self.open(sealed, call=call, what=what) if isinstance(sealed, bytes) else None
        try:
            return None if data is None else msgspec.msgpack.decode(data, type=kind)
        except msgspec.MsgspecError:
            return None

    def name(self, kind: str, value: str) -> str:
        """Name something personal without telling it: a keyed HMAC, 22 characters of base64url."""
        return _name(self._keys[0].name, b"".join(_bound(kind, value)))

    def names(self, kind: str, value: str) -> tuple[str, ...]:
        """Give the name under every secret, the sealing one first: what was counted before a change still counts."""
        bound = b"".join(_bound(kind, value))
        return tuple([_name(keys.name, bound) for keys in self._keys])


def derived(secret: bytes, label: str, length: int) -> bytes:
    """Derive a key for one use from a secret; no use can be told from another's key (HKDF-SHA256)."""
    return HKDF(SHA256(), length, salt=None, info=f"ivr {label} 1".encode()).derive(secret)


def _keys_of(secret: bytes) -> _Keys:
    return _Keys(
        ident=derived(secret, "key id", 4),
        token=AESSIV(derived(secret, "token", 64)),
        value=AESGCM(derived(secret, "value", 32)),
        name=HMAC(derived(secret, "name", 32), SHA256()),
    )


def _deflated(data: bytes) -> bytes:
    # The default window and tables are a quarter of a megabyte, cleared for every value: five times the work itself.
    deflate = zlib.compressobj(level=1, wbits=12, memLevel=4)
    return deflate.compress(data) + deflate.flush()


def _bound(*parts: str) -> list[bytes]:
    # Each part tells its length: joined, no two lists read the same. Lone surrogates are bytes like any other here.
    return [b"%d:%b" % (len(part), part) for part in [part.encode("utf-8", "surrogatepass") for part in parts]]


@lru_cache(maxsize=4096)
def _bound_to(call: str, use: str, what: str) -> tuple[bytes, ...]:
    # A turn seals and opens half a dozen values of its call. Only what names calls is kept here, nothing personal.
    return tuple(_bound(use, what, call))


def _name(keyed: HMAC, bound: bytes) -> str:
    named = keyed.copy()  # the key is worked in once: hmac.digest would take five times as long
    named.update(bound)
    return _base64url(named.finalize()[:16])


def _base64url(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def _from_base64url(text: str) -> bytes | None:
    """Decode strictly: one text for one value, so that a token cannot be spelled in two ways."""
    if len(text) > LONGEST_TOKEN or not _BASE64URL.fullmatch(text):
        return None
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return data if _base64url(data) == text else None
