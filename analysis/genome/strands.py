"""Does a model cut a double strand at the same places whichever strand it reads?"""

from collections.abc import Sequence

import numpy as np

from analysis.chance.nulls import shift_null


def as_forward_cuts(is_cut: np.ndarray) -> np.ndarray:
    """Boundaries of the reverse complement, at the same places between bases of the forward strand.

    is_cut (L,) bool  A chunk that starts at base j of the reverse strand is cut off between its bases j - 1 and j,
    which are forward bases L - j and L - 1 - j: a forward boundary at L - j. Base 0 has nothing before it.
    """
    out = np.zeros_like(is_cut)
    out[1:] = is_cut[:0:-1]
    return out


def consistency_row(
    model: str,
    stage: int,
    forward: Sequence[np.ndarray],
    reverse: Sequence[np.ndarray],
    draws: int,
    seed: int,
) -> dict:
    """Jaccard of the boundaries of both strands, against circular shifts inside each sequence.

    forward, reverse  for each sequence (L,) bool of each strand's own reading, without forced starts
    """
    mirrored = [as_forward_cuts(each) for each in reverse]
    a, b = ([np.flatnonzero(each) for each in side] for side in (forward, mirrored))
    null = shift_null(a, b, [len(each) for each in forward], draws, seed)
    n_a, n_b = sum(map(len, a)), sum(map(len, b))
    both = n_a + n_b
    mean, sd = null.mean, null.sd
    return {
        "model": model,
        "stage": stage,
        "analysis": "reverse_complement",
        "feature": "all",
        "strand": ".",
        "measure": "jaccard",
        "n_bases": sum(len(each) - 1 for each in forward),
        "n_boundaries": n_a,
        "value": null.observed / (both - null.observed) if both else np.nan,
        "expected": mean / (both - mean) if both else np.nan,
        # The Jaccard index of x shared of `both`, to first order around the mean.
        "sd": sd * both / (both - mean) ** 2 if both else np.nan,
        "z": null.z,
        "shifts": null.n_shifts,
        "p_value": null.p_value,
    }
