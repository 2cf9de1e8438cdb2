"""Codons of annotated genes as reference units."""

import numpy as np

from analysis.annotations import features_of, fit_features, read_features
from analysis.codon_phase import CodonMap, codon_map
from analysis.inputs import read_input
from analysis.segmenters import Cut, known_units


def annotated_codons(annotation: str, genome: str = "") -> Cut:
    """A reference segmenter of the records of one genome, and of no others: each codon a unit, as is what lies between.

    annotation  GFF3, GTF or GenBank   genome  its FASTA; not needed for a GenBank file, which holds the bases too
    On the reverse strand a codon's unit starts at its last base, the leftmost. Bases that genes read in two frames
    belong to no codon.
    """
    sequences = read_input(genome or annotation, kind="dna")
    features, _ = fit_features(read_features(annotation), sequences, annotation)
    known = {}
    for sequence in sequences:
        mine = features_of(features, sequence.name, kinds=None)
        codons = codon_map(mine, len(sequence.data))
        known[sequence.data] = codon_starts(codons, len(sequence.data))

    unknown = f"ref:codons:{annotation} knows no genes of this input: it is not of that genome"
    return known_units(known, unknown)


def codon_starts(codons: CodonMap, length: int) -> np.ndarray:
    """Where codons and what lies between genes start in a sequence of `length` bases: rising offsets."""
    leftmost = codons.base[codons.position == np.where(codons.reverse, 2, 0)]
    coding = np.zeros(length + 1, bool)
    coding[codons.base] = True
    behind = np.flatnonzero(coding[:-1] & ~coding[1:]) + 1
    return np.union1d(leftmost, behind[behind < length])
