"""Profiles count in the direction of transcription; random boundaries give a flat one."""

import numpy as np

from analysis.chance import circular_shifts
from analysis.chance.circular_shifts import draw_shifts
from analysis.genome.enrichment import Cuts
from analysis.genome.profiles import profile_table


def test_profiles_by_hand():
    marks = np.zeros(30, bool)
    marks[[4, 10, 12, 19]] = True
    sites = {("start", "+"): np.array([2, 10]), ("start", "-"): np.array([20])}
    table = profile_table([Cuts("m", 0, (marks,))], sites, window=3, draws=30).set_index(["strand", "offset"])
    forward = table.loc["+"]
    # Site 2 has no base 3 before it; 4 is 2 behind site 2, as 12 is behind site 10.
    assert forward["n_sites"].tolist() == [1, 2, 2, 2, 2, 2, 2]
    assert forward["n_boundaries"].tolist() == [0, 0, 0, 1, 0, 2, 0]
    assert forward.loc[2, "rate"] == 1
    # On the reverse strand base 19 comes after base 20.
    assert table.loc["-"]["n_boundaries"].tolist() == [0, 0, 0, 0, 1, 0, 0]


def test_a_peak_stands_out_and_random_boundaries_do_not():
    rng = np.random.default_rng(0)
    site = np.sort(rng.choice(np.arange(50, 9950), 200, replace=False))
    marks = rng.random(10_000) < 0.2
    flat = profile_table([Cuts("m", 0, (marks,))], {("TSS", "+"): site}, window=20, draws=500)
    assert abs(flat["z"]).max() < 4 and (flat["q_value"] > 0.02).all()
    marks[site + 5] = True
    peak = profile_table([Cuts("m", 0, (marks,))], {("TSS", "+"): site}, window=20, draws=500)
    best = peak.loc[peak["z"].idxmax()]
    assert best["offset"] == 5 and best["rate"] == 1 and best["z"] > 15 and best["q_value"] < 0.1


def test_sequences_without_such_sites_count_for_nothing():
    marks = np.ones(20, bool)
    one = profile_table([Cuts("m", 0, (marks,))], {("stop", "+"): np.array([9])}, window=1, draws=9)
    two = profile_table([Cuts("m", 0, (marks, ~marks))], {("stop", "+"): np.array([9])}, window=1, draws=9)
    assert one.equals(two) and one["expected"].tolist() == [1, 1, 1]


def test_the_null_moves_the_sites_of_each_sequence_around_it(monkeypatch):
    """Two sequences laid end to end, against rolled arrays; however many shifts are kept at a time."""
    rng = np.random.default_rng(0)
    marks = rng.random(30) < 0.4, rng.random(20) < 0.3
    place = np.array([3, 29, 30, 44])
    rng = np.random.default_rng(0)
    shifts = [draw_shifts(len(each), 50, rng) for each in marks]
    # A site moved on meets what lies there: the marks moved back.
    moved = [[np.roll(each, -s) for s in drawn] for each, drawn in zip(marks, shifts, strict=True)]
    null = [np.concatenate(pair)[place].sum() / 4 for pair in zip(*moved, strict=True)]
    for kept in (1, 10**6):
        monkeypatch.setattr(circular_shifts, "_SHIFTS", kept)
        table = profile_table([Cuts("m", 0, marks)], {("TSS", "+"): place}, window=1, draws=50)
        table = table.set_index("offset")
        assert table["n_sites"].tolist() == [3, 4, 3]
        assert table.loc[0, "n_boundaries"] == np.concatenate(marks)[place].sum()
        assert table.loc[1, "n_boundaries"] == np.concatenate(marks)[[4, 31, 45]].sum()
        assert np.allclose(table["expected"], np.mean(null)) and np.allclose(table["sd"], np.std(null))
