"""The carrier's signature: HMAC-SHA1 over the public URL and the sorted form, base64."""

import hmac
from base64 import b64encode
from collections.abc import Sequence
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
    spellings = (pairs, _replaced(pairs)) if _has_bad_utf8(pairs) else (pairs,)
    for spelling in spellings:
        for token in tokens:
            for form_of_url in (url, _other_port(url)):
                if hmac.compare_digest(sign(token.encode(), form_of_url, spelling), signature):
                    return True
    return False


def _other_port(url: str) -> str:
    """Give the URL without its port, or with the default port where it has none: the carrier uses either."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if parts.port else f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 443)}"
    return urlunsplit(parts._replace(netloc=netloc))


def _has_bad_utf8(pairs: Pairs) -> bool:
    try:
        for name, value in pairs:
            name.decode()
            value.decode()
    except UnicodeDecodeError:
        return True
    return False


def _replaced(pairs: Pairs) -> Pairs:
    """Spell bytes that are not UTF-8 as senders do that sign what they decoded, with replacement characters."""
    return [(name.decode(errors="replace").encode(), value.decode(errors="replace").encode()) for name, value in pairs]
