"""Enrichment that is there is found, by hand-counted amounts; where it is not, controls score about nothing."""

import time

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.genome.codon_phase import phase_counts
from analysis.genome.enrichment import Cuts, annotate, codon_at_rows, enrichment_table, finished
from analysis.genome.features import sites
from analysis.genome.profiles import profile_table
from analysis.inputs.annotations import fit_features, laid_end_to_end, read_features
from analysis.inputs.sources import Sequence
from tests.analysis.genome.test_features import features

LENGTH = 3000


@pytest.fixture(scope="module")
def genome_features():
    """Ten genes of 60 codons on either strand by turns, at uneven distances, in all three frames."""
    lines = []
    for i in range(10):
        start, strand = 60 + i * 290 + i % 3 + 7 * i * i % 90, "+-"[i % 2]
        lines += [
            f"{kind} {start} {start + 179} . {strand} {phase} ID={kind}{i}"
            for kind, phase in (("gene", "."), ("CDS", "0"))
        ]
    return features(*lines, length=LENGTH)


@pytest.fixture(scope="module")
def genome(genome_features):
    return annotate(genome_features, ["s"], [LENGTH], upstream=50)


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
    for intervals in (genome.classes["CDS", "."],):
        for start, end in intervals:
            is_cut[start:end] |= rng.random(end - start) < 0.7
    table = table_of(is_cut, genome)
    assert table.loc[("feature", "CDS", ".", 0, "rate"), "z"] > 2
    assert table.loc[("feature", "intergenic", ".", 0, "rate"), "z"] < -1.5
    assert table.loc[("feature", "CDS", ".", 0, "rate"), "p_value"] < 0.02
    assert table.loc[("feature", "CDS", ".", 0, "mean_chunk"), "z"] < -1.5


def test_cuts_at_codons_are_found_on_the_right_base(genome):
    codons = genome.codons
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
    codons = genome.codons
    inside = codons.base[(codons.position == 2) & ~codons.reverse]
    is_cut[inside[::6]] = True
    is_cut[genome.ends["start", "+"][:, 2]] = True
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
        is_cut[genome.codons.base[::3]] = True
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


def test_several_sequences_are_pooled(genome, genome_features):
    is_cut = np.random.default_rng(0).random(LENGTH) < 0.3
    twice = pd.concat([genome_features.assign(sequence=name) for name in "st"])
    pair = annotate(twice.assign(group=twice["group"] + twice["sequence"]), ["s", "t"], [LENGTH] * 2, 50)
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
    counts = phase_counts(genome.codons, cuts.laid)
    assert all(row["value"] == 0 for row in codon_at_rows(cuts, genome, counts, 10, 0))


def test_a_draft_of_many_contigs_takes_the_time_of_one_sequence():
    """Work grows with bases and genes, not with records."""
    n = 400
    lines = [f"c{i}\tx\tCDS\t10\t129\t.\t{'+-'[i % 2]}\t0\tID=c{i}\n" for i in range(n)]
    sequences = [Sequence(f"c{i}", b"A" * 150, kind="dna") for i in range(n)]
    table, _ = fit_features(read_features("".join(lines).encode()), sequences)
    marks = np.random.default_rng(0).random(150 * n) < 0.3
    one = laid_end_to_end(table, [each.name for each in sequences], [150] * n).assign(sequence="s")
    took = []
    for found, names, lengths in (
        (one, ["s"], [150 * n]),
        (table, [f"c{i}" for i in range(n)], [150] * n),
    ):
        start = time.process_time()
        genome = annotate(found, names, lengths, upstream=50)
        cuts = [Cuts("m", 0, tuple(np.split(marks, np.cumsum(lengths)[:-1])))]
        enrichment_table(cuts, genome, draws=200)
        profile_table(cuts, sites(laid_end_to_end(found, names, lengths), lengths), draws=400)
        took.append(time.process_time() - start)
    assert took[1] < 3 * took[0] + 0.5, took


def test_codons_that_an_intron_parts_are_counted():
    """ATG over 100 | 201, 202 (1-based) and a stop codon over 220, 221 | 300, on both strands."""
    lines = ["CDS 100 100 . + 0 ID=c", "CDS 201 221 . + 2 ID=c", "CDS 300 301 . + 2 ID=c"]
    for mirror in (False, True):
        made = lines
        if mirror:
            made = [
                f"CDS {401 - int(b)} {401 - int(a)} . - {p} ID=c"
                for _, a, b, _, _, p, _ in map(str.split, lines)
            ]
        genome = annotate(features(*made, length=400), ["s"], [400], upstream=0)
        is_cut = np.zeros(400, bool)
        is_cut[[399 - 200, 399 - 300] if mirror else [200, 300]] = True
        table = enrichment_table([Cuts("m", 0, (is_cut,))], genome, draws=20)
        at = table[table["analysis"] == "codon_at"].set_index(["feature", "strand", "measure"])["value"]
        strand = "-" if mirror else "+"
        assert [at["start", strand, f"rate_{k}"] for k in (1, 2, 3)] == [0, 1, 0]
        assert [at["stop", strand, f"rate_{k}"] for k in (1, 2, 3)] == [0, 0, 1]
