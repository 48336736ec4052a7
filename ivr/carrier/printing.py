"""Lines of a call for the terminal: coloured on one, plain elsewhere."""

from typing import TextIO

from rich.console import Console
from rich.text import Text


class Printer:
    """Prints what happens on a call, a line for each thing, with its label in front."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False, markup=False, soft_wrap=not out.isatty())

    def line(self, label: str, text: str, style: str = "") -> None:
        """Print a line; nothing from outside may move the cursor or change the terminal."""
        line = Text(f"{label:>8}  ", style=style or "dim")
        line.append("".join(character if character.isprintable() else "\ufffd" for character in text), style=style)
        self._console.print(line)

    def sentence(self, text: str, lang: str, *, slow: bool) -> None:
        """Print what is heard."""
        self.line("hears", f"{text}  ({lang or 'audio'}{', slow' if slow else ''})")

    def note(self, text: str) -> None:
        """Print what nobody says, but whoever holds the phone has to know."""
        self.line("", text, "dim")

    def odd(self, text: str) -> None:
        """Print what a real carrier would take, but not like."""
        self.line("warning", text, "yellow")

    def rejected(self, text: str) -> None:
        """Print what a real carrier would have rejected."""
        self.line("REJECTED", f"The carrier would have rejected an answer: {text}", "bold red")

    def bell(self) -> None:
        """Ring the terminal's bell, where it is one."""
        if self._console.is_terminal:
            self._console.bell()
