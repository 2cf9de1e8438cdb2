"""What agreement would be by chance: boundaries turned against each other inside each sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft


@dataclass(frozen=True)
class ShiftNull:
    """How often two segmentations coincide when one is shifted circularly inside each sequence."""

    observed: int
    """Coincidences without a shift."""
    mean: float
    """Exact expected number of coincidences over all shifts."""
    sd: float
    """Exact standard deviation over all shifts, the sequences shifted independently."""
    n_shifts: int
    """Shifts other than none that the p-value rests on."""
    p_value: float
    """(1 + shifts with at least as many coincidences) / (1 + n_shifts)."""


def circular_overlaps(a: np.ndarray, b: np.ndarray, length: int) -> np.ndarray:
    """How many positions of `a`, moved on by s around a ring, hit one of `b`, for every s.

    a (Ka,), b (Kb,)  distinct positions in [0, length)
    returns  (length,) int64; entry 0 is the plain intersection, entry s that with (a + s) % length
    """
    # A circular cross-correlation: one product in the frequency domain instead of length x K comparisons.
    # A length with large prime factors is slow to transform: then without the ring, which is closed afterwards.
    size = length
    if scipy.fft.next_fast_len(length, real=True) != length:
        size = scipy.fft.next_fast_len(2 * length, real=True)
    marks = np.zeros((2, size))
    marks[0, a], marks[1, b] = 1, 1
    spectrum = scipy.fft.rfft(marks, axis=1)
    overlaps = scipy.fft.irfft(spectrum[0].conj() * spectrum[1], n=size)
    if size != length:
        overlaps[1:length] += overlaps[size - length + 1 :]
    return np.rint(overlaps[:length]).astype(np.int64)


def shift_null(
    a: Sequence[np.ndarray],
    b: Sequence[np.ndarray],
    lengths: Sequence[int],
    shifts: int = 1000,
    seed: int = 0,
) -> ShiftNull:
    """The circular-shift null of |A and B|, pooled over sequences.

    a, b     positions of each sequence, in [0, length)
    lengths  of the rings; may be 0
    shifts   drawn when there are several sequences, each shifted on its own; a single one is tried at all its shifts
    A shift keeps both rates and all spacing inside each segmentation: only their alignment is random.
    """
    rng = np.random.default_rng(seed)
    observed, mean, variance = 0, 0.0, 0.0
    exhaustive = sum(length > 0 for length in lengths) <= 1
    drawn = np.zeros(0 if exhaustive else shifts, np.int64)
    for a_i, b_i, length in zip(a, b, lengths, strict=True):
        if not length:
            continue
        overlaps = circular_overlaps(a_i, b_i, length)
        observed += int(overlaps[0])
        mean += overlaps.mean()
        variance += overlaps.var()
        # Drawn from all shifts, none included: a group, which makes the p-value exact.
        drawn = overlaps[1:] if exhaustive else drawn + overlaps[rng.integers(0, length, shifts)]
    p_value = (1 + int((drawn >= observed).sum())) / (1 + len(drawn))
    return ShiftNull(observed, float(mean), float(variance**0.5), len(drawn), p_value)
