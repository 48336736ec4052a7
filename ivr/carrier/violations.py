"""What the carrier finds wrong with a hotline's answers."""

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str, str], None]
"""Takes the name of a broken rule and a sentence about how it was broken."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: its name, a sentence that says how, and the answer in which it was found."""

    rule: str
    detail: str
    document: str = ""

    def __str__(self) -> str:
        return f"{self.detail} [{self.rule}]"


class CarrierRejected(Exception):  # noqa: N818 - the carrier rejects; nothing of ours has gone wrong
    """A strict carrier has met an answer that breaks its rules."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("\n".join(f"{violation}\n{violation.document[:1000]}" for violation in violations))
        self.violations = tuple(violations)
