"""What a text message shows of a fact: standard written language with figures, in three languages."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from ivr.speech.canonical import Reader, check_language, fen, read

__all__ = ["figures"]


def figures(value: str, kind: str, lang: str) -> str:
    """Write a canonical string for a text message: 20180.05元, 15年8个月, 20180.05 yuan, 2026-11-20.

    Takes and refuses what ``ivr.speech.words`` takes and refuses. There are no thousands separators; a sum has two
    places and keeps its sign.
    """
    check_language(lang)
    return read(value, kind, _WRITTEN[lang])


@dataclass(frozen=True)
class _Written:
    """The units of one language; ``several`` is what its plural adds, ``space`` what stands before a unit."""

    yuan: str
    year: str
    month_long: str
    caller: str
    space: str = ""
    several: str = ""

    def money(self, amount: Decimal, /) -> str:
        return "-" + self.money_abs(amount) if amount < 0 else self.money_abs(amount)

    def money_abs(self, amount: Decimal, /) -> str:
        yuan, rest = divmod(fen(amount), 100)
        return f"{yuan}.{rest:02}{self.space}{self.yuan}"

    def digits(self, keyed: str, /) -> str:
        return keyed

    def number(self, n: int, /) -> str:
        return str(n)

    def count(self, n: int, /) -> str:
        return str(n)

    def people(self, n: int, /) -> str:
        return self._of(n, self.caller)

    def date(self, day: datetime.date, /) -> str:
        return day.isoformat()

    def month(self, first_day: datetime.date, /) -> str:
        return first_day.isoformat()[:7]

    def duration(self, months: int, /) -> str:
        return self.span(months)

    def span(self, months: int, /) -> str:
        years, rest = divmod(months, 12)
        parts = [self._of(years, self.year)] if years else []
        if rest or not years:
            parts.append(self._of(rest, self.month_long))
        return self.space.join(parts)

    def percent(self, whole: int, places: str, /) -> str:
        return f"{whole}.{places}%" if places else f"{whole}%"

    def _of(self, n: int, unit: str) -> str:
        return f"{n}{self.space}{unit}{'' if n == 1 else self.several}"


_WRITTEN: dict[str, Reader] = {
    "zh": _Written(yuan="元", year="年", month_long="个月", caller="位"),
    "yue": _Written(yuan="元", year="年", month_long="個月", caller="位"),
    "en": _Written(yuan="yuan", year="year", month_long="month", caller="caller", space=" ", several="s"),
}
