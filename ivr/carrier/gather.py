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
    digits, finished, used, end = "", "", len(heard), None
    for index, key in enumerate(heard):
        if gather.finish_on_key and key == gather.finish_on_key:
            finished, used, end = key, index + 1, times[index]
            break
        digits += key
        if gather.num_digits is not None and len(digits) == gather.num_digits:
            used, end = index + 1, times[index]
            break
    if end is None:
        end = (times[-1] if times else prompts) + gather.timeout
    asks = bool(digits) or gather.action_on_empty
    return Collected(digits, finished, asks, keys[:early] + heard[used:], end)
