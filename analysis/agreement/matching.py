"""Pairing boundaries of two segmentations within a tolerance."""

import numpy as np


def matched_slots(a: np.ndarray, b: np.ndarray, edges: np.ndarray, tolerance: int) -> int:
    """Pairs of boundaries at most `tolerance` slots apart, one to one, inside each sequence.

    a, b (n,) bool   edges (S + 1,): the slots of sequence i are edges[i] .. edges[i + 1] - 1
    """
    if not tolerance:
        return int((a & b).sum())
    # Laid out so that boundaries of different sequences are too far apart to pair off.
    places = []
    for marks in (a, b):
        at = np.flatnonzero(marks)
        places.append(at + np.searchsorted(edges, at, side="right") * (tolerance + 1))
    return matched_within(*places, tolerance)


def matched_within(a: np.ndarray, b: np.ndarray, tolerance: int) -> int:
    """The largest number of one-to-one pairs of a and b that are at most `tolerance` apart.

    a (Ka,), b (Kb,)  rising integers
    """
    if tolerance == 0:
        return len(np.intersect1d(a, b, assume_unique=True))
    # Taking the first pair that fits, from the left, is optimal: all reaches are equally long. Runs of boundaries
    # with no other within reach cannot pair across, so what is alone, or one against one, is settled in bulk.
    at = np.concatenate([a, b])
    order = np.argsort(at, kind="stable")
    at, is_b = at[order], order >= len(a)
    run = np.concatenate([[0], np.cumsum(np.diff(at) > tolerance)]) if len(at) else np.empty(0, np.int64)
    size, in_b = np.bincount(run), np.bincount(run, weights=is_b)
    pairs = int(((size == 2) & (in_b == 1)).sum())
    left = ((size > 2) & (in_b > 0) & (in_b < size))[run] if len(at) else np.empty(0, bool)
    return pairs + _walk(at[left & ~is_b].tolist(), at[left & is_b].tolist(), tolerance)


def _walk(a: list[int], b: list[int], tolerance: int) -> int:
    pairs = i = j = 0
    while i < len(a) and j < len(b):
        gap = a[i] - b[j]
        if gap > tolerance:
            j += 1
        elif gap < -tolerance:
            i += 1
        else:
            pairs, i, j = pairs + 1, i + 1, j + 1
    return pairs
