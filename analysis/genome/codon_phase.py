"""Where in the codons a model cuts: rates at the three codon positions, by strand and reading frame.

A boundary belongs to the base that starts a chunk; codon positions count in the direction of transcription. So on the
reverse strand a cut between two codons shows at position 3, the base behind the cut as the model reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chisquare

from analysis.chance.circular_shifts import borders_of, owners


@dataclass(frozen=True)
class CodonMap:
    """The codon position of every base that all features agree about, of a sequence or of several laid end to end.

    base      (K,) offsets of coding bases, rising
    position  (K,) 0, 1, 2 within the codon, in the direction of transcription
    frame     (K,) 1, 2, 3: which of the three frames of its strand, from the first base of its sequence on that strand
    reverse   (K,) bool  coded on the reverse strand
    gene      (K,) index of the protein that the base codes for (the first, of several that agree)
    n_genes   number of those
    conflicts bases that features read in two frames or on two strands; they are not counted
    unphased  coding parts left out for want of a strand or phase
    """

    base: np.ndarray
    position: np.ndarray
    frame: np.ndarray
    reverse: np.ndarray
    gene: np.ndarray
    n_genes: int
    conflicts: int
    unphased: int


def codon_map(features: pd.DataFrame, length: int | Sequence[int]) -> CodonMap:
    """The codon positions that the CDS features define (schema.FEATURES); those of pseudogenes define none.

    length  of the sequence, or of several that are laid end to end
    """
    borders = borders_of(length)
    parts = features[(features["kind"] == "CDS") & ~features["pseudo"]]
    usable = (parts["phase"] >= 0) & (parts["strand"] != ".")
    unphased, parts = int((~usable).sum()), parts[usable]
    # A part that several transcripts share is one; its gene is that of the first.
    parts = parts.drop_duplicates(["start", "end", "strand", "phase"])
    gene_of_part, genes = pd.factorize(parts["group"].str.split(",").str[0])
    code = np.full(borders[-1], -1, np.int8)  # position + 3 * reverse; -2: features disagree
    owner = np.zeros(borders[-1], np.int32)
    columns = (parts["start"], parts["end"], parts["strand"] == "-", parts["phase"])
    for index, (start, end, reverse, phase) in enumerate(zip(*columns, strict=True)):
        here = (np.arange(end - start) - phase) % 3
        here = (here[::-1] + 3 if reverse else here).astype(np.int8)
        known, free = code[start:end], code[start:end] == -1
        owner[start:end][free] = gene_of_part[index]
        code[start:end] = np.where(free, here, np.where(known == here, known, -2))
    base = np.flatnonzero(code >= 0)
    position, reverse = code[base] % 3, code[base] >= 3
    # The codon's first base, counted from the first base of the strand that it is read on.
    sequence = owners(base, borders)
    begin = np.where(reverse, borders[sequence + 1] - 1 - base, base - borders[sequence]) - position
    return CodonMap(
        base=base,
        position=position.astype(np.int8),
        frame=(begin % 3 + 1).astype(np.int8),
        reverse=reverse,
        gene=owner[base],
        n_genes=len(genes),
        conflicts=int((code == -2).sum()),
        unphased=unphased,
    )


@dataclass(frozen=True)
class PhaseCounts:
    """Boundaries and bases of one stage at the codon positions, gene by gene.

    cuts, bases  (G, 2, 3, 3): gene, strand (forward, reverse), frame - 1, codon position
    """

    cuts: np.ndarray
    bases: np.ndarray

    def pooled(self, strand: str, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """cuts and bases (G, 3) of a strand ("+", "-" or "." for both) and frame (1 to 3, or 0 for all)."""
        strands = {"+": [0], "-": [1], ".": [0, 1]}[strand]
        frames = [frame - 1] if frame else [0, 1, 2]
        return tuple(each[:, strands][:, :, frames].sum((1, 2)) for each in (self.cuts, self.bases))


def phase_counts(codons: CodonMap, is_cut: np.ndarray) -> PhaseCounts:
    """is_cut (length,) bool: boundaries of the sequences that the codons are of."""
    cell = ((codons.gene * 2 + codons.reverse) * 3 + codons.frame - 1) * 3 + codons.position
    shape, size = (codons.n_genes, 2, 3, 3), codons.n_genes * 18
    cuts = np.bincount(cell[is_cut[codons.base]], minlength=size).reshape(shape)
    return PhaseCounts(cuts, np.bincount(cell, minlength=size).reshape(shape))


def rayleigh(counts: np.ndarray) -> np.ndarray:
    """R = |sum over boundaries of exp(2 pi i phase / 3)| / m, in [0, 1]; counts (..., 3), NaN where there are none.

    Under independence m R^2 is exponential: p = exp(-m R^2) from m = 50 on (Mardia & Jupp, Directional Statistics).
    """
    with np.errstate(invalid="ignore"):
        return np.abs(counts @ np.exp(2j * np.pi * np.arange(3) / 3)) / counts.sum(-1)


def chi_square(counts: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Pearson's statistic of counts (..., 3) against equal rates at the bases (3,)."""
    expected = counts.sum(-1, keepdims=True) * bases / bases.sum()
    with np.errstate(invalid="ignore"):
        return ((counts - expected) ** 2 / expected).sum(-1)


def asymptotic_p(counts: np.ndarray, bases: np.ndarray) -> tuple[float, float]:
    """p of Rayleigh's and of the chi-square test, which take every boundary for independent."""
    m = counts.sum()
    expected = m * bases / bases.sum()
    return float(np.exp(-m * rayleigh(counts) ** 2)), float(chisquare(counts, expected).pvalue)


def turned(counts: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, 3) pooled counts when every gene's boundaries are shifted circularly inside it, each by its own amount.

    counts (G, 3). A coding sequence is whole codons, so a shift by s turns its three counts by s mod 3, and by
    multiples of 3 not at all: drawing the turn is drawing the shift. The spacing inside every gene stays; what is
    random is how it lies to the reading frame.
    """
    turn = rng.integers(0, 3, (draws, len(counts)))
    return sum((turn == k) @ np.roll(counts, k, axis=1).astype(float) for k in range(3))
