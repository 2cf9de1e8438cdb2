"""Do boundaries fall on features more often than the same boundaries shifted along the genome would?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from analysis import schema
from analysis.chance.circular_shifts import borders_of, owners, running_sum, sums_of_all
from analysis.chance.nulls import against
from analysis.genome.codon_phase import (
    CodonMap,
    PhaseCounts,
    asymptotic_p,
    chi_square,
    codon_map,
    phase_counts,
    rayleigh,
    turned,
)
from analysis.genome.features import Intervals, coding_ends, feature_classes
from analysis.inputs.annotations import laid_end_to_end

DRAWS = 1000
"""Draws of every null, unless the caller says otherwise."""
ONE_SIDED = ("rayleigh_r", "chi_square", "jaccard")
"""Measures that are 0 at best agreement with chance: their p is of at least as much, that of others two-sided."""


@dataclass(frozen=True)
class Cuts:
    """Where one stage of one model starts chunks: for each sequence (length,) bool, without the forced start at 0."""

    model: str
    stage: int
    is_cut: tuple[np.ndarray, ...]

    @cached_property
    def laid(self) -> np.ndarray:
        """is_cut of all sequences, laid end to end."""
        return np.concatenate(self.is_cut)


@dataclass(frozen=True)
class Genome:
    """What the annotation says of some sequences, which are laid end to end: offsets count from the first one's start.

    classes  as feature_classes returns them      codons  codon positions
    ends     ("start" or "stop", strand) -> (N, 3) the bases of these codons
    """

    names: tuple[str, ...]
    lengths: tuple[int, ...]
    classes: dict[tuple[str, str], Intervals]
    codons: CodonMap
    ends: dict[tuple[str, str], np.ndarray]


def annotate(features: pd.DataFrame, names: Sequence[str], lengths: Sequence[int], upstream: int) -> Genome:
    """The annotation laid on its sequences; features are as analysis.inputs.annotations.fit_features returns them."""
    laid, borders = laid_end_to_end(features, names, lengths), borders_of(lengths)
    return Genome(
        names=tuple(names),
        lengths=tuple(lengths),
        classes=feature_classes(laid, lengths, upstream),
        codons=codon_map(laid, lengths),
        ends=coding_ends(laid, borders),
    )


def feature_rows(cuts: Cuts, genome: Genome, draws: int, seed: int, step: int = 1) -> Iterator[dict]:
    """Boundary rate and mean chunk length in every class, against shifts inside each sequence.

    step 3 draws multiples of 3 only, which keep a rhythm of 3 in step with itself.
    A chunk counts for the class that its first base lies in.
    """
    marks, borders = cuts.laid, borders_of(genome.lengths)
    start = np.flatnonzero(marks)
    size = np.zeros(len(marks), np.int64)
    size[start] = np.minimum(np.append(start[1:], len(marks)), borders[owners(start, borders) + 1]) - start
    totals = running_sum(marks), running_sum(size)
    for (label, strand), intervals in sorted(genome.classes.items()):
        count, size = (sums_of_all(total, intervals, borders, draws, seed, step) for total in totals)
        n_bases = int((intervals[:, 1] - intervals[:, 0]).sum())
        about = {"analysis": "feature", "feature": label, "strand": strand}
        about |= {"n_bases": n_bases, "n_boundaries": int(count[0])}
        with np.errstate(invalid="ignore"):
            values = {"rate": count / n_bases, "mean_chunk": size / count}
        for measure, value in values.items():
            yield about | {"measure": measure, "value": value[0]} | against(value[0], value[1:])


def codon_rows(counts: PhaseCounts, draws: int, seed: int) -> Iterator[dict]:
    """Rates at the codon positions, R and chi-square of every strand and frame, against shifts inside each gene."""
    for strand, frame in [(s, f) for s in "+-." for f in range(4) if s != "." or f == 0]:
        cuts, bases = counts.pooled(strand, frame)
        observed, n_bases = cuts.sum(0), bases.sum(0)
        if not observed.sum() or not n_bases.all():
            continue
        null = turned(cuts, draws, np.random.default_rng(seed))
        about = {"analysis": "codon_phase", "feature": "CDS", "strand": strand, "frame": frame}
        for k in range(3):
            row = {"measure": f"rate_{k + 1}", "n_bases": n_bases[k], "n_boundaries": observed[k]}
            rate = observed[k] / n_bases[k]
            yield about | row | {"value": rate} | against(rate, null[:, k] / n_bases[k])
        about |= {"n_bases": n_bases.sum(), "n_boundaries": observed.sum()}
        p_rayleigh, p_chi = asymptotic_p(observed, n_bases)
        value = float(rayleigh(observed))
        row = {"measure": "rayleigh_r", "value": value, "p_asymptotic": p_rayleigh}
        yield about | row | against(value, rayleigh(null), upper=True)
        value = float(chi_square(observed, n_bases))
        row = {"measure": "chi_square", "value": value, "p_asymptotic": p_chi}
        yield about | row | against(value, chi_square(null, n_bases), upper=True)


def codon_at_rows(cuts: Cuts, genome: Genome, counts: PhaseCounts, draws: int, seed: int) -> Iterator[dict]:
    """Rates at start and stop codons, against other codons of the same genes at the same codon position.

    The null shifts boundaries by multiples of 3 inside each gene, which keeps the codon phase and loses the place.
    """
    per_gene = [each.sum((1, 2)) for each in (counts.cuts, counts.bases)]
    with np.errstate(invalid="ignore"):
        share = per_gene[0] / per_gene[1]  # (G, 3)
    for name in ("start", "stop"):
        for strand in "+-":
            marks, genes = _codons_at(cuts.laid, genome.codons, genome.ends[name, strand])
            if not len(marks):
                continue
            rng = np.random.default_rng(seed)
            about = {"analysis": "codon_at", "feature": name, "strand": strand, "n_bases": len(marks)}
            for k in range(3):
                # One codon drawn for each gene is a boundary with that gene's own rate at position k.
                null = np.array([(rng.random(len(genes)) < share[genes, k]).sum() for _ in range(draws)])
                n, rate = int(marks[:, k].sum()), float(marks[:, k].mean())
                row = {"measure": f"rate_{k + 1}", "n_boundaries": n, "value": rate}
                yield about | row | against(rate, null / len(marks))


def _codons_at(marks: np.ndarray, codons: CodonMap, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries (N, 3) at the codons whose bases are place (M, 3), and the gene (N,) of each.

    Codons are left out whose bases other genes read otherwise.
    """
    if not len(codons.base):
        return np.zeros((0, 3), bool), np.zeros(0, np.int64)
    found = np.searchsorted(codons.base, place).clip(max=len(codons.base) - 1)
    whole = (codons.base[found] == place) & (codons.position[found] == [0, 1, 2])
    whole &= codons.gene[found] == codons.gene[found[:, :1]]
    kept = whole.all(1)
    return marks[place[kept]], codons.gene[found[kept, 0]]


def enrichment_table(
    cuts: Sequence[Cuts],
    genome: Genome,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    step: int = 1,
    more: Sequence[dict] = (),
) -> pd.DataFrame:
    """Every analysis of every stage of every model, schema.ENRICHMENT.

    more  rows of other analyses (motifs, reverse complement); the correction for many tests goes over all rows
    """
    rows = []
    for each in cuts:
        counts = phase_counts(genome.codons, each.laid)
        about = {"model": each.model, "stage": each.stage}
        for part in (
            feature_rows(each, genome, draws, seed, step),
            codon_rows(counts, draws, seed),
            codon_at_rows(each, genome, counts, draws, seed),
        ):
            rows += [about | row for row in part]
    return finished([*rows, *more], schema.ENRICHMENT)


def finished(rows: Sequence[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a table of these columns, with q-values over all that have a p-value."""
    table = pd.DataFrame(rows, columns=list(columns))
    whole = [name for name, dtype in columns.items() if dtype.startswith("int")]
    table[whole] = table[whole].fillna(0)
    tested = table["p_value"].notna()
    if tested.any():
        table.loc[tested, "q_value"] = false_discovery_control(table.loc[tested, "p_value"].astype(float))
    return schema.check(table.astype(columns), columns)
