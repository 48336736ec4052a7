"""The members of the run: each has a number, a password and a sum that nobody else has."""

from datetime import date, timedelta
from typing import NamedTuple

from ivr.speech import words
from ivr.validators import check_character

A_DAY = 900
"""Members who are born on one day: the order code has three digits."""

_FIRST_BIRTH = date(1950, 1, 1)


class Member(NamedTuple):
    """A member: what is keyed for them, and what the account service knows."""

    order: int
    id_number: str
    password: str

    @property
    def balance(self) -> str:
        """Give the balance in yuan; no two members have the same."""
        fen = 100_000 + 37 * self.order
        return f"{fen // 100}.{fen % 100:02}"

    @property
    def spoken(self) -> str:
        """Give the balance as the hotline says it."""
        return words(self.balance, "money", "zh")

    @property
    def keys(self) -> str:
        """Give the number as it is keyed, with the star that stands for X."""
        return self.id_number.replace("X", "*") + "#"

    @property
    def wrong_password(self) -> str:
        """Give a password that opens nothing and is as strong as the right one."""
        return self.password[:4] + f"{(int(self.password[4:]) + 1) % 100:02}"


def member(index: int) -> Member:
    """Give a member by number. No password is weak: none is a date, a run or two halves that are the same."""
    days, of_day = divmod(index, A_DAY)
    first17 = f"110105{_FIRST_BIRTH + timedelta(days=days):%Y%m%d}{100 + of_day}"
    password = f"84{60 + index % 40}{(17 + 7 * index) % 100:02}"
    if password[:3] == password[3:]:
        password = "846275"
    return Member(index, first17 + check_character(first17), password)


def member_of(id_number: str) -> Member | None:
    """Find a member by ID number; None where nobody has it."""
    if not (len(id_number) == 18 and id_number[:17].isdecimal()):
        return None
    born, of_day = id_number[6:14], int(id_number[14:17])
    days = (date(int(born[:4]), int(born[4:6]), int(born[6:])) - _FIRST_BIRTH).days
    found = member(days * A_DAY + of_day - 100) if days >= 0 and of_day >= 100 else None
    return found if found is not None and found.id_number == id_number else None
