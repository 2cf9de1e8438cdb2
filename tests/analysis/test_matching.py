"""Pairing within a tolerance is the largest possible; the likeliest positions are the likeliest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from analysis.matching import matched_and_chance, matched_within, top_positions

places = st.sets(st.integers(0, 60), max_size=30).map(lambda s: np.array(sorted(s), np.int64))


@settings(deadline=None)
@given(places, places, st.integers(0, 7))
def test_as_many_pairs_as_a_maximum_matching(a, b, tolerance):
    near = np.abs(a[:, None] - b[None, :]) <= tolerance
    best = maximum_bipartite_matching(csr_matrix(near), perm_type="column") if near.size else np.array([])
    assert matched_within(a, b, tolerance) == (best >= 0).sum()


def test_pairs_do_not_cross_sequences():
    ends, starts = [np.array([9]), np.array([], int)], [np.array([], int), np.array([1])]
    assert matched_and_chance(ends, starts, [10, 10], 5)[0] == 0
    assert matched_and_chance(ends, ends, [10, 10], 5)[0] == 1


def test_chance_with_tolerance_is_what_unrelated_boundaries_reach():
    rng = np.random.default_rng(0)
    a, b, c = (np.flatnonzero(rng.random(20_000) < 0.2) + 1 for _ in range(3))
    _, chance = matched_and_chance([a], [b], [20_001], 2)
    assert chance == pytest.approx(matched_within(a, c, 2), rel=0.03)
    assert matched_and_chance([a], [b], [20_001], 0)[1] == len(a) * len(b) / 20_000


def test_top_positions_take_the_likeliest_and_among_equals_the_first():
    seen, prob = [np.array([1, 2, 3]), np.array([1, 5])], [np.array([0.5, 0.9, 0.5]), np.array([0.5, 0.7])]
    offsets = np.array([0, 10])
    assert top_positions(seen, prob, offsets, 3).tolist() == [1, 2, 15]
    assert top_positions(seen, prob, offsets, 5).tolist() == [1, 2, 3, 11, 15]
    assert top_positions(seen, prob, offsets, 0).tolist() == []
