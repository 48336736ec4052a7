"""A phone for the terminal: it calls the hotline with keys from a script, or key by key."""

import re
import sys
from typing import TextIO

from ivr.carrier.carrier import Carrier
from ivr.carrier.keypad import Keypad
from ivr.carrier.line import Call, Heard, Ring
from ivr.carrier.printing import Printer
from ivr.carrier.say import WORDS_A_SECOND
from ivr.carrier.verbs import seconds_of
from ivr.carrier.violations import CarrierRejected, Violation

SILENCE, HANG_UP = "-", "!"
FINE, REJECTED, CALLED_WRONGLY = 0, 1, 2


def parse_keys(script: str) -> list[str]:
    """Return what is keyed at one prompt after the other; anything no phone can do raises ValueError with a sentence.

    The command's grammar: blanks separate prompts, ``-`` is silence, ``!`` hangs up (and ends the script).
    """
    presses = re.findall(r"[^ \t\n]+", script)
    for place, press in enumerate(presses, start=1):
        if press not in (SILENCE, HANG_UP) and not re.fullmatch(r"[0-9*#]+", press):
            raise ValueError(
                f"--keys: part {place} is {press!r}; keys of 0-9 * # were expected, or - for silence, or ! to hang up."
            )
    if HANG_UP in presses[:-1]:
        raise ValueError("--keys: something follows !, which hangs up; nothing can be keyed after it.")
    return presses


async def run_script(carrier: Carrier, keys: str, out: TextIO, err: TextIO | None = None) -> int:
    """Call, press what the script says, and print turn by turn what is pressed and heard.

    Returns the exit status: 0; 1 where a real carrier would have rejected an answer; 2 for keys that are no keys. When
    the script's keys run out, the phone hangs up.
    """
    try:
        presses = parse_keys(keys)
    except ValueError as error:
        print(error, file=err or sys.stderr)
        return CALLED_WRONGLY
    call = carrier.call()
    screen = Screen(out, call)
    try:
        screen.dials()
        screen.hears(await call.ring("/twilio/voice"))
        for place, press in enumerate(presses):
            if call.ended:
                screen.note(f"The call has ended; not keyed any more: {' '.join(presses[place:])}")
                break
            if press == HANG_UP:
                break
            screen.keys(press)
            screen.hears(await (call.silence() if press == SILENCE else call.press(press)))
        ran_out = HANG_UP not in presses
        await _goodbye(call, screen, "The keys have run out, so you hang up." if ran_out else "You hang up.")
    except CarrierRejected:
        pass  # what broke is told below
    return _verdict(call, screen)


async def run_interactive(carrier: Carrier, out: TextIO, keypad: Keypad | None = None, *, aloud: bool = False) -> int:
    """Call with every key of the keyboard as a key of the phone; a pause as long as the hotline waits is silence.

    Ctrl-C, Ctrl-D and ``!`` hang up. What is said appears at once, though time runs as if it were spoken; ``aloud``
    prints it at the pace of speech. Returns the exit status as for a script.
    """
    call = carrier.call()
    screen = Screen(out, call)
    async with keypad or Keypad() as keys:
        try:
            screen.note("The keyboard is the keypad: 0-9 * #. Ctrl-C or ! hangs up.")
            screen.dials()
            heard = await call.ring("/twilio/voice")
            while True:
                await _tell(screen, heard, keys, aloud=aloud)
                if call.ended:
                    break
                pressed = await _entry(call, keys, aloud=aloud)
                if pressed is None:
                    break
                screen.keys(pressed or SILENCE)
                heard = await (call.press(pressed) if pressed else call.silence())
            await _goodbye(call, screen, "You hang up.")
        except CarrierRejected:
            pass  # what broke is told below
    return _verdict(call, screen)


async def _entry(call: Call, keys: Keypad, *, aloud: bool) -> str | None:
    """Return what is keyed at the prompt in real time, as the carrier would wait for it; None hangs up."""
    gather = call.gather
    if gather is None:
        # Music in a queue, or a recording: any key or half a minute goes on.
        key = await keys.key(30.0)
        return None if key == HANG_UP else key or ""
    prompts = 0.0 if aloud else sum(seconds_of(prompt) for prompt in gather.prompts)
    entry = ""
    while True:
        key = await keys.key(gather.timeout + (0.0 if entry else prompts))
        if key == HANG_UP:
            return None
        if key is None:
            return entry
        entry += key
        if key == gather.finish_on_key or len(entry) == gather.num_digits:
            return entry


async def _tell(screen: "Screen", heard: list[Heard], keys: Keypad, *, aloud: bool) -> None:
    """Print what is heard; at the pace of speech, a key cuts it short and stays for the prompt."""
    if not aloud:
        screen.hears(heard)
        return
    for place, sentence in enumerate(heard):
        screen.hears([sentence])
        words = len(sentence.text) / 3 if sentence.lang != "en-US" else len(sentence.text.split()) / WORDS_A_SECOND
        if await keys.pressed_within(words):
            screen.hears(heard[place + 1 :])
            return


async def _goodbye(call: Call, screen: "Screen", hanging_up: str) -> None:
    if call.ended:
        screen.note("The hotline has hung up.")
    else:
        screen.note(hanging_up)
        await call.hang_up()


def _verdict(call: Call, screen: "Screen") -> int:
    # Where an answer was rejected, what was heard up to there has not been printed yet.
    screen.hears(call.heard[screen.heard :])
    for warning in call.warnings:
        screen.warning(warning)
    for violation in call.violations:
        screen.violation(violation)
    return REJECTED if call.violations else FINE


def _not_really(ring: Ring) -> str:
    if ring.ends == "answered":
        return "nobody is really rung: the call goes on as if a human had answered, talked and hung up"
    return f"nobody is really rung: the call goes on as if it had ended with {ring.ends}"


class Screen(Printer):
    """Prints a call."""

    def __init__(self, out: TextIO, call: Call) -> None:
        super().__init__(out)
        self.heard = 0
        self._call = call
        self._rung = 0

    def dials(self) -> None:
        self.line("dials", f"{self._call.to} from {self._call.from_}", "bold cyan")

    def keys(self, press: str) -> None:
        self.line("keys", "(silence)" if press == SILENCE else press, "bold green")

    def hears(self, heard: list[Heard]) -> None:
        for sentence in heard:
            self._rings()
            self.heard += 1
            self.sentence(sentence.text or sentence.audio, sentence.lang, slow=sentence.slow)
        self._rings()

    def _rings(self) -> None:
        """Print who was dialled before the next sentence was heard."""
        for ring in self._call.rings[self._rung :]:
            if ring.heard > self.heard:
                break
            self._rung += 1
            self.line("rings", f"{ring.number}  ({_not_really(ring)})", "bold cyan")

    def warning(self, warning: Violation) -> None:
        self.odd(str(warning))

    def violation(self, violation: Violation) -> None:
        self.rejected(str(violation))
