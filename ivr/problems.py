"""What is wrong with a data file: where it stands, in one sentence, with the reason and the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing an author has to put right. Lines and columns count from 1; line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    rule: str
    message: str
    why: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        lines = [f"{place}: {self.message}"]
        lines += [f"    {label}: {text}" for label, text in (("Why", self.why), ("Remedy", self.remedy)) if text]
        return "\n".join(lines)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Give `` Did you mean 'balance'?`` for the known name that is nearest, or nothing."""
    near = get_close_matches(str(name), sorted(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(names: Iterable[object], *, nothing: str = "none") -> str:
    """Give names as an author reads them: ``a, b and c``."""
    *head, last = [str(name) for name in names] or [nothing]
    return f"{', '.join(head)} and {last}" if head else last
