"""How the carrier retries a webhook, and how the fragment of a URL overrides it (``#rc=2&rp=all&rt=5000``)."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

Miss = Literal["connect", "read-timeout", "lost", "4xx", "5xx"]
"""Why an attempt brought no answer; ``lost`` is a connection that broke after the request had gone out."""

_POLICIES: dict[str, frozenset[Miss]] = {
    "ct": frozenset({"connect"}),
    "rt": frozenset({"read-timeout", "lost"}),
    "4xx": frozenset({"4xx"}),
    "5xx": frozenset({"5xx"}),
    "all": frozenset({"connect", "read-timeout", "lost", "4xx", "5xx"}),
}
_MILLISECONDS = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000)}


@dataclass(frozen=True, slots=True)
class Retrying:
    """Retries, what is retried, and the deadlines in seconds of connecting, of one answer and of everything."""

    retries: int = 1
    misses: frozenset[Miss] = _POLICIES["ct"]
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0


def retrying(url: str) -> Retrying:
    """Return how a webhook to ``url`` is retried; an override that the carrier does not know raises ValueError."""
    fragment = url.partition("#")[2]
    values: dict[str, str] = {}
    for part in fragment.split("&") if fragment else []:
        name, _, value = part.partition("=")
        if name in values:
            raise ValueError(f"The URL fragment #{fragment} gives {name} twice.")
        values[name] = value
    misses = _POLICIES["ct"]
    seconds = {"ct": 5.0, "rt": 15.0, "tt": 15.0}
    retries = 1
    for name, value in values.items():
        if name == "rc" and re.fullmatch("[0-5]", value):
            retries = int(value)
        elif name == "rp" and all(policy in _POLICIES for policy in value.split(",")):
            misses = frozenset(miss for policy in value.split(",") for miss in _POLICIES[policy])
        elif name in _MILLISECONDS and re.fullmatch("[0-9]{3,5}", value):
            low, high = _MILLISECONDS[name]
            if not low <= int(value) <= high:
                raise ValueError(f"The URL fragment #{fragment} has {name}={value}; {low} to {high} was expected.")
            seconds[name] = int(value) / 1000
        else:
            raise ValueError(
                f"The URL fragment #{fragment} has {part_of(name, value)}; rc=0-5, rp of 4xx 5xx ct rt all, "
                "or ct, rt, tt in milliseconds was expected."
            )
    return Retrying(retries, misses, seconds["ct"], seconds["rt"], seconds["tt"])


def part_of(name: str, value: str) -> str:
    return f"{name}={value}" if value else repr(name)


def wrong_url(url: str) -> str | None:
    """Say what is wrong with a URL or a relative reference that a document hands out, or None."""
    if not url:
        return "it is empty"
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "it holds a blank or a character that is not ASCII"
    try:
        parts = urlsplit(urljoin("http://hotline.invalid/", url))
        retrying(url)
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "http or https was expected"
    return None
