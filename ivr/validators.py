"""Read what a caller keyed as a number, six digits, a way back or a call for help, or say what is wrong with it."""

import re
from collections.abc import Collection
from datetime import date
from typing import Final, Literal, get_args

from msgspec import Struct

from ivr.call import Credential

WrongReason = Literal["length", "one_missing", "region", "birth", "check", "old_form", "wiped", "empty", "garbled"]
WRONG_REASONS: Final[tuple[WrongReason, ...]] = get_args(WrongReason)
"""Every reason a number can be refused for: a flow that asks for a number has a prompt for each of them."""

MAX_KEYS: Final = 64
"""A card number of 19, a wipe and 19 more are 39 keys; whoever sends more than 64 is not keying a number."""


# --- what an entry turns out to be: types of their own, since two empty tuples would be equal and count as false ----


class Entered(Struct, frozen=True):
    """A number to look up; ``late_star`` tells that X was computed after a pause, so a first ``*`` may still come."""

    credential: Credential
    late_star: bool = False


class KeptDigits(Struct, frozen=True):
    """An unfinished number, all of it so far: kept for the next entry, and it costs one silence."""

    digits: str


class Wrong(Struct, frozen=True):
    """A malformed number; whatever was kept is dropped.

    ``n`` is how many characters were judged (0 where none were left to judge). ``old_form`` holds the 15 digits to
    recognise if the caller insists on them.
    """

    reason: WrongReason
    n: int = 0
    old_form: str = ""


class Wiped(Struct, frozen=True):
    """Only stars while something was kept: it is dropped and asked for again, nothing is counted."""


class Six(Struct, frozen=True):
    """Six digits of a password or a code: a secret, so they are not shown when this is printed."""

    digits: str

    def __repr__(self) -> str:
        return "Six(digits='***')"


class HashAlone(Struct, frozen=True):
    """``#`` and nothing else: asks for a code at the password, and for another one at the code."""


class Malformed(Struct, frozen=True):
    """Not six digits: told and asked again, no attempt is used."""


class Back(Struct, frozen=True):
    """Only stars, with nothing to wipe: one level back."""


class Agent(Struct, frozen=True):
    """The caller asks for a human."""


class Nothing(Struct, frozen=True):
    """Nothing was keyed: a silence. What was kept stays."""


NumberEntry = Entered | KeptDigits | Wrong | Wiped | Back | Agent | Nothing
SixEntry = Six | Agent | HashAlone | Back | Nothing | Malformed


# --- the ID number itself (GB 11643) --------------------------------------------------------------------------------

_REGION = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9")
_WEIGHTS = tuple(2**power % 11 for power in range(17, 0, -1))
_REMAINDERS = "10X98765432"
_FIRST_BIRTH = date(1900, 1, 1)


