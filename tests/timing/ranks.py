"""The rank test of Mann and Whitney, by its normal approximation with ties: are the values of one sample larger?"""

from collections import Counter
from collections.abc import Sequence
from math import erfc, sqrt
from typing import NamedTuple


class Ranks(NamedTuple):
    """What the test says of two samples.

    ``larger`` is how often a value of the first is larger than one of the second (0.5: neither is); ``p`` how likely
    it is that two samples of the same kind differ at least as much.
    """

    larger: float
    p: float


def compare(first: Sequence[float], second: Sequence[float]) -> Ranks:
    """Compare two samples; neither is empty."""
    n, m = len(first), len(second)
    total, below, sum_of_ranks = n + m, 0, 0.0
    counts, of_first = Counter([*first, *second]), Counter(first)
    for value in sorted(counts):
        sum_of_ranks += of_first[value] * (below + (counts[value] + 1) / 2)
        below += counts[value]
    u = sum_of_ranks - n * (n + 1) / 2
    ties = sum(count**3 - count for count in counts.values()) / (total * (total - 1))
    spread = sqrt(n * m / 12 * (total + 1 - ties))
    deviation = 0.0 if spread == 0 else (u - n * m / 2) / spread
    return Ranks(u / (n * m), erfc(abs(deviation) / sqrt(2)))
