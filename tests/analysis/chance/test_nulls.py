"""The circular-shift null against brute force, arrays that were really rolled, SciPy, and what chance does."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import circulant
from scipy.stats import monte_carlo_test, percentileofscore, zscore

from analysis.chance.circular_shifts import borders_of, draw_shifts, running_sum, shifted_sums
from analysis.chance.nulls import (
    against,
    beyond_chance,
    circular_overlaps,
    circular_sums,
    pooled_null,
    shift_null,
    turns,
)


def brute(a, b, length):
    return [len(np.intersect1d((a + s) % length, b)) for s in range(length)]


@settings(deadline=None)
@given(st.integers(1, 40), st.data())
def test_overlaps_at_every_shift_equal_brute_force(length, data):
    positions = st.sets(st.integers(0, length - 1)).map(lambda s: np.array(sorted(s), np.int64))
    a, b = data.draw(positions), data.draw(positions)
    assert circular_overlaps(a, b, length).tolist() == brute(a, b, length)


def test_one_sequence_is_tried_at_all_its_shifts():
    a, b = np.array([0, 3, 7]), np.array([0, 3, 6])
    null = shift_null([a], [b], [10])
    overlaps = brute(a, b, 10)
    assert null.observed == overlaps[0] == 2
    assert (null.mean, null.sd) == pytest.approx((3 * 3 / 10, np.std(overlaps)))
    assert null.n_shifts == 9
    assert null.p_value == (1 + sum(x >= 2 for x in overlaps[1:])) / 10


@pytest.mark.parametrize("length", [20, 97])
def test_z_and_p_equal_those_of_scipy(length):
    a, b = np.random.default_rng(length).random((2, length)) < 0.4
    null = shift_null([np.flatnonzero(a)], [np.flatnonzero(b)], [length])
    overlaps = circulant(a).T @ b.astype(int)  # a row of the matrix a shift
    assert (null.observed - null.mean) / null.sd == pytest.approx(zscore(overlaps)[0])
    assert null.p_value == pytest.approx(1 - percentileofscore(overlaps, null.observed, "strict") / 100)
    low = percentileofscore(overlaps, null.observed, "weak") / 100
    assert null.p_two_sided == pytest.approx(min(1, 2 * low, 2 * null.p_value))
    assert null.z == pytest.approx(zscore(overlaps)[0])


def test_several_sequences_are_shifted_each_on_its_own():
    rng = np.random.default_rng(1)
    lengths = [30, 0, 1, 47]
    a, b = ([np.flatnonzero(rng.random(n) < 0.3) for n in lengths] for _ in range(2))
    null = shift_null(a, b, lengths, shifts=20_000)
    moved = [np.array(brute(x, y, n)) for x, y, n in zip(a, b, lengths, strict=True) if n]
    assert null.observed == sum(m[0] for m in moved)
    assert null.mean == pytest.approx(sum(m.mean() for m in moved))
    assert null.sd == pytest.approx(np.sqrt(sum(m.var() for m in moved)))
    sums = np.add.outer(np.add.outer(moved[0], moved[1]), moved[2])
    assert null.p_value == pytest.approx((sums >= null.observed).mean(), abs=0.015)


def test_p_values_of_unrelated_boundaries_are_uniform():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(200):
        a, b = ([np.flatnonzero(rng.random(n) < 0.3) for n in (200, 300)] for _ in range(2))
        p.append(shift_null(a, b, [200, 300], shifts=200).p_value)
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean(np.array(p) <= 0.05) < 0.1


@pytest.mark.parametrize("length", [7, 12, 30, 1013])
def test_without_spread_there_is_no_z(length):
    """Every third of a number of slots that three divides, against all: each shift shares as many."""
    null = shift_null([np.arange(0, length, 3)], [np.arange(length)], [length])
    assert np.isnan(null.z) and null.sd == 0 and null.p_value == null.p_two_sided == 1


def test_sums_that_differ_by_rounding_alone_have_no_z():
    """Alternating values, weighed by pairs of neighbours: all the same around the ring, but for the transform."""
    marks, values = np.tile([1.0, 1, 0, 0], 250), np.tile([0.1, 0.7], 500)
    null = pooled_null([circular_sums(marks, values)])
    assert np.isnan(null.z) and null.p_two_sided == 1


def test_related_boundaries_are_significant_and_seeds_repeat():
    rng = np.random.default_rng(0)
    a = [np.flatnonzero(rng.random(n) < 0.3) for n in (400, 300)]
    b = [x[rng.random(len(x)) < 0.8] for x in a]
    null = shift_null(a, b, [400, 300], seed=3)
    assert null.p_value == 1 / 1001
    assert null == shift_null(a, b, [400, 300], seed=3)


@pytest.mark.parametrize("length", [1, 8, 13, 97])
def test_sums_around_a_ring_by_hand(length):
    a, b = np.random.default_rng(0).normal(size=(2, length))
    assert circular_sums(a, b) == pytest.approx([a @ np.roll(b, -s) for s in range(length)])


def test_turning_keeps_every_sequence_a_rotation_of_itself():
    rng = np.random.default_rng(0)
    edges = np.array([0, 7, 7, 20])
    marks = rng.random(20) < 0.4
    seen = set()
    for at in islice(turns(marks, edges, rng), 200):
        out = np.zeros(20, bool)
        out[at] = True
        for low, high in ((0, 7), (7, 20)):
            same = [np.array_equal(np.roll(marks[low:high], s), out[low:high]) for s in range(high - low)]
            assert any(same)
            seen.add((low, same.index(True)))
    assert len(seen) == 20  # all turns of both


def test_p_values_by_hand():
    null = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    found = against(9, null)
    assert (found["expected"], found["shifts"], found["p_value"]) == (5, 9, 0.4)
    assert found["z"] == pytest.approx(4 / null.std())
    assert against(9, null, upper=True)["p_value"] == 0.2
    assert against(0, null)["p_value"] == 0.2 and against(0, null, upper=True)["p_value"] == 1
    assert against(5, null)["p_value"] == 1
    assert against(0.1 + 0.2, np.full(9, 0.3))["p_value"] == 1
    assert np.isnan(against(1, null[:0])["p_value"]) and np.isnan(against(np.nan, null)["p_value"])


def test_equal_but_for_rounding_is_equal():
    """Ratios of the same counts in another order, as of one gene turned inside itself."""
    draws = np.array([0.1 + 0.2, 0.3, 0.2 + 0.1]) / 3
    for value in draws:
        found = against(value, draws)
        assert np.isnan(found["z"]) and found["sd"] == 0 and found["p_value"] == 1
    nothing = np.array([1.2e-16, 0.0, -0.9e-16])  # 0, as a sum of three directions comes out
    assert against(0.9e-16, nothing)["p_value"] == 1 and np.isnan(against(0.9e-16, nothing)["z"])
    assert against(1.0, np.array([1.0, 1 + 1e-6]))["sd"] > 0


@pytest.mark.parametrize(("upper", "alternative"), [(False, "two-sided"), (True, "greater")])
@pytest.mark.parametrize("seed", range(3))
def test_p_values_equal_those_of_scipy(seed, upper, alternative):
    """Boundaries in an interval against the same turned around their sequence."""
    rng = np.random.default_rng(seed)
    marks = rng.random(40) < 0.4
    shifts = draw_shifts(40, 99, rng)
    turned = np.array([np.roll(marks, s) for s in shifts])
    theirs = monte_carlo_test(
        marks,
        lambda size: turned,
        lambda x, axis: x[..., 5:17].sum(axis),
        n_resamples=99,
        alternative=alternative,
    )
    sums = shifted_sums(running_sum(marks), np.array([[5, 17]]), np.append(0, shifts)[None], borders_of(40))
    found = against(float(sums[0]), sums[1:].astype(float), upper=upper)
    assert found["p_value"] == pytest.approx(min(1, theirs.pvalue))
    assert found["expected"] == pytest.approx(theirs.null_distribution.mean())


def test_what_lies_between_chance_and_best():
    assert beyond_chance(0.5, 0.2, 0.8) == pytest.approx(0.5) and beyond_chance(0.1, 0.2) == pytest.approx(
        -0.125
    )
    assert np.isnan(beyond_chance(0.3, 0.1 + 0.2, 0.3)) and np.isnan(beyond_chance(np.nan, 0.2))
    assert beyond_chance(2e6, 2e6 - 1, 2e6) == 1
