"""The carrier's signature: HMAC-SHA1 over the public URL and the sorted form, base64."""

import hmac
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import urlsplit, urlunsplit

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from ivr.channels.twilio.form import Pairs

_DEFAULT_PORTS = {"http": 80, "https": 443}


_LENGTH = 28
"""Characters of any signature: the 20 bytes of SHA-1 in base64."""

_MOST_SPELLED = 500
"""Fields of a body that is tried in other spellings: anybody can post one, and each spelling costs its whole length."""


def sign(token: bytes, url: str, pairs: Pairs) -> str:
    """Give the signature of a request: names sorted, every distinct value of a name in order, no delimiter."""
    return _signature(token, url, _signed(pairs))


def holds(tokens: Sequence[str], url: str, pairs: Pairs, signature: str) -> bool:
    """Tell whether a signature was made with one of the tokens, over the URL with or without its port.

    Anybody can have this computed over 64 kB of the smallest fields, so they are put in order once for each spelling
    and not for each token and URL.
    """
    if len(signature) != _LENGTH or not signature.isascii():
        return False
    return any(
        hmac.compare_digest(_signature(token.encode(), signed_url, signed), signature)
        for signed in map(_signed, _spellings(pairs))
        for signed_url in _urls(url)
        for token in tokens
    )


def _signed(pairs: Pairs) -> bytes:
    return b"".join(chain.from_iterable(sorted(set(pairs))))


def _signature(token: bytes, url: str, signed: bytes) -> str:
    mac = _keyed(token).copy()
    mac.update(url.encode() + signed)
    return b64encode(mac.finalize()).decode()


@lru_cache(maxsize=4)
def _keyed(token: bytes) -> HMAC:
    # The key is worked in once: hmac.digest would take three times as long. There are two tokens at most.
    return HMAC(token, SHA1())  # noqa: S303 - it is the carrier's algorithm


def _urls(url: str) -> Iterator[str]:
    """Give the URL as it is, which nearly always holds, and only then with or without its port."""
    yield url
    yield _other_port(url)


def _other_port(url: str) -> str:
    """Give the URL without its port, or with the default port where it has none: the carrier uses either."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if parts.port else f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 443)}"
    return urlunsplit(parts._replace(netloc=netloc))


def _spellings(pairs: Pairs) -> Iterator[Pairs]:
    """Give the pairs, and where they are not UTF-8 also as they are spelled by senders who sign what they decoded."""
    yield pairs
    if len(pairs) > _MOST_SPELLED or _is_utf8(pairs):
        return
    for encoding in ("utf-8", "latin-1"):
        yield [
            (name.decode(encoding, "replace").encode(), value.decode(encoding, "replace").encode())
            for name, value in pairs
        ]


def _is_utf8(pairs: Pairs) -> bool:
    try:
        for pair in pairs:
            for text in pair:
                text.decode()
    except UnicodeDecodeError:
        return False
    return True
