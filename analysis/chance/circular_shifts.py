"""Sums over intervals when boundaries are shifted circularly inside their sequence.

Sequences are laid end to end: offsets count from the first one's first base, and `borders` says where each begins. So
a draft of a thousand contigs is the work of one genome of their size.
"""

from collections.abc import Iterator, Sequence

import numpy as np

_LOOKUPS = 200_000
"""Table look-ups at a time: keeps the work in a few MB, which stay in the caches."""
_SHIFTS = 2_000_000
"""Shifts kept at a time: of as many sequences as that allows."""


def borders_of(lengths: int | Sequence[int]) -> np.ndarray:
    """(N + 1,) where each of N sequences begins, and the end of the last; one length: of one sequence."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def owners(place: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """Which sequence each offset lies in; the shape of place."""
    return np.searchsorted(borders, place, side="right") - 1


def draw_shifts(length: int, draws: int, rng: np.random.Generator, step: int = 1) -> np.ndarray:
    """(draws,) shifts of a ring of `length`, multiples of `step` (3 keeps the codon phase), from all that differ."""
    return step * rng.integers(0, max(length // step, 1), draws)


def shift_blocks(
    borders: np.ndarray, draws: int, rng: np.random.Generator, step: int = 1
) -> Iterator[tuple[int, np.ndarray]]:
    """Shifts of some sequences at a time: number of the first of them, and (n, draws) shifts."""
    lengths, rows = np.diff(borders).tolist(), max(1, _SHIFTS // max(draws, 1))
    for first in range(0, len(lengths), rows):
        yield (
            first,
            np.stack([draw_shifts(n, draws, rng, step) for n in lengths[first : first + rows]]),
        )


def shifted_sums(
    total: np.ndarray, intervals: np.ndarray, shifts: np.ndarray, borders: np.ndarray, first: int = 0
) -> np.ndarray:
    """(S,) sums over those of the intervals (K, 2) that lie in some sequences, whose values are moved on by shifts.

    total (L + 1,)  running sum of the values, from 0: so a sum over an interval is one difference
    shifts (N, S)   of the sequences `first` to `first + N - 1`, each less than its sequence is long
    """
    low, high = np.searchsorted(intervals[:, 0], borders[[first, first + len(shifts)]])
    owner = owners(intervals[low:high, 0], borders)
    begin, end = borders[owner], borders[owner + 1]
    length, whole = (end - begin)[:, None], (total[end] - total[begin])[:, None]
    inside, own = intervals[low:high] - begin[:, None], owner - first
    out = np.empty(shifts.shape[1], total.dtype)
    rows = max(1, _LOOKUPS // max(high - low, 1))
    for at in range(0, len(out), rows):
        place = inside - shifts[own, at : at + rows].T[..., None]
        before = place < 0  # around the ring: a whole turn less
        running = total[place + begin[:, None] + length * before] - whole * before
        out[at : at + rows] = (running[..., 1] - running[..., 0]).sum(1)
    return out


def sums_of_all(
    total: np.ndarray,
    intervals: np.ndarray,
    borders: np.ndarray,
    draws: int,
    seed: int,
    step: int = 1,
) -> np.ndarray:
    """(1 + draws,) sums over the intervals (K, 2): of the values as they are, then under random shifts."""
    out = np.zeros(1 + draws, total.dtype)
    out[0] = (total[intervals[:, 1]] - total[intervals[:, 0]]).sum()
    for first, shifts in shift_blocks(borders, draws, np.random.default_rng(seed), step):
        out[1:] += shifted_sums(total, intervals, shifts, borders, first)
    return out


def running_sum(values: np.ndarray) -> np.ndarray:
    """(L + 1,) int64: 0 and the sums of the first 1, 2, ... values."""
    return np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
