"""Ranks and correlation inside records: by hand and by SciPy."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from analysis.chance.ranks import centred_ranks, correlation


@given(st.integers(0, 2**32), st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_ranks_equal_those_of_scipy_in_each_record(seed, sizes):
    values = [np.random.default_rng(seed).integers(0, 6, n).astype(float) for n in sizes]
    record = np.repeat(np.arange(len(sizes)), sizes)
    want = [rankdata(each) - (len(each) + 1) / 2 for each in values]
    assert centred_ranks(np.concatenate(values), record).tolist() == np.concatenate(want).tolist()


def test_correlation_is_the_mean_over_records_that_vary():
    record = np.array([0, 0, 0, 1, 1, 2, 2])
    x = np.array([-1.0, 0, 1, -0.5, 0.5, 0, 0])  # the third does not vary
    y = np.array([-1.0, 0, 1, 0.5, -0.5, -0.5, 0.5])
    assert correlation(x, y, record) == (3 * 1 + 2 * -1) / 5
    assert math.isnan(correlation(x[5:], y[5:], record[5:])) and math.isnan(
        correlation(x[:0], y[:0], record[:0])
    )
