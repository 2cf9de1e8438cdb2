"""Measures of two segmentations as partitions and as sequences of chunks.

a, b    (n,) bool: a chunk starts at this slot (boundaries.segmentations: all bytes but the first of each sequence)
edges   (S + 1,): the slots of sequence i are edges[i] .. edges[i + 1] - 1; chunks never reach across sequences
"""

import numpy as np

from analysis.chance.nulls import beyond_chance


def chunk_sizes(marks: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bytes of every chunk, in order."""
    starts = np.flatnonzero(marks)
    starts = starts + np.searchsorted(edges, starts, side="right")  # slots -> bytes laid end to end
    first = edges[:-1] + np.arange(len(edges) - 1)
    starts = np.sort(np.concatenate([first, starts]), kind="stable")
    return np.diff(np.append(starts, len(marks) + len(edges) - 1))


def partition_measures(a: np.ndarray, b: np.ndarray, edges: np.ndarray) -> dict[str, float]:
    """How the two sets of chunks lie to each other.

    vi_split  H(a|b) in bits a byte: how far a splits the chunks of b (variation of information, Meila 2007)
    vi_merge  H(b|a): how far a merges them; their sum is the variation of information, 0 when the same
    ari       adjusted Rand index over pairs of bytes of one sequence, 1 when the same (Hubert and Arabie 1985). It is 0
              for random labels, not for random boundaries: chunks that are contiguous share pairs anyhow
    """
    # An overlap of a chunk of a with one of b is a chunk between the boundaries of either.
    both, of_a, of_b = (chunk_sizes(marks, edges).astype(np.float64) for marks in (a | b, a, b))
    together = _entropy(both)
    sides = ((both, a | b), (of_a, a), (of_b, b))
    return {
        "vi_split": together - _entropy(of_b),
        "vi_merge": together - _entropy(of_a),
        "ari": _adjusted(*(_pairs(sizes, marks, edges) for sizes, marks in sides), edges),
    }


def window_errors(a: np.ndarray, b: np.ndarray, edges: np.ndarray) -> tuple[float, float, int]:
    """Pk (Beeferman 1999) and WindowDiff (Pevzner and Hearst 2002) of a against the reference b: 0 is best.

    returns  Pk, WindowDiff, window in slots (half the mean chunk of b); NaN where no sequence is that long
    Both punish near misses less than far ones, and misses more than false alarms where chunks are short.
    """
    n = len(b)
    window = max(1, round(n / (2 * int(b.sum())))) if b.any() else max(n, 1)
    if n < window:
        return float("nan"), float("nan"), window
    inside = np.ones(n - window + 1, bool)
    for edge in edges[1:-1]:
        inside[max(edge - window + 1, 0) : edge] = False
    count_a, count_b = (_in_windows(marks, window)[inside] for marks in (a, b))
    if not len(count_a):
        return float("nan"), float("nan"), window
    return float(((count_a > 0) != (count_b > 0)).mean()), float((count_a != count_b).mean()), window


def boundary_similarity(a: np.ndarray, b: np.ndarray, edges: np.ndarray, span: int = 2) -> float:
    """B (Fournier 2013): 1 - edits / (edits + matches), where a near miss costs less than one missed and one too many.

    span  slots that a near miss may span, ends included: span 2 lets neighbours pair off, at a cost of 1 / 2
    NaN where there is no boundary at all
    """
    matches = int((a & b).sum())
    only = np.flatnonzero(a ^ b)
    in_a = a[only]
    # Apart by more than any span, so that nothing pairs off across sequences.
    at = only + np.searchsorted(edges, only, side="right") * span
    n_pairs, cost = 0, 0.0
    for distance in range(1, span):
        paired = _alternating_pairs(at, in_a, distance)
        n_pairs += int(paired.sum()) // 2
        cost += int(paired.sum()) // 2 * distance / span
        at, in_a = at[~paired], in_a[~paired]
    edits = len(at) + n_pairs
    return 1 - (len(at) + cost) / (edits + matches) if edits + matches else float("nan")


def _alternating_pairs(at: np.ndarray, in_a: np.ndarray, distance: int) -> np.ndarray:
    """Which of the boundaries that only one side has pair off at exactly this distance, from the left.

    at (K,) rising, in_a (K,) bool   returns (K,) bool
    """
    order = np.lexsort((at, at % distance))
    at, in_a = at[order], in_a[order]
    linked = (np.diff(at) == distance) & (in_a[1:] != in_a[:-1])
    first = np.concatenate([[True], ~linked])[: len(at)]
    place = np.arange(len(at)) - np.maximum.accumulate(np.where(first, np.arange(len(at)), 0))
    # In a chain x, x + d, x + 2d, ... of alternating sides the 1st goes with the 2nd, the 3rd with the 4th.
    with_next = np.append(linked, False)[: len(at)] & (place % 2 == 0)
    paired = with_next | np.concatenate([[False], with_next[:-1]])[: len(at)]
    out = np.empty(len(at), bool)
    out[order] = paired
    return out


def _entropy(sizes: np.ndarray) -> float:
    n = sizes.sum()
    return float(np.log2(n) - (sizes * np.log2(sizes)).sum() / n) if n else 0.0


def _pairs(sizes: np.ndarray, marks: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(S,) pairs of bytes of every sequence that lie in one chunk."""
    first = np.searchsorted(np.flatnonzero(marks), edges[:-1]) + np.arange(len(edges) - 1)
    return np.add.reduceat(sizes * (sizes - 1) / 2, first) if len(first) else np.empty(0)


def _adjusted(both: np.ndarray, in_a: np.ndarray, in_b: np.ndarray, edges: np.ndarray) -> float:
    n = np.diff(edges) + 1.0
    possible = np.maximum(n * (n - 1) / 2, 1)
    return beyond_chance(both.sum(), (in_a * in_b / possible).sum(), (in_a + in_b).sum() / 2)


def _in_windows(marks: np.ndarray, window: int) -> np.ndarray:
    total = np.concatenate([[0], np.cumsum(marks, dtype=np.int32)])
    return total[window:] - total[:-window]
