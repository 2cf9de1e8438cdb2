"""Codons of annotated genes as reference units."""

import numpy as np

from analysis.chance.circular_shifts import borders_of
from analysis.genome.codon_phase import CodonMap, codon_map
from analysis.inputs.annotations import fit_features, laid_end_to_end, read_features
from analysis.inputs.reading import read_input
from analysis.references.units import Cut, known_units


def annotated_codons(annotation: str, genome: str = "") -> Cut:
    """A reference segmenter of the records of one genome, and of no others: each codon a unit, as is what lies between.

    annotation  GFF3, GTF, BED or GenBank   genome  its FASTA; not needed for a GenBank file, which holds the bases too
    On the reverse strand a codon's unit starts at its last base, the leftmost. Bases that genes read in two frames
    belong to no codon.
    """
    sequences = read_input(genome or annotation, kind="dna")
    features, _ = fit_features(read_features(annotation), sequences, annotation)
    lengths = [len(sequence.data) for sequence in sequences]
    borders = borders_of(lengths)
    laid = laid_end_to_end(features, [sequence.name for sequence in sequences], lengths)
    starts = codon_starts(codon_map(laid, lengths), borders[-1])
    own = np.split(starts, np.searchsorted(starts, borders[1:-1]))
    known = {
        sequence.data: mine - begin for sequence, mine, begin in zip(sequences, own, borders, strict=False)
    }
    unknown = f"ref:codons:{annotation} knows no genes of this input: it is not of that genome"
    return known_units(known, unknown)


def codon_starts(codons: CodonMap, length: int) -> np.ndarray:
    """Where codons and what lies between genes start in `length` bases: rising offsets."""
    leftmost = codons.base[codons.position == np.where(codons.reverse, 2, 0)]
    coding = np.zeros(length + 1, bool)
    coding[codons.base] = True
    behind = np.flatnonzero(coding[:-1] & ~coding[1:]) + 1
    return np.union1d(leftmost, behind[behind < length])
