"""Which keys a Gather takes, which it loses, and when it is done."""

from dataclasses import replace

import pytest

from ivr.carrier.gather import KEY_SECONDS, Collected, collect
from ivr.carrier.verbs import Gather

MENU = Gather(num_digits=1, finish_on_key="", action_on_empty=True, timeout=8)
NUMBER = Gather(action_on_empty=True, timeout=8)
SIX = Gather(num_digits=6, action_on_empty=True, timeout=8)
PLAIN = Gather(timeout=8)
DEAF = Gather(num_digits=1, barge_in=False, timeout=8)
K = KEY_SECONDS
PROMPTS = 2.0

CASES = [
    # gather, keys, first key at, (digits, finished, asks, lost, seconds)
    (MENU, "1", 3.0, Collected("1", "", True, "", 3.0)),
    (MENU, "12", 3.0, Collected("1", "", True, "2", 3.0)),
    (MENU, "#", 3.0, Collected("#", "", True, "", 3.0)),
    (MENU, "*", 0.5, Collected("*", "", True, "", 0.5)),
    (MENU, "", 3.0, Collected("", "", True, "", 10.0)),
    (NUMBER, "123#", 3.0, Collected("123", "#", True, "", 3.0 + 3 * K)),
    (NUMBER, "123#45", 3.0, Collected("123", "#", True, "45", 3.0 + 3 * K)),
    (NUMBER, "123", 3.0, Collected("123", "", True, "", 3.0 + 2 * K + 8)),
    (NUMBER, "12*3#", 3.0, Collected("12*3", "#", True, "", 3.0 + 4 * K)),
    (NUMBER, "#", 3.0, Collected("", "#", True, "", 3.0)),
    (NUMBER, "", 3.0, Collected("", "", True, "", 10.0)),
    (SIX, "846275#", 3.0, Collected("846275", "", True, "#", 3.0 + 5 * K)),
    (SIX, "84#", 3.0, Collected("84", "#", True, "", 3.0 + 2 * K)),
    # silence, and # before any digit, fall through
    (PLAIN, "", 3.0, Collected("", "", False, "", 10.0)),
    (PLAIN, "#", 3.0, Collected("", "#", False, "", 3.0)),
    (PLAIN, "#1", 3.0, Collected("", "#", False, "1", 3.0)),
    # keys before the wait began, or into a prompt that does not give way, are lost
    (NUMBER, "12#", -K, Collected("2", "#", True, "1", K)),
    (MENU, "1", -1.0, Collected("", "", True, "1", 10.0)),
    (DEAF, "1", 1.0, Collected("", "", False, "1", 10.0)),
    (DEAF, "1", 2.5, Collected("1", "", True, "", 2.5)),
]


@pytest.mark.parametrize(("gather", "keys", "first", "expected"), CASES)
def test_keys_are_collected_as_the_carrier_does(gather: Gather, keys: str, first: float, expected: Collected) -> None:
    found = collect(gather, keys, first, PROMPTS)
    assert found.seconds == pytest.approx(expected.seconds)
    assert found == replace(expected, seconds=found.seconds)


def test_a_key_after_the_wait_is_told_apart_from_silence() -> None:
    with pytest.raises(ValueError, match=r"stopped waiting after 10\.0 s"):
        collect(MENU, "1", 10.1, PROMPTS)