def check_character(first17: str) -> str:
    """Compute the 18th character, ``0``-``9`` or ``X``, from the first 17 digits (GB 11643, MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _REMAINDERS[total % 11]


def region_holds(number: str) -> bool:
    """Tell whether a number of any length begins with a province, with 81-83 (permits) or with 9 (foreigners' cards).

    There is no table of six-digit regions, because tables reject people older than their district's code.
    """
    return _REGION.match(number) is not None


def birth_date(id_number: str) -> date | None:
    """Read the 7th to 14th digit as a day since 1900-01-01; None where they are none, or are not all there yet."""
    day = _day(id_number[6:14])
    return day if day is not None and day >= _FIRST_BIRTH else None


def birth_holds(number: str, today: date) -> bool:
    """Tell whether the birth date of a whole or begun ID number is a day from 1900-01-01 to today, both included."""
    born = birth_date(number)
    return born is not None and born <= today


def _day(yyyymmdd: str) -> date | None:
    if not re.fullmatch("[0-9]{8}", yyyymmdd):
        return None
    try:
        return date(int(yyyymmdd[:4]), int(yyyymmdd[4:6]), int(yyyymmdd[6:]))
    except ValueError:
        return None


def _x_computed(digits: str) -> bool:
    return len(digits) == 17 and check_character(digits) == "X"


def as_id_number(text: str) -> str | None:
    """Spell out an ID number: X may be left out or keyed as 0, but only where X is what the digits compute to."""
    if _x_computed(text):
        return text + "X"
    if len(text) != 18:
        return None
    return text[:17] + "X" if text[17] == "0" and _x_computed(text[:17]) else text


def first_fault(id_number: str, today: date, as_issued: Collection[str]) -> WrongReason | None:
    """Find the first thing wrong, in the order of the number itself; a caller can look for one thing at a time."""
    if id_number in as_issued:
        return None
    if not region_holds(id_number):
        return "region"
    if not birth_holds(id_number, today):
        return "birth"
    if check_character(id_number[:17]) != id_number[17]:
        return "check"
    return None


def _is_valid_id(text: str, today: date, as_issued: Collection[str]) -> bool:
    id_number = as_id_number(text)
    return id_number is not None and first_fault(id_number, today, as_issued) is None


def _looks_like_old_form(digits: str) -> bool:
    """Tell whether 15 digits are the ID number of before 1999, which wrote the year of birth in two digits."""
    if len(digits) != 15 or not region_holds(digits):
        return False
    return any(_day(century + digits[6:12]) is not None for century in ("19", "20"))


# --- number entry ---------------------------------------------------------------------------------------------------

_KEYS = re.compile(f"[0-9*]{{0,{MAX_KEYS}}}")


def read_number(
    keys: str, ended: bool, *, kept: str = "", old_form: str = "", today: date, as_issued: Collection[str] = ()
) -> NumberEntry:
    """Read an entry at the number prompt; it takes an ID number or a card number, told apart by their form.

    ``keys`` is what was keyed since the prompt (``0-9*``), ``ended`` whether ``#`` closed it rather than a pause,
    ``kept`` the digits of an earlier `KeptDigits`, ``old_form`` those of an earlier `Wrong`. ``as_issued`` are ID
    numbers that are right although their check characters are not. It never raises. The rules, in their order:

    - Kept digits and the entry are read as one. A star is X where it is the last key, exactly 17 digits lie between it
      and the star before, and X is what they compute to. Every other star wipes all that was keyed before it.
    - Nothing left: only stars wipe what was kept, or go back; digits and then a wipe are ``wiped``; ``#`` alone ends
      what was kept, and is ``empty`` otherwise; no keys at all are silence.
    - An entry that is a valid ID number by itself, in any spelling, replaces what was kept, although the star of an X
      would wipe it too: the caller started over. The joined keys are never a valid one as well: one kept digit more
      moves the year of birth by one place, and no 19YY or 20YY can be read from there.
    - ``0``, ``00`` and ``000`` (what a wipe left of the entry, if there was one) are the last digits where they
      complete a valid ID number, in any spelling; else they ask for an agent, as 0 does everywhere.
    - All else goes by length; see `_read_length`.
    """
    if not _KEYS.fullmatch(keys):
        return Wrong("garbled")
    if not keys:
        if not ended:
            return Nothing()
        return _read_length(kept, ended, old_form, today, as_issued) if kept else Wrong("empty")
    entry, number = _obey_stars(keys), _obey_stars(kept + keys)
    if _is_valid_id(entry, today, as_issued):
        number = entry
    if not number:
        if keys.strip("*"):
            return Wrong("wiped")
        return Wiped() if kept else Back()
    if entry in ("0", "00", "000") and not _is_valid_id(number, today, as_issued):
        return Agent()
    return _read_length(number, ended, old_form, today, as_issued)


def _obey_stars(keys: str) -> str:
    """Give what the stars leave: digits, perhaps with a final X."""
    before, last = ["", *keys.split("*")][-2:]
    return before + "X" if not last and _x_computed(before) else last


def _read_length(number: str, ended: bool, old_form: str, today: date, as_issued: Collection[str]) -> NumberEntry:
    """Read digits, perhaps with a final X, by their length.

    - 18, or 17 with an X left out: an ID number and nothing else, so its region, birth date or check character is told.
    - Other 17: one is missing; a pause keeps them.
    - 15 in the form of the ID numbers of before 1999: refused once; the same 15 again are a card, since cards can look
      so. This comes before keeping 15 digits, so the first 15 of someone born in 1901-1912 or 2001-2012 are read so.
    - Other 9-16, and 19: a card; but 14-16 that begin like an ID number, birth date included, are kept after a pause.
    - Fewer: kept after a pause. All the rest has the wrong length.
    """
    n = len(number)
    id_number = as_id_number(number)
    if id_number is not None:
        fault = first_fault(id_number, today, as_issued)
        if fault is not None:
            return Wrong(fault, n)
        return Entered(Credential("id_card", id_number), late_star=n == 17 and not ended)
    if n == 17:
        return Wrong("one_missing", n) if ended else KeptDigits(number)
    if _looks_like_old_form(number) and number != old_form:
        return Wrong("old_form", n, number)
    if 9 <= n <= 16 or n == 19:
        unfinished = 14 <= n <= 16 and number != old_form and region_holds(number) and birth_holds(number, today)
        return KeptDigits(number) if unfinished and not ended else Entered(Credential("social_security_card", number))
    return KeptDigits(number) if n < 9 and not ended else Wrong("length", n)


# --- six digits -----------------------------------------------------------------------------------------------------


def read_six(keys: str, ended: bool) -> SixEntry:
    """Read an entry at a prompt for six digits: a password, a code, or a new password.

    ``keys`` is what was keyed (``0-9*``), ``ended`` whether ``#`` closed it. ``0#`` asks for an agent; 0 and a pause do
    not, since passwords may begin with 0. Only stars go back; a star among digits wipes nothing here: malformed.
    """
    if re.fullmatch("[0-9]{6}", keys):
        return Six(keys)
    if not keys:
        return HashAlone() if ended else Nothing()
    if keys == "0" and ended:
        return Agent()
    return Malformed() if keys.strip("*") else Back()
