"""Mainland telephone numbers to call back: the fixed form that a keyed number must have, and the caller's own in it."""

import re
from typing import Final

from msgspec import Struct

from ivr.validators import Agent, Back, Malformed, Nothing

_MAINLAND: Final = re.compile(r"1[3-9][0-9]{9}|0(?:10|2[0-57-9])[2-9][0-9]{7}|0[3-9][0-9]{2}[2-9][0-9]{6,7}")
"""A mobile number, or an area code and the number of a fixed line: nothing else is ever called back."""

_COUNTRY: Final = re.compile(r"\+86|0086")

INTERNATIONAL: Final = r"\+[1-9][0-9]{6,14}"
"""A number with the code of its country (E.164), as the carrier dials it."""


class Telephone(Struct, frozen=True):
    """A number as it is dialled within the mainland: ``13800138000``, ``01062345678``."""

    digits: str


def read_telephone(keys: str, ended: bool) -> Telephone | Malformed | Back | Agent | Nothing:
    """Read what was keyed as a telephone number. Never raises for keys of ``0-9*``.

    A star wipes what was keyed before it. Only stars go back; ``0`` asks for a human; nothing is a silence.
    """
    if not keys:
        return Malformed() if ended else Nothing()
    if not keys.strip("*"):
        return Back()
    digits = keys.rsplit("*", 1)[-1]
    if digits == "0":
        return Agent()
    return Telephone(digits) if _MAINLAND.fullmatch(digits) else Malformed()


def own_number(calling: str) -> str | None:
    """Give a calling number as it is dialled within the mainland; None where nobody there can be called back.

    ``calling`` is what the carrier tells: ``+8613800138000``, or the same without its country.
    """
    national = _COUNTRY.sub("", calling, count=1) if _COUNTRY.match(calling) else calling
    # Behind the code of the country a fixed line has lost its zero.
    return next((digits for digits in (national, f"0{national}") if _MAINLAND.fullmatch(digits)), None)


def international(number: str) -> str | None:
    """Give a number as the carrier dials it, ``+8613800138000``; None where it is none of the mainland's."""
    return f"+86{number.removeprefix('0')}" if _MAINLAND.fullmatch(number) else None


def is_international(number: str) -> bool:
    """Tell whether a number is written with the code of its country (E.164)."""
    return bool(re.fullmatch(INTERNATIONAL, number))
