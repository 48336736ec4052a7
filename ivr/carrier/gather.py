"""Which keys a ``<Gather>`` takes, which it loses, and when it is done."""

from dataclasses import dataclass

from ivr.carrier.verbs import Gather

KEYS = frozenset("0123456789*#")
KEY_SECONDS = 0.4
"""Seconds between two keys of a practised hand; the simulated caller keys at this pace."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was gathered: ``digits`` go to the action unless it falls through; ``seconds`` is when, from the start."""

    digits: str
    finished_on_key: str
    requests_action: bool
    lost: str
    seconds: float


@dataclass(slots=True)
class Entry:
    """What was keyed at a ``<Gather>`` so far: ``numDigits`` ends it at once, the finishing key never gets into it."""

    gather: Gather
    digits: str = ""
    finished_on_key: str = ""

    def take(self, key: str) -> bool:
        """Take a key; tell whether it has ended the entry."""
        if key == self.gather.finish_on_key:
            self.finished_on_key = key
            return True
        self.digits += key
        return len(self.digits) == self.gather.num_digits

    @property
    def requests_action(self) -> bool:
        """Whether the action is requested now; else the document goes on with its next verb."""
        return bool(self.digits) or self.gather.action_on_empty


def collect(gather: Gather, keys: str, first: float, prompts: float) -> Collected:
    """Collect keys of which the first is pressed ``first`` seconds after the start and the rest at a steady pace.

    The carrier's rules: the wait starts when the prompts (``prompts`` seconds) end or at the first key, then begins
    anew with each key; ``numDigits`` submits at once; the finishing key never gets into the digits; keys after the
    submitting one are lost, and so are keys during prompts that may not be interrupted; without a digit the document
    goes on, unless ``actionOnEmptyResult`` asks for the action with empty digits. A first key that comes only after
    the wait is over raises ValueError.
    """
    times = [first + KEY_SECONDS * index for index in range(len(keys))]
    # Lost before anything counts: keys pressed before this wait began, or into a prompt that does not give way.
    opens = 0.0 if gather.barge_in else prompts
    early = sum(time < opens for time in times)
    heard, times = keys[early:], times[early:]
    if times and times[0] > prompts + gather.timeout:
        raise ValueError(
            f"The first key is pressed {times[0]:.1f} s after the prompt began; "
            f"the carrier stopped waiting after {prompts + gather.timeout:.1f} s."
        )
    entry, used, end = Entry(gather), len(heard), None
    for index, key in enumerate(heard):
        if entry.take(key):
            used, end = index + 1, times[index]
            break
    if end is None:
        end = (times[-1] if times else prompts) + gather.timeout
    lost = keys[:early] + heard[used:]
    return Collected(entry.digits, entry.finished_on_key, entry.requests_action, lost, end)
