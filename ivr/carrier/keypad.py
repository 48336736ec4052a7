"""The keyboard as a telephone's keypad: one key at a time, as it is pressed."""

import asyncio
import os
import signal
import sys
import termios
import tty
from types import TracebackType
from typing import Any, Self

from ivr.carrier.gather import KEYS

HANG_UP = "!"
_ENDS = "!\x03\x04"


class Keypad:
    """Reads single keys from a terminal (standard input unless ``descriptor`` says otherwise).

    The terminal is given back as it was found. Ctrl-C, Ctrl-D, ``!`` and the end of the input all come as ``!``.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: str | None = None
        self._before: list[Any] = []
        self._talks = False

    async def __aenter__(self) -> Self:
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, self._read)
        # Ctrl-C hangs up like anybody else; the call still has to be ended properly.
        loop.add_signal_handler(signal.SIGINT, self._keys.put_nowait, HANG_UP)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        loop.remove_signal_handler(signal.SIGINT)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        try:
            typed = os.read(self._descriptor, 4096)
        except OSError:
            typed = b""
        if not typed:
            if not self._talks:
                asyncio.get_running_loop().remove_reader(self._descriptor)
            self._keys.put_nowait(HANG_UP)
        elif self._talks:
            self._keys.put_nowait(typed.decode("utf-8", "replace").rstrip("\n") + "\n")
        else:
            self._pressed(typed.decode("ascii", "replace"))

    def _pressed(self, typed: str) -> None:
        for character in typed:
            if character in KEYS:
                self._keys.put_nowait(character)
            elif character in _ENDS:
                self._keys.put_nowait(HANG_UP)

    def talk(self, on: bool) -> None:
        """Read whole lines from now on, edited as any terminal lets one edit them, or single keys again."""
        if on == self._talks:
            return
        self._talks = on
        if on:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        else:
            tty.setcbreak(self._descriptor)

    async def key(self, seconds: float | None = None) -> str | None:
        """Return the next key, ``!`` for hanging up, or None when none came within the seconds.

        While lines are read, it is a line with its end.
        """
        if self._waiting is not None:
            key, self._waiting = self._waiting, None
            return key
        try:
            async with asyncio.timeout(seconds):
                return await self._keys.get()
        except TimeoutError:
            return None

    async def pressed_within(self, seconds: float) -> bool:
        """Tell whether a key came within the seconds; it stays to be read."""
        self._waiting = await self.key(seconds)
        return self._waiting is not None
