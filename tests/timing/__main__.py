"""The timing command: can a caller tell by the time of a refusal why it was refused? A rank test over many calls.

``python tests/timing`` starts Valkey, an account service and the hotline itself. Exit status 1: two kinds can be told
apart, or the test cannot tell even refusals apart that are sent without the step.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    # However it is run, nothing else tells where these modules and those of the tests lie.
    sys.path[:0] = [str(Path(__file__).parent.parent)]


def main() -> int:
    """Be the command."""
    from timing.refusals import told_apart

    parser = argparse.ArgumentParser(prog="python tests/timing", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=_count, default=2000, help="calls that are refused for each reason (2000)")
    parser.add_argument("--step", type=float, default=0.1, help="seconds of the step on which refusals leave (0.1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr") as folder:
        found = asyncio.run(told_apart(Path(folder), calls=options.calls, step=options.step))
    for line in found.lines:
        sys.stdout.write(line + "\n")
    return 0 if found.as_it_should_be else 1


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 10 <= number <= 20_000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 10 to 20000, not {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
