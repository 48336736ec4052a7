"""Read an ID number that is keyed in its three parts: region, birth date, and the last four."""

from collections.abc import Collection
from datetime import date
from typing import Final

from msgspec import Struct

from ivr.call import Credential
from ivr.validators import Agent, Back, Entered, Nothing, Wrong, as_id_number, birth_holds, first_fault, region_holds

PART_WRONG_REASONS: Final[dict[str, tuple[str, ...]]] = {
    "part_region": ("length", "region"),
    "part_birth": ("length", "birth"),
    "part_last": ("length", "check"),
}
"""Every reason each part can be refused for; a flow that asks for it has a prompt for each of them."""


class Part(Struct, frozen=True):
    """A part that holds by its structure; it is kept until the number is whole."""

    digits: str


PartEntry = Part | Entered | Wrong | Back | Agent | Nothing


def read_part(
    keys: str, ended: bool, *, so_far: str, length: int, today: date, as_issued: Collection[str] = ()
) -> PartEntry:
    """Read one part of ``length`` characters after the digits ``so_far``. Never raises for keys of ``0-9*``.

    A star is X where it is the last key of the last part; X may be left out, as in the whole number. Only stars go
    back; ``0``, ``00`` and ``000`` ask for a human where they do not complete the number; nothing is a silence. A part
    that does not hold is told by what is wrong with it, and can be keyed again; the parts before it stay.
    """
    if not keys:
        return Wrong("length", 0) if ended else Nothing()
    if not keys.strip("*"):
        return Back()
    last = len(so_far) + length >= 18
    digits = keys.rsplit("*", 1)[-1] if not (last and keys.endswith("*")) else keys[:-1].rsplit("*", 1)[-1]
    if last:
        number = as_id_number(so_far + digits)
        if number is not None and first_fault(number, today, as_issued) is None:
            left_out = len(digits) < length and not (ended or keys.endswith("*"))
            return Entered(Credential("id_card", number), late_star=left_out)
    if digits in ("0", "00", "000"):
        return Agent()
    if len(digits) != length:
        return Wrong("length", len(digits))
    if last:
        return Wrong("check", len(digits))
    whole = so_far + digits
    if not region_holds(whole):
        return Wrong("region", len(digits))
    if len(whole) >= 14 and not birth_holds(whole, today):
        return Wrong("birth", len(digits))
    return Part(digits)
