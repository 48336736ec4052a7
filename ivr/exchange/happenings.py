"""What may happen to a call in real time, and what a phone is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the phone."""

    key: str


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says, in writing."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """The phone has spoken the prompt of this number to its end, in a voice of its own."""

    number: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Whoever holds the phone lets the time pass in which something is said, or a key is waited for."""


@dataclass(frozen=True, slots=True)
class HangsUp:
    """The phone is hung up, or the carrier takes the call away."""

    by: str = "phone"


@dataclass(frozen=True, slots=True)
class Nudge:
    """Something about the other party has changed: look at it."""


Happening = Key | Words | Said | Skip | HangsUp | Nudge

Told = Mapping[str, str | int | float | bool]
"""What a phone is told, as JSON; ``kind`` says what it is:

``dials`` (``to``, ``from``), ``hears`` (``number``, ``text`` or ``audio``, ``lang``, ``slow``, ``seconds``), ``stops``
(what is being said), ``listens`` (for a key, ``seconds``), ``lost`` (``keys`` that nobody read), ``waits`` (in a
queue, with music), ``calls`` (a ``number`` is rung for the caller), ``records`` (``seconds`` at most), ``recorded``,
``rings`` (``from``), ``answered``, ``connected``, ``words`` (``text``) and ``tone`` (``key``) of the other party,
``parted``, ``texts`` (``to``, ``text``), ``repeated`` (a webhook; ``same`` where the answers were), ``rejected`` and
``odd`` (``text``: what a real carrier would not take, or not like), ``ended`` (``by`` hotline, phone or carrier)."""
