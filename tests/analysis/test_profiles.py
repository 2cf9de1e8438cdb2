"""Profiles count in the direction of transcription; random boundaries give a flat one."""

import numpy as np

from analysis.enrichment import Cuts
from analysis.profiles import profile_table


def test_profiles_by_hand():
    marks = np.zeros(30, bool)
    marks[[4, 10, 12, 19]] = True
    sites = {("start", "+"): np.array([2, 10]), ("start", "-"): np.array([20])}
    table = profile_table([Cuts("m", 0, (marks,))], [sites], window=3, draws=30).set_index(
        ["strand", "offset"]
    )
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
    flat = profile_table([Cuts("m", 0, (marks,))], [{("TSS", "+"): site}], window=20, draws=500)
    assert abs(flat["z"]).max() < 4 and (flat["q_value"] > 0.02).all()
    marks[site + 5] = True
    peak = profile_table([Cuts("m", 0, (marks,))], [{("TSS", "+"): site}], window=20, draws=500)
    best = peak.loc[peak["z"].idxmax()]
    assert best["offset"] == 5 and best["rate"] == 1 and best["z"] > 15 and best["q_value"] < 0.1


def test_sequences_without_such_sites_count_for_nothing():
    marks = np.ones(20, bool)
    one = profile_table([Cuts("m", 0, (marks,))], [{("stop", "+"): np.array([9])}], window=1, draws=9)
    two = profile_table(
        [Cuts("m", 0, (marks, marks[:0]))], [{("stop", "+"): np.array([9])}, {}], window=1, draws=9
    )
    assert one.equals(two) and one["expected"].tolist() == [1, 1, 1]
