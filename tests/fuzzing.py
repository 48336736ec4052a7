"""How long property tests look: briefly in the suite, ``FUZZ_TIMES`` times as long where that is set."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def examples(number: int, **changes: object) -> settings:
    """Give settings for so many examples in the suite; a busy machine is no fault."""
    return settings(
        max_examples=number * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        **changes,  # type: ignore[arg-type]
    )
