"""What agreement would be by chance: boundaries turned against each other inside each sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class ShiftNull:
    """A sum over sequences (of coincidences, of values at boundaries) when one side is shifted inside each of them."""

    observed: float
    """The sum without a shift."""
    mean: float
    """Its exact expectation over all shifts."""
    sd: float
    """Its exact standard deviation over all shifts, the sequences shifted independently."""
    n_shifts: int
    """Shifts other than none that the p-values rest on."""
    p_value: float
    """(1 + shifts with a sum at least as large) / (1 + n_shifts)."""
    p_low: float
    """The same for a sum at most as large."""


def circular_overlaps(a: np.ndarray, b: np.ndarray, length: int) -> np.ndarray:
    """How many positions of `a`, moved on by s around a ring, hit one of `b`, for every s.

    a (Ka,), b (Kb,)  distinct positions in [0, length)
    returns  (length,) int64; entry 0 is the plain intersection, entry s that with (a + s) % length
    """
    marks = np.zeros((2, length))
    marks[0, a], marks[1, b] = 1, 1
    return np.rint(circular_sums(*marks)).astype(np.int64)


def circular_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """sum_i a[i] * b[i + s] around a ring, for every s.

    a, b (n,) float   returns (n,) float64; entry 0 is the plain product
    """
    import scipy.fft  # here, as it takes a second and 20 MB that reading a reverse strand should not

    # A circular cross-correlation: one product in the frequency domain instead of n x n multiplications.
    # A length with large prime factors is slow to transform: then without the ring, which is closed afterwards.
    length = size = len(a)
    if scipy.fft.next_fast_len(length, real=True) != length:
        size = scipy.fft.next_fast_len(2 * length, real=True)
    spectrum = scipy.fft.rfft(a, n=size)
    np.conjugate(spectrum, out=spectrum)
    spectrum *= scipy.fft.rfft(b, n=size)
    sums = scipy.fft.irfft(spectrum, n=size, overwrite_x=True)
    if size != length:
        sums[1:length] += sums[size - length + 1 :]
    return sums[:length]


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
    rings = zip(a, b, lengths, strict=True)
    null = pooled_null([circular_overlaps(x, y, n) for x, y, n in rings if n], shifts, seed)
    return replace(null, observed=int(null.observed))


def pooled_null(sums: Sequence[np.ndarray], shifts: int = 1000, seed: int = 0) -> ShiftNull:
    """The null of a sum over sequences, from what each contributes at every shift of its own.

    sums  for each sequence (length,): entry s is its part at shift s
    A single sequence is tried at all its shifts, several at `shifts` draws.
    """
    rng = np.random.default_rng(seed)
    if len(sums) == 1:
        drawn = sums[0][1:]
    else:
        # Drawn from all shifts, none included: a group, which makes the p-value exact.
        drawn = np.zeros(shifts)
        for each in sums:
            drawn += each[rng.integers(0, len(each), shifts)]
    observed = float(sum(each[0] for each in sums))
    slack = 1e-9 * max(abs(observed), 1)  # equal up to the rounding of a transform is equal
    return ShiftNull(
        observed=observed,
        mean=float(sum(each.mean() for each in sums)),
        sd=float(sum(each.var() for each in sums)) ** 0.5,
        n_shifts=len(drawn),
        p_value=(1 + int((drawn >= observed - slack).sum())) / (1 + len(drawn)),
        p_low=(1 + int((drawn <= observed + slack).sum())) / (1 + len(drawn)),
    )


def turns(marks: np.ndarray, edges: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Without end: the slots of the boundaries moved on circularly inside each sequence, by amounts drawn for each.

    marks (n,) bool   edges (S + 1,): the slots of sequence i are edges[i] .. edges[i + 1] - 1
    """
    at, room = np.flatnonzero(marks), np.diff(edges)
    sequence = np.searchsorted(edges, at, side="right") - 1
    low, size = edges[sequence], room[sequence]
    while True:
        # At least 1: an empty sequence has no shift, and no boundary that would ask for one.
        yield low + (at - low + rng.integers(0, np.maximum(room, 1))[sequence]) % size
