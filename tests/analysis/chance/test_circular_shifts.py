"""Sums under shifts equal those of arrays that were really rolled."""

import numpy as np
import pytest

from analysis.chance import circular_shifts
from analysis.chance.circular_shifts import borders_of, draw_shifts, running_sum, shifted_sums, sums_of_all


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
