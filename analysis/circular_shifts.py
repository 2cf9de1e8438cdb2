"""Sums over intervals when boundaries are shifted circularly inside their sequence, and what such a null says."""

import numpy as np

_LOOKUPS = 200_000
"""Table look-ups at a time: keeps the work in a few MB, which stay in the caches."""


def draw_shifts(length: int, draws: int, rng: np.random.Generator, step: int = 1) -> np.ndarray:
    """(draws,) shifts of a ring of `length`, multiples of `step` (3 keeps the codon phase), from all that differ."""
    return step * rng.integers(0, max(length // step, 1), draws)


def shifted_sums(total: np.ndarray, intervals: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """(S,) sums over the intervals (K, 2) of values that were moved on by each shift around the ring.

    total (L + 1,)  running sum of the values, from 0: so a sum over an interval is one difference
    """
    length, whole = len(total) - 1, total[-1]
    out = np.empty(len(shifts), total.dtype)
    rows = max(1, _LOOKUPS // max(len(intervals), 1))
    for first in range(0, len(shifts), rows):
        turn, place = np.divmod(intervals[None] - shifts[first : first + rows, None, None], length)
        running = total[place] + whole * turn
        out[first : first + rows] = (running[..., 1] - running[..., 0]).sum(1)
    return out


def running_sum(values: np.ndarray) -> np.ndarray:
    """(L + 1,) int64: 0 and the sums of the first 1, 2, ... values."""
    return np.concatenate([[0], np.cumsum(values, dtype=np.int64)])


def against(observed: float, null: np.ndarray, upper: bool = False) -> dict[str, float]:
    """expected, sd, z and p of a value against the draws of its null; NaN without a null.

    p is 2 (1 + the smaller of #null >= value and #null <= value) / (1 + #null), at most 1
    upper: of measures that are 0 at best agreement with chance, (1 + #null >= value) / (1 + #null)
    """
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(observed):
        return {"expected": np.nan, "sd": np.nan, "z": np.nan, "shifts": 0, "p_value": np.nan}
    # Equal draws have no spread; their mean and standard deviation would miss that by a rounding error.
    mean, sd = (float(null[0]), 0.0) if np.ptp(null) == 0 else (float(null.mean()), float(null.std()))
    # Equal up to rounding is equal: ratios of the same counts differ in their last bits.
    slack = 1e-12 * max(abs(observed), 1e-300)
    above, below = int((null >= observed - slack).sum()), int((null <= observed + slack).sum())
    extreme = 1 + above if upper else 2 * (1 + min(above, below))
    p_value = min(1.0, extreme / (1 + len(null)))
    z = (observed - mean) / sd if sd > 0 else np.nan
    return {"expected": mean, "sd": sd, "z": z, "shifts": len(null), "p_value": p_value}
