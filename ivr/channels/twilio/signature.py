"""The carrier's signature: HMAC-SHA1 over the public URL and the sorted form, base64."""

import hmac
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha1
from urllib.parse import urlsplit, urlunsplit

from ivr.channels.twilio.form import Pairs

_DEFAULT_PORTS = {"http": 80, "https": 443}


def sign(token: bytes, url: str, pairs: Pairs) -> str:
    """Give the signature of a request: names sorted, every distinct value of a name in order, no delimiter."""
    text = bytearray(url.encode())
    for name, value in sorted(set(pairs)):
        text += name + value
    return b64encode(hmac.digest(token, bytes(text), sha1)).decode()


def holds(tokens: Sequence[str], url: str, pairs: Pairs, signature: str) -> bool:
    """Tell whether a signature was made with one of the tokens, over the URL with or without its port."""
    if not signature.isascii():
        return False
    return any(
        hmac.compare_digest(sign(token.encode(), signed_url, spelling), signature)
        for signed_url in _urls(url)
        for spelling in _spellings(pairs)
        for token in tokens
    )


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
    if _is_utf8(pairs):
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
