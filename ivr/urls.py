"""Which URLs a setting may hold, and what can be told from one without asking the network."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_HOST_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def web_address(url: str) -> str:
    """Return ``url`` without a slash at its end. Raises ValueError where it is no plain http(s) URL."""
    parts = _split(url)
    plain = parts is not None and not (parts.query or parts.fragment or "@" in parts.netloc or url.endswith(("?", "#")))
    if parts is None or not plain or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http://HOST or https://HOST, perhaps with a port and a path")
    return url.rstrip("/")


def async_database(url: str) -> str:
    """Return ``url`` with a driver that does not block. Raises ValueError where SQLAlchemy knows no such driver."""
    # Read only where it is needed: the import takes longer than all the rest of the settings.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    expected = (
        "expected a SQLAlchemy URL with an asynchronous driver, such as sqlite+aiosqlite:////var/lib/ivr/calls.db"
    )
    try:
        parsed = make_url(url)
        if parsed.drivername == "sqlite":
            parsed = parsed.set(drivername="sqlite+aiosqlite")
        dialect = parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ValueError(expected) from None
    if not dialect.is_async:
        raise ValueError(expected)
    return parsed.render_as_string(hide_password=False)


def is_redis(url: str) -> bool:
    """Return whether ``url`` names one server, a socket, a Sentinel service or a cluster."""
    scheme, colon, rest = url.partition("://")
    if not colon or not _PRINTABLE.fullmatch(url):
        return False
    if scheme in ("redis", "rediss"):
        parts = _split(url)
        return parts is not None and bool(parts.hostname) and bool(re.fullmatch(r"/?|/[0-9]{1,4}", parts.path))
    if scheme == "unix":
        parts = _split(url)
        return parts is not None and parts.path.startswith("/") and len(parts.path) > 1
    hosts, _, path = rest.partition("?")[0].rpartition("@")[2].partition("/")
    if not all(_is_host_port(host) for host in hosts.split(",")):
        return False
    if scheme == "redis+sentinel":
        return bool(re.fullmatch(r"[^/]+(/[0-9]{1,4})?", path))
    return scheme == "redis+cluster" and path in ("", "0")


def is_loopback(url: str) -> bool:
    """Return whether only this machine can reach the host of ``url``."""
    host = _host(url)
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def is_private(url: str) -> bool:
    """Return whether the host of ``url`` is this machine or in a network of one's own, as far as its name tells."""
    host = _host(url)
    address = _address(host)
    return address.is_private if address else "." not in host or host.endswith((".internal", ".local", ".localhost"))


def without_password(url: str) -> str:
    """Return ``url`` as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _split(url: str) -> SplitResult | None:
    if not _PRINTABLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _is_host_port(text: str) -> bool:
    match = _HOST_PORT.fullmatch(text)
    return match is not None and 0 < int(match[1]) < 65536


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
