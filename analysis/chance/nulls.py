"""What a number would be by chance: boundaries shifted circularly inside each sequence, and p-values of such shifts.

One convention for all: p = (1 + draws at least as extreme) / (1 + draws), so that it is never 0; two-sided it is twice
the smaller side, at most 1. Values that are equal but for rounding are equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

ROUNDING = 1e-9
"""Values this close, as a share of their size, are equal: ratios of the same counts differ in their last bits."""


@dataclass(frozen=True)
class Null:
    """A number (a sum over sequences, a rate) beside what it is when one side is shifted inside each sequence."""

    observed: float
    """Without a shift."""
    mean: float
    """Expected over the shifts."""
    sd: float
    """Standard deviation over the shifts; 0 where all give the same."""
    n_shifts: int
    """Shifts that the p-values rest on."""
    above: int
    """Those that give at least as much."""
    below: int
    """Those that give at most as much."""

    @property
    def z(self) -> float:
        """NaN where the shifts have no spread: then nothing can be told from chance."""
        size = max(abs(self.observed), abs(self.mean))
        return float((self.observed - self.mean) / self.sd) if self.sd > ROUNDING * size else float("nan")

    @property
    def p_value(self) -> float:
        """p of a value at least as large by chance."""
        return (1 + self.above) / (1 + self.n_shifts)

    @property
    def p_two_sided(self) -> float:
        """p of a value as far from the mean by chance, on either side."""
        return min(1.0, 2 * (1 + min(self.above, self.below)) / (1 + self.n_shifts))


def null_of(observed: float, drawn: np.ndarray, mean: float | None = None, sd: float | None = None) -> Null:
    """The null that these draws make.

    mean, sd  where they are known exactly; else those of the draws, of which there is one or more then
    """
    size = max(abs(observed), *(abs(float(end)) for end in (drawn.min(initial=0), drawn.max(initial=0))))
    slack = ROUNDING * size + 1e-12  # the second for values that are 0 but for rounding
    if mean is None or sd is None:
        # The mean of equal draws and their spread would be off by a rounding error.
        mean, sd = (drawn.mean(), drawn.std()) if np.ptp(drawn) > slack else (drawn[0], 0.0)
    return Null(
        observed=observed,
        mean=float(mean),
        sd=float(sd),
        n_shifts=len(drawn),
        above=int((drawn >= observed - slack).sum()),
        below=int((drawn <= observed + slack).sum()),
    )


def against(observed: float, drawn: np.ndarray, upper: bool = False) -> dict[str, float]:
    """A number against the draws of its null, as tables have it: expected, sd, z, shifts, p_value; NaN without a null.

    upper  p of at least as much (for measures that are 0 at best agreement with chance), else two-sided
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(observed):
        return {"expected": np.nan, "sd": np.nan, "z": np.nan, "shifts": 0, "p_value": np.nan}
    null = null_of(observed, drawn)
    p_value = null.p_value if upper else null.p_two_sided
    return {"expected": null.mean, "sd": null.sd, "z": null.z, "shifts": null.n_shifts, "p_value": p_value}


def beyond_chance(observed: float, chance: float, best: float = 1.0) -> float:
    """(observed - chance) / (best - chance): 0 at chance, 1 at best. NaN where chance leaves no room below the best."""
    room = best - chance
    return float((observed - chance) / room) if abs(room) > ROUNDING * abs(best) else float("nan")


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
) -> Null:
    """The circular-shift null of |A and B|, pooled over sequences.

    a, b     positions of each sequence, in [0, length)
    lengths  of the rings; may be 0
    shifts   drawn when there are several sequences, each shifted on its own; a single one is tried at all its shifts
    A shift keeps both rates and all spacing inside each segmentation: only their alignment is random.
    """
    rings = zip(a, b, lengths, strict=True)
    null = pooled_null([circular_overlaps(x, y, n) for x, y, n in rings if n], shifts, seed)
    return replace(null, observed=int(null.observed))


def pooled_null(sums: Sequence[np.ndarray], shifts: int = 1000, seed: int = 0) -> Null:
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
    return null_of(
        float(sum(each[0] for each in sums)),
        drawn,
        mean=float(sum(each.mean() for each in sums)),
        sd=float(sum(each.var() for each in sums)) ** 0.5,
    )


def turns(marks: np.ndarray, edges: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless: the slots of the boundaries moved on circularly inside each sequence, by amounts drawn for each.

    marks (n,) bool   edges (S + 1,): the slots of sequence i are edges[i] .. edges[i + 1] - 1
    """
    at, room = np.flatnonzero(marks), np.diff(edges)
    sequence = np.searchsorted(edges, at, side="right") - 1
    low, size = edges[sequence], room[sequence]
    while True:
        # At least 1: an empty sequence has no shift, and no boundary that would ask for one.
        yield low + (at - low + rng.integers(0, np.maximum(room, 1))[sequence]) % size
