"""Which calling numbers tell who is calling: carriers send something else where a caller withholds the number."""

import re

WITHHELD = frozenset({"+266696687", "+86266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What carriers send in place of a withheld number: ANONYMOUS, RESTRICTED and so on, as a keypad spells them."""

_TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}|(?:0086)?1[3-9][0-9]{9}|0[1-9][0-9]{8,10}")
"""With the code of its country, or as a switch within the mainland tells a mobile number or a fixed line."""


def is_telephone(calling: str) -> bool:
    """Tell whether nothing but one line calls from this number; withheld ones are everybody's and nobody's."""
    return bool(_TELEPHONE.fullmatch(calling)) and calling not in WITHHELD
