"""Pairing within a tolerance is the largest possible."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from analysis.agreement.matching import matched_slots, matched_within

places = st.sets(st.integers(0, 60), max_size=30).map(lambda s: np.array(sorted(s), np.int64))


@settings(deadline=None)
@given(places, places, st.integers(0, 7))
def test_as_many_pairs_as_a_maximum_matching(a, b, tolerance):
    near = np.abs(a[:, None] - b[None, :]) <= tolerance
    best = maximum_bipartite_matching(csr_matrix(near), perm_type="column") if near.size else np.array([])
    assert matched_within(a, b, tolerance) == (best >= 0).sum()


def test_pairs_do_not_cross_sequences():
    ends, starts = np.zeros((2, 18), bool)
    ends[8] = starts[9] = True  # the last slot of the first sequence, the first of the second
    assert matched_slots(ends, starts, np.array([0, 18]), 5) == 1
    assert matched_slots(ends, starts, np.array([0, 9, 18]), 5) == 0
    assert matched_slots(ends, ends, np.array([0, 9, 18]), 0) == 1
