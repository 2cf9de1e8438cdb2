"""Sums under shifts equal those of arrays that were really rolled."""

import numpy as np
import pytest
from scipy.stats import monte_carlo_test

from analysis import circular_shifts
from analysis.circular_shifts import (
    against,
    borders_of,
    draw_shifts,
    running_sum,
    shifted_sums,
    sums_of_all,
)


@pytest.mark.parametrize("lookups", [1, 10**6])
def test_shifted_sums_equal_rolled_arrays(monkeypatch, lookups):
    """Two sequences laid end to end, each rolled by its own shift."""
    monkeypatch.setattr(circular_shifts, "_LOOKUPS", lookups)
    rng = np.random.default_rng(0)
    values, borders = rng.integers(0, 5, 23 + 9), borders_of([23, 9])
    intervals = np.array([[0, 4], [7, 8], [15, 23], [23, 25], [30, 32]])
    shifts = np.stack([np.arange(23), np.arange(23) % 9])
    rolled = [np.concatenate([np.roll(values[:23], s), np.roll(values[23:], t)]) for s, t in shifts.T]
    want = [sum(each[a:b].sum() for a, b in intervals) for each in rolled]
    total = running_sum(values)
    assert shifted_sums(total, intervals, shifts, borders).tolist() == want
    assert shifted_sums(total, intervals[:0], shifts, borders).tolist() == [0] * 23
    apart = [shifted_sums(total, intervals, shifts[i : i + 1], borders, i) for i in range(2)]
    assert sum(apart).tolist() == want


def test_sums_of_all_are_those_of_the_shifts_drawn(monkeypatch):
    """Shifts are drawn sequence by sequence, however many are kept at a time."""
    rng = np.random.default_rng(1)
    lengths, values = [7, 5, 11], rng.integers(0, 9, 23)
    borders, intervals = borders_of(lengths), np.array([[1, 3], [6, 7], [8, 12], [20, 23]])
    rng = np.random.default_rng(3)
    shifts = [draw_shifts(n, 40, rng, 3) for n in lengths]
    parts = np.split(values, borders[1:-1])
    want = [sum(values[a:b].sum() for a, b in intervals)]
    for drawn in zip(*shifts, strict=True):
        moved = np.concatenate([np.roll(part, s) for part, s in zip(parts, drawn, strict=True)])
        want.append(sum(moved[a:b].sum() for a, b in intervals))
    for kept in (1, 80, 10**6):
        monkeypatch.setattr(circular_shifts, "_SHIFTS", kept)
        assert sums_of_all(running_sum(values), intervals, borders, 40, 3, step=3).tolist() == want


def test_shifts_keep_the_phase_where_asked():
    rng = np.random.default_rng(0)
    assert set(draw_shifts(7, 500, rng).tolist()) == set(range(7))
    assert set(draw_shifts(11, 500, rng, step=3).tolist()) == {0, 3, 6}
    assert set(draw_shifts(2, 5, rng, step=3).tolist()) == {0}


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
