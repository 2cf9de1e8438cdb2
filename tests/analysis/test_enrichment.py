"""Enrichment that is there is found, by hand-counted amounts; where it is not, controls score about nothing."""

import numpy as np
import pytest

from analysis import schema
from analysis.codon_phase import phase_counts
from analysis.enrichment import Cuts, annotate, codon_at_rows, enrichment_table, finished
from tests.analysis.test_features import features

LENGTH = 3000


@pytest.fixture(scope="module")
def genome():
    """Ten genes of 60 codons on either strand by turns, at uneven distances, in all three frames."""
    lines = []
    for i in range(10):
        start, strand = 60 + i * 290 + i % 3 + 7 * i * i % 90, "+-"[i % 2]
        lines += [
            f"{kind} {start} {start + 179} . {strand} {phase} ID={kind}{i}"
            for kind, phase in (("gene", "."), ("CDS", "0"))
        ]
    table = features(*lines, length=LENGTH)
    return annotate(table, ["s"], [LENGTH], upstream=50)


def table_of(is_cut, genome, **options):
    table = enrichment_table([Cuts("m", 0, (is_cut,))], genome, draws=400, **options)
    return table.set_index(["analysis", "feature", "strand", "frame", "measure"])


def test_rates_and_chunks_are_those_counted_by_hand(genome):
    is_cut = np.zeros(LENGTH, bool)
    is_cut[[100, 110, 130, 250, 2900]] = True
    table = table_of(is_cut, genome)
    row = table.loc["feature", "CDS", "+", 0, "rate"]
    assert (row["n_bases"], row["n_boundaries"]) == (900, 3) and row["value"] == pytest.approx(3 / 900)
    assert table.loc[("feature", "CDS", "+", 0, "mean_chunk"), "value"] == pytest.approx((10 + 20 + 120) / 3)
    row = table.loc["feature", "intergenic", ".", 0, "rate"]
    assert (row["n_bases"], row["n_boundaries"]) == (1200, 2)
    # The mean over all shifts is the rate of the whole sequence.
    assert row["expected"] == pytest.approx(5 / LENGTH, rel=0.2)


def test_boundaries_in_genes_are_found(genome):
    rng = np.random.default_rng(0)
    is_cut = rng.random(LENGTH) < 0.2
    for intervals in (genome.classes[0]["CDS", "."],):
        for start, end in intervals:
            is_cut[start:end] |= rng.random(end - start) < 0.7
    table = table_of(is_cut, genome)
    assert table.loc[("feature", "CDS", ".", 0, "rate"), "z"] > 2
    assert table.loc[("feature", "intergenic", ".", 0, "rate"), "z"] < -1.5
    assert table.loc[("feature", "CDS", ".", 0, "rate"), "p_value"] < 0.02
    assert table.loc[("feature", "CDS", ".", 0, "mean_chunk"), "z"] < -1.5


def test_cuts_at_codons_are_found_on_the_right_base(genome):
    codons = genome.codons[0]
    is_cut = np.zeros(LENGTH, bool)
    is_cut[codons.base[(codons.position == 1) & ~codons.reverse]] = True
    is_cut[codons.base[(codons.position == 2) & codons.reverse]] = True
    table = table_of(is_cut, genome)
    rates = [[table.loc[("codon_phase", "CDS", s, 0, f"rate_{k}"), "value"] for k in (1, 2, 3)] for s in "+-"]
    assert rates == [[0, 1, 0], [0, 0, 1]]
    assert table.loc[("codon_phase", "CDS", "+", 0, "rayleigh_r"), "value"] == pytest.approx(1)
    assert table.loc[("codon_phase", "CDS", "+", 0, "rayleigh_r"), "p_value"] < 0.02
    assert table.loc[("codon_phase", "CDS", "+", 0, "chi_square"), "value"] == pytest.approx(600)
    # Every codon is cut alike, so start codons are nothing special.
    assert (table.xs("start", level="feature")["p_value"] == 1).all()


