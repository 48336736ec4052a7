"""Passwords that prove nothing, because they can be guessed from a card or by habit."""

from collections.abc import Collection, Iterable
from typing import Final, Literal, get_args

WeakReason = Literal["equal", "run", "repeated", "birth", "number", "listed"]
WEAK_REASONS: Final[tuple[WeakReason, ...]] = get_args(WeakReason)
"""Every reason a new password can be refused for."""


def weak_reason(pin: str, *, birth: str | None, numbers: Iterable[str], listed: Collection[str]) -> WeakReason | None:
    """Say why a password of six digits is weak, or None; the reasons are tried in the order of `WEAK_REASONS`.

    - equal: one digit six times. run: each digit one more, or one less, than the one before (9 and 0 do not meet).
    - repeated: two equal halves (123123) or three equal pairs (121212).
    - birth: YYMMDD, DDMMYY, MMDDYY or YYYYMM of ``birth``, which is ``YYYYMMDD``; where only the year (``YYYY``) is
      known, of any day of that year. Where nothing is known none of them is judged.
    - number: the last six digits of any of ``numbers``, those keyed in this call or at least the last seven characters
      of each; where X ends an ID number, the six before the X, and also the last six with 0 in its place, since that is
      a way to key it.
    - listed: one of ``listed``, the hotline's own list.
    """
    if len(set(pin)) == 1:
        return "equal"
    if pin in "0123456789" or pin in "9876543210":
        return "run"
    if pin in (pin[:3] * 2, pin[:2] * 3):
        return "repeated"
    if birth is not None and any(pin in _birth_forms(day) for day in _days_of(birth)):
        return "birth"
    if any(pin in (number.rstrip("X")[-6:], number.replace("X", "0")[-6:]) for number in numbers):
        return "number"
    return "listed" if pin in listed else None


def _days_of(birth: str) -> Iterable[str]:
    return (
        [birth] if len(birth) == 8 else [f"{birth}{month:02}{day:02}" for month in range(1, 13) for day in range(1, 32)]
    )


def _birth_forms(birth: str) -> tuple[str, ...]:
    year, month, day = birth[:4], birth[4:6], birth[6:]
    return (year[2:] + month + day, day + month + year[2:], month + day + year[2:], year + month)


def is_weak(pin: str, *, birth: str | None, numbers: Iterable[str], listed: Collection[str]) -> bool:
    """Tell whether a password of six digits proves nothing; `weak_reason` has the rules and the shapes."""
    return weak_reason(pin, birth=birth, numbers=numbers, listed=listed) is not None
