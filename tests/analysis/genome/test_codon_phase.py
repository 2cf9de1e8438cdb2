"""Codon positions by hand; R and chi-square against scipy; the null of turned genes."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare, directional_stats

from analysis.genome.codon_phase import asymptotic_p, chi_square, codon_map, phase_counts, rayleigh, turned
from tests.analysis.genome.test_features import features


def codons(*lines, length=30):
    found = codon_map(features(*lines, length=length), length)
    return found, dict(zip(found.base.tolist(), found.position.tolist(), strict=True))


def test_positions_on_both_strands():
    found, position = codons("CDS 4 9 . + 0 ID=a", "CDS 13 18 . - 0 ID=b")
    assert position == {3: 0, 4: 1, 5: 2, 6: 0, 7: 1, 8: 2, 12: 2, 13: 1, 14: 0, 15: 2, 16: 1, 17: 0}
    assert found.reverse.tolist() == [False] * 6 + [True] * 6
    assert found.gene.tolist() == [0] * 6 + [1] * 6
    # Codons begin at forward bases 3 and 6: frame 1. Reverse: base 17 is number 12 from the end, frame 1 too.
    assert set(found.frame.tolist()) == {1}


@pytest.mark.parametrize(("start", "frame"), [(1, 1), (2, 2), (3, 3), (4, 1)])
def test_frames(start, frame):
    assert set(codons(f"CDS {start} {start + 5} . + 0 ID=a")[0].frame.tolist()) == {frame}
    mirror = f"CDS {30 - start - 4} {30 - start + 1} . - 0 ID=a"
    assert set(codons(mirror)[0].frame.tolist()) == {frame}


def test_a_part_goes_on_in_the_codon_of_the_part_before():
    _, position = codons("CDS 1 4 . + 0 ID=a", "CDS 11 15 . + 2 ID=a")
    assert position == {0: 0, 1: 1, 2: 2, 3: 0, 10: 1, 11: 2, 12: 0, 13: 1, 14: 2}
    _, position = codons("CDS 1 5 . - 2 ID=a", "CDS 11 14 . - 0 ID=a")
    assert [position[b] for b in (13, 12, 11, 10, 4, 3, 2, 1, 0)] == [0, 1, 2, 0, 1, 2, 0, 1, 2]


def test_bases_that_features_disagree_about_have_no_position():
    found, position = codons(
        "CDS 1 9 . + 0 ID=a", "CDS 8 13 . + 0 ID=b", "CDS 1 3 . + 0 ID=c", "CDS 20 25 . ? 0 ID=d"
    )
    assert sorted(position) == [0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12]
    assert (found.conflicts, found.unphased) == (2, 1)


def test_counts_by_gene_strand_and_frame():
    found, _ = codons("CDS 4 9 . + 0 ID=a", "CDS 13 18 . - 0 ID=b")
    marks = np.zeros(30, bool)
    marks[[3, 6, 4, 17, 20]] = True
    counts = phase_counts(found, marks)
    cuts, bases = counts.pooled(".", 0)
    assert cuts.tolist() == [[2, 1, 0], [1, 0, 0]] and (bases == 2).all()
    assert counts.pooled("+", 1)[0].sum() == 3 and counts.pooled("-", 0)[0].sum() == 1
    assert counts.pooled("+", 2)[1].sum() == 0


def test_frames_of_sequences_end_to_end_count_from_their_own_ends():
    lines = ("CDS 2 7 . + 0 ID=a", "CDS 13 18 . - 0 ID=b")
    one = features(*lines, length=31)
    both = pd.concat(
        [one, one.assign(start=one["start"] + 31, end=one["end"] + 31, group=one["group"] + "x")]
    )
    alone, found = codon_map(one, 31), codon_map(both, [31, 31])
    assert found.base.tolist() == [*alone.base, *(alone.base + 31)] and found.n_genes == 4
    for name in ("position", "frame", "reverse"):
        assert getattr(found, name).tolist() == 2 * getattr(alone, name).tolist()


@pytest.mark.parametrize("counts", [[10, 0, 0], [5, 5, 5], [65, 426, 584], [1, 2, 0]])
def test_statistics_equal_scipy(counts):
    angles = np.repeat(2 * np.pi * np.arange(3) / 3, counts)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    counts, bases = np.array(counts), np.array([1000, 1001, 999])
    # scipy's class computes the length of the mean direction vector by another way.
    length = directional_stats(vectors, normalize=False).mean_resultant_length if len(vectors) else 0
    assert rayleigh(counts) == pytest.approx(length, abs=1e-12)
    theirs = chisquare(counts, counts.sum() * bases / bases.sum())
    assert chi_square(counts, bases) == pytest.approx(theirs.statistic)
    p_rayleigh, p_chi = asymptotic_p(counts, bases)
    assert p_rayleigh == pytest.approx(np.exp(-counts.sum() * length**2)) and p_chi == pytest.approx(
        theirs.pvalue
    )


def test_rayleigh_by_hand():
    assert rayleigh(np.array([7, 0, 0])) == pytest.approx(1) and rayleigh(
        np.array([4, 4, 4])
    ) == pytest.approx(0)
    # |2 + w| / 3 with w at 120 degrees: sqrt(3) / 3.
    assert rayleigh(np.array([2, 1, 0])) == pytest.approx(3**0.5 / 3)
    assert np.isnan(rayleigh(np.array([0, 0, 0])))


def test_turning_is_shifting_inside_the_gene():
    """Every circular shift of a gene's boundaries gives one of the three turned counts, each a third of the time."""
    gene = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1], bool)
    shifted = {tuple(np.roll(gene, s).reshape(3, 3).sum(0).tolist()) for s in range(9)}
    drawn = turned(gene.reshape(1, 3, 3).sum(1), 3000, np.random.default_rng(0))
    values, times = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(map(int, v)) for v in values} == shifted
    assert (abs(times - 1000) < 150).all()


def test_one_rhythm_in_every_gene_is_seen_and_a_rhythm_of_its_own_in_each_is_not():
    rng = np.random.default_rng(1)
    same = np.tile([30, 0, 0], (200, 1))
    own = np.array([np.roll([30, 0, 0], rng.integers(3)) for _ in range(200)])
    for counts, seen in ((same, True), (own, False)):
        null = rayleigh(turned(counts, 500, np.random.default_rng(0)))
        assert (rayleigh(counts.sum(0)) > null.max()) == seen
    # Taking boundaries for independent, the second would be seen as well: 6,000 of them.
    assert asymptotic_p(own.sum(0), np.array([6000] * 3))[0] < 1e-3
