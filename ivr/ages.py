"""How old a caller is, as far as a call has come to know it."""

from datetime import date
from typing import Final

from ivr.call import Session

SENIOR_AGE: Final = 60
"""Callers of this age and over are offered a human first after an answer, and at the first silence."""


def is_senior(session: Session, today: date) -> bool | None:
    """Tell whether a caller is 60 or over, by the birth date of the ID number, else by the birth year, if any."""
    if session.credential is not None and session.credential.kind == "id_card":
        return f"{today.year - SENIOR_AGE:04d}{today:%m%d}" >= session.credential.number[6:14]
    year = session.member.birth_year if session.member else None
    return None if year is None else today.year - year >= SENIOR_AGE
