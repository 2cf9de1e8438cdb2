"""Features by where they lie: found without looking at all of them, however many one transcript has."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from hnet_core.inputs.features import Feature


class Places:
    """Features of one sequence in the order of their starts. They may shrink while this is used, not grow."""

    def __init__(self, features: Iterable[Feature]) -> None:
        self._features = sorted(features, key=lambda each: each.start)
        self._starts = [each.start for each in self._features]
        self._reach = list(accumulate((each.end for each in self._features), max))

    def overlapping(self, start: int, end: int) -> Iterator[Feature]:
        """Those that share a base with [start, end), the last ones first."""
        at = bisect_left(self._starts, end) - 1
        while at >= 0 and self._reach[at] > start:
            each = self._features[at]
            if each.start < end and each.end > start:
                yield each
            at -= 1

    def hold(self, start: int, end: int) -> bool:
        """Whether one of them holds all of [start, end)."""
        n = bisect_right(self._starts, start)
        return n > 0 and self._reach[n - 1] >= end
