"""Phones for the terminal, at the exchange: one that calls the hotline, and one that is rung, as an agent's is."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TextIO

from ivr.carrier.keypad import HANG_UP, Keypad
from ivr.carrier.phone import FINE, REJECTED
from ivr.carrier.printing import Printer
from ivr.exchange.client import Declined, NoExchange, RemotePhone
from ivr.exchange.happenings import Told

KEYPAD: Final = "The keyboard is the keypad: 0-9 * #. Ctrl-C or ! hangs up."
TALKING: Final = "You are connected. What you type, and end with Enter, is what you say. Ctrl-C hangs up."
RECORDING: Final = "Speak now: type, and end with Enter. A line with # alone, or a pause, ends the recording."


_AFTER_KEYS: Final = ("hears", "rejected", "calls", "waits", "records", "connected", "ended")
"""What follows an entry; until then keys are gathered into one line."""


class TerminalPhone:
    """A phone whose keys are the keyboard and whose ear is the screen."""

    def __init__(self, phone: RemotePhone, keys: Keypad, out: TextIO) -> None:
        self._phone = phone
        self._keys = keys
        self._screen = Printer(out)
        self._pressed = ""
        self._rings = self._on_a_call = False
        self.status = FINE

    async def call(self, number: str) -> int:
        """Call a number until either side hangs up; return the exit status: 1 where an answer was rejected."""
        self._screen.note(KEYPAD)
        await self._phone.do("dial", to=number)
        await self._both(self._listen(until_the_end=True))
        return self.status

    async def wait_for_calls(self, number: str) -> int:
        """Be rung, again and again, until Ctrl-C while there is no call; return the exit status."""
        self._screen.note(f"This is the phone {number}. It rings when the hotline calls it. Ctrl-C takes it away.")
        await self._both(self._listen(until_the_end=False))
        return self.status

    async def _both(self, listening: Coroutine[Any, Any, None]) -> None:
        """Listen and read the keyboard until either is over."""
        tasks = [asyncio.create_task(listening), asyncio.create_task(self._press())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _press(self) -> None:
        """Do what is keyed or typed; comes back where nothing is left to hang up."""
        while (key := await self._keys.key()) is not None:
            if key.strip() == HANG_UP and not self._on_a_call:
                return
            with contextlib.suppress(Declined):  # what it declines is over already
                await self._do(key)

    async def _do(self, key: str) -> None:
        if key.strip() == HANG_UP:
            await self._phone.do("hang-up")
        elif key == "#\n":
            await self._phone.do("keys", keys="#")
        elif key.endswith("\n"):
            if key.strip():
                await self._phone.do("words", text=key.strip()[:500])
        elif self._rings:
            await self._phone.do("pick-up")
        else:
            self._pressed += key
            await self._phone.do("keys", keys=key)

    async def _listen(self, *, until_the_end: bool) -> None:
        async for told in self._phone.events():
            self._tell(told)
            if told["kind"] == "ended" and until_the_end:
                return
        raise NoExchange("The exchange has gone.")

    def _tell(self, told: Told) -> None:
        kind = str(told["kind"])
        if kind == "lost":
            self._pressed = self._pressed.removeprefix(str(told["keys"]))
        elif self._pressed and kind in _AFTER_KEYS:
            self._screen.line("keys", self._pressed, "bold green")
            self._pressed = ""
        show = _SHOWS.get(kind)
        if show is not None:
            show(self._screen, told)
        if kind in ("dials", "rings"):
            self._on_a_call = True
        if kind == "rejected":
            self.status = REJECTED
        self._rings = kind == "rings" or (self._rings and kind not in ("answered", "ended"))
        if kind in ("connected", "records"):
            self._keys.talk(True)
        elif kind in ("parted", "recorded", "ended"):
            self._keys.talk(False)
        if kind == "ended":
            self._on_a_call = False


def _ended(screen: Printer, told: Told) -> None:
    by = {"phone": "You hang up.", "hotline": "The hotline has hung up."}
    screen.note(by.get(str(told["by"]), "The line is dead."))


def _rings(screen: Printer, told: Told) -> None:
    screen.bell()
    screen.line("rings", f"a call from {told['from']}; any key picks up, ! rejects it", "bold cyan")


_SHOWS: dict[str, Callable[[Printer, Told], None]] = {
    "dials": lambda screen, told: screen.line("dials", f"{told['to']} from {told['from']}", "bold cyan"),
    "hears": lambda screen, told: screen.sentence(
        str(told.get("text") or told.get("audio")), str(told["lang"]), slow=bool(told["slow"])
    ),
    "lost": lambda screen, told: screen.note(f"Nobody listened to: {told['keys']}"),
    "waits": lambda screen, _: screen.note("(music)"),
    "calls": lambda screen, told: screen.line("rings", str(told["number"]), "bold cyan"),
    "records": lambda screen, _: screen.note(RECORDING),
    "recorded": lambda screen, _: screen.note("The recording has ended."),
    "rings": _rings,
    "answered": lambda screen, _: screen.note(f"You have picked up. {KEYPAD}"),
    "connected": lambda screen, _: screen.note(TALKING),
    "words": lambda screen, told: screen.line("says", str(told["text"]), "bold"),
    "parted": lambda screen, _: screen.note("You are not connected any more."),
    "rejected": lambda screen, told: screen.rejected(str(told["text"])),
    "odd": lambda screen, told: screen.odd(str(told["text"])),
    "texts": lambda screen, told: screen.line("texts", f"to {told['to']}: {told['text']}"),
    "ended": _ended,
}
