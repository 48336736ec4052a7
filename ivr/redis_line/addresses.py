"""From IVR_REDIS_URL to a client."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url

from ivr.redis_line.cluster import ClusterWay
from ivr.redis_line.line import PATIENCE
from ivr.redis_line.sentinels import SentinelWay
from ivr.redis_line.server import Address, Options, Server, ShortWay

_MANY = re.compile(
    r"redis\+(?P<kind>sentinel|cluster)://(?:(?P<user>[^@/]*)@)?(?P<hosts>[^@/?]+)(?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?"
)
_HOST_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def connect(url: str, *, patience: float = PATIENCE, connections: int = 64) -> Redis:
    """Make a client for one server, for a master with Sentinels, or for a cluster (nothing is sent yet).

    ``redis://``, ``rediss://`` and ``unix://`` name one server. ``redis+sentinel://user:password@h:p,h:p/service/0``
    names Sentinels and what they call the master; user and password are the master's, and those of the Sentinels are
    ``sentinel_username`` and ``sentinel_password`` in the query. ``redis+cluster://user:password@h:p,h:p`` names some
    nodes of a cluster, which tell the others.

    The client gives up connecting after ``patience`` seconds; everything else is bounded by the `RedisLine` that asks.
    Raises ValueError with a sentence, without the URL itself (it may hold a password), where the URL cannot be used.
    The servers must be Valkey, or Redis 7.0 or later.
    """
    many = _MANY.fullmatch(url)
    if many is None:
        server = Server(_options(url), patience=patience, connections=connections)
        return ShortWay(server)
    addresses = [_address(text) for text in many["hosts"].split(",")]
    query = dict(parse_qsl(many["query"] or "", keep_blank_values=True))
    if many["kind"] == "cluster":
        if many["path"] not in (None, "", "0"):
            raise ValueError("IVR_REDIS_URL: a cluster has database 0 alone; expected redis+cluster://h:p,h:p.")
        options = _options_of(many["user"], "0", query)
        return ClusterWay(addresses, options, patience=patience, connections=connections)
    service, _, database = (many["path"] or "").partition("/")
    if not service or not re.fullmatch(r"[0-9]{0,4}", database):
        raise ValueError("IVR_REDIS_URL: the path names no service; expected redis+sentinel://h:p,h:p/service/0.")
    sentinel = {name: query.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    return SentinelWay(
        addresses,
        unquote(service),
        _options_of(many["user"], database or "0", query),
        sentinel_options={name: value for name, value in sentinel.items() if value},
        patience=patience,
        connections=connections,
    )


def _address(text: str) -> Address:
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError("IVR_REDIS_URL is not a Redis URL; expected each server as host:port, with commas between.")
    return Address(match["host"].strip("[]"), int(match["port"]))


def _options_of(user: str | None, database: str, query: dict[str, str]) -> Options:
    """Give what every connection to a data server needs; the server itself is put in later."""
    credentials = f"{user}@" if user else ""
    options = _options(f"redis://{credentials}server:1/{database}?{urlencode(query)}")
    return {name: value for name, value in options.items() if name not in ("host", "port")}


def _options(url: str) -> Options:
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except (ValueError, TypeError):
        raise ValueError(
            "IVR_REDIS_URL is not a Redis URL; expected redis://host:port/0, rediss://host:port/0, unix:///path, "
            "redis+sentinel://host:port,host:port/service/0 or redis+cluster://host:port,host:port."
        ) from None
    return options