def test_start_codons_stand_out_against_the_same_codon_position(genome):
    is_cut = np.zeros(LENGTH, bool)
    codons = genome.codons[0]
    inside = codons.base[(codons.position == 2) & ~codons.reverse]
    is_cut[inside[::6]] = True
    is_cut[genome.ends[0]["+"][0] + 2] = True
    table = table_of(is_cut, genome)
    row = table.loc["codon_at", "start", "+", 0, "rate_3"]
    assert row["value"] == 1 and row["n_bases"] == 5 and 0.1 < row["expected"] < 0.3 and row["p_value"] < 0.02
    assert table.loc[("codon_at", "start", "+", 0, "rate_1"), "value"] == 0


@pytest.mark.parametrize("control", ["random", "shifted", "periodic"])
def test_controls_score_about_nothing(genome, control):
    """Random, every fifth base, and codon cuts moved as a whole genome moves: no small p-value but by chance."""
    rng = np.random.default_rng(3)
    is_cut = np.zeros(LENGTH, bool)
    if control == "random":
        is_cut = rng.random(LENGTH) < 0.3
    elif control == "periodic":
        is_cut[::5] = True
    else:
        is_cut[genome.codons[0].base[::3]] = True
        is_cut = np.roll(is_cut, 1234)
    table = table_of(is_cut, genome)
    q = table.loc[["codon_phase", "feature"], "q_value"].dropna()
    assert len(q) > 20 and (q > 0.01).all()


def test_p_values_of_a_random_control_are_uniform(genome):
    rng = np.random.default_rng(5)
    key = ("feature", "CDS", "+", 0, "rate")
    p = [
        enrichment_table([Cuts("m", 0, (rng.random(LENGTH) < 0.3,))], genome, draws=99, seed=i)
        .set_index(["analysis", "feature", "strand", "frame", "measure"])
        .loc[key, "p_value"]
        for i in range(20)
    ]
    assert 0.25 < np.mean(p) < 0.75


def test_shifts_that_keep_the_phase(genome):
    is_cut = np.zeros(LENGTH, bool)
    is_cut[::3] = True
    row = table_of(is_cut, genome, step=3).loc["feature", "upstream", "+", 0, "rate"]
    assert row["sd"] == 0 and row["p_value"] == 1
    assert table_of(is_cut, genome).loc[("feature", "upstream", "+", 0, "rate"), "sd"] > 0


def test_several_sequences_are_pooled(genome):
    is_cut = np.random.default_rng(0).random(LENGTH) < 0.3
    pair = type(genome)(
        *(each * 2 for each in (genome.names, genome.lengths, genome.classes, genome.codons, genome.ends))
    )
    one = enrichment_table([Cuts("m", 0, (is_cut,))], genome, draws=50)
    two = enrichment_table([Cuts("m", 0, (is_cut, is_cut))], pair, draws=50)
    assert (two["n_bases"] == 2 * one["n_bases"]).all() and (
        two["n_boundaries"] == 2 * one["n_boundaries"]
    ).all()
    assert two["value"].to_numpy() == pytest.approx(
        one["value"].where(one["measure"] != "chi_square", 2 * one["value"]).to_numpy()
    )


def test_no_boundaries_make_no_nonsense(genome):
    table = table_of(np.zeros(LENGTH, bool), genome)
    assert table.loc[("feature", "CDS", ".", 0, "rate"), "value"] == 0
    assert np.isnan(table.loc[("feature", "CDS", ".", 0, "mean_chunk"), "p_value"])
    empty = finished([], schema.ENRICHMENT)
    assert len(empty) == 0
    cuts = Cuts("m", 0, (np.zeros(LENGTH, bool),))
    counts = phase_counts(list(genome.codons), list(cuts.is_cut))
    assert all(row["value"] == 0 for row in codon_at_rows(cuts, genome, counts, 10, 0))
