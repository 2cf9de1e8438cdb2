"""Pairing boundaries of two segmentations: within a tolerance, or the likeliest of each."""

from collections.abc import Sequence

import numpy as np


def matched_and_chance(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], lengths: Sequence[int], tolerance: int, seed: int = 0
) -> tuple[int, float]:
    """Pairs of boundaries within the tolerance, in all sequences together, and how many there would be by chance.

    a, b     boundaries of each sequence, in [1, length)
    returns  pairs; mean number of pairs when a is shifted circularly inside each sequence by random amounts
             (without tolerance its exact expectation)
    """
    room = np.maximum(np.asarray(lengths, np.int64) - 1, 1)
    if not tolerance:
        pairs = sum(len(np.intersect1d(x, y, assume_unique=True)) for x, y in zip(a, b, strict=True))
        return pairs, float(sum(len(x) * len(y) / n for x, y, n in zip(a, b, room, strict=True)))
    # Laid end to end, too far apart to pair across.
    base = np.cumsum(room + tolerance + 1) - room
    of_a, of_b = (np.repeat(np.arange(len(room)), [len(x) for x in side]) for side in (a, b))
    ring, flat_b = np.concatenate(a) - 1, np.concatenate(b) - 1 + base[of_b]
    rng = np.random.default_rng(seed)
    # Matching walks over every boundary: large inputs need few shifts for a steady mean, and can afford few.
    repeats = int(np.clip(1_000_000 / max(len(ring) + len(flat_b), 1), 3, 100))
    by_chance = 0
    for _ in range(repeats):
        turned = (ring + rng.integers(0, room)[of_a]) % room[of_a]
        by_chance += matched_within(np.sort(turned + base[of_a]), flat_b, tolerance)
    return matched_within(ring + base[of_a], flat_b, tolerance), by_chance / repeats


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


def top_positions(
    seen: Sequence[np.ndarray], prob: Sequence[np.ndarray], offsets: np.ndarray, k: int
) -> np.ndarray:
    """The k likeliest positions over all sequences, as rising offsets into all of them laid end to end.

    seen, prob  for each sequence positions and their boundary probability
    offsets     where each sequence starts when laid end to end
    k           at most the number of positions; among equals the earlier ones are taken
    """
    where = np.concatenate([positions + offset for positions, offset in zip(seen, offsets, strict=True)])
    value = np.concatenate(prob)
    if k == 0:
        return where[:0]
    least = np.partition(value, len(value) - k)[len(value) - k]
    above, equal = np.flatnonzero(value > least), np.flatnonzero(value == least)
    return where[np.sort(np.concatenate([above, equal[: k - len(above)]]))]
