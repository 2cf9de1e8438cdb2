"""What all models share, against shifts."""

import numpy as np

from analysis.boundaries.segmentations import segmentation_of
from analysis.findings.consensus import shared_by_all


def segmentation(seed, n=4000, rate=0.2):
    at = np.flatnonzero(np.random.default_rng(seed).random(n - 1) < rate) + 1
    return segmentation_of(str(seed), [at], [n])


def test_three_times_the_same():
    row = shared_by_all([segmentation(0)] * 3, 99)
    assert row["n_all"] == row["n_any"] and row["share"] == 1 and row["fleiss"] == 1
    assert row["p_value"] == 0.01 and row["z"] > 10


def test_three_that_know_nothing_of_each_other():
    row = shared_by_all([segmentation(seed) for seed in range(3)], 199)
    # 4,000 slots at 0.2 ** 3
    assert abs(row["n_all_chance"] - 32) < 4
    assert abs(row["z"]) < 3 and row["p_value"] > 0.01


def test_counted_by_hand():
    a, b = (
        segmentation_of(name, [np.array(at)], [10]) for name, at in (("a", [1, 3, 5]), ("b", [3, 5, 6, 9]))
    )
    row = shared_by_all([a, b], 9)
    assert (row["n_any"], row["n_all"], row["share"]) == (5, 2, 0.4)
