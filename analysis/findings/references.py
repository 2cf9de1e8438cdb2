"""Segmentations by rules, to set beside the models', and controls, which must agree with nothing."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from analysis.agreement.controls import periodic_like, random_like, shuffled
from analysis.boundaries.segmentations import Segmentation, cut, segmentation_of
from analysis.findings.data import Corpus
from analysis.findings.study import Study
from analysis.references.byte_pairs import learned_units
from analysis.references.codons import codon_starts
from analysis.references.names import segmenter
from analysis.references.units import Cut, Segmenter
from hnet_core.errors import InputError

KINDS = {
    "english": ("words", "spaces", "sentences"),
    "chinese": ("words", "characters", "sentences"),
    "code": ("python-tokens", "python-nodes", "words", "spaces"),
    "dna": ("kmers:3",),
}
"""Domain -> reference segmenters (analysis.references.names)."""
VOCABULARY = {"dna": 512}
"""Entries of the byte-pair vocabulary, where it is not TEXT_VOCABULARY."""
TEXT_VOCABULARY = 4096
UNTRAINED = "models before training"
PIECE = 500
"""DNA has no words: byte pairs are learned and applied in pieces of so many bases."""


def references(study: Study, corpus: Corpus) -> list[Segmentation]:
    """What can be cut by a rule; what cannot (source that does not parse) is left out."""
    found = []
    for kind in KINDS.get(corpus.domain, ()):
        try:
            (stage,) = cut(corpus.sequences, segmenter(f"ref:{kind}"))
        except InputError as err:
            study.say(f"{corpus.title}: {kind} left out: {err}")
            continue
        found.append(replace(stage, name=kind))
    if corpus.vocabulary:
        entries = VOCABULARY.get(corpus.domain, TEXT_VOCABULARY)
        entries = min(entries, 256 + study.limits.vocabulary_bytes // 200)
        (stage,) = cut(corpus.sequences, Segmenter("BPE", "byte pairs", _byte_pairs(study, corpus, entries)))
        found.append(replace(stage, name=f"BPE {entries}"))
    return found + list(_codons(study, corpus))


def controls(
    study: Study, corpus: Corpus, stages: list[Segmentation]
) -> list[tuple[str, Segmentation, Segmentation]]:
    """(kind, stage of a model, control) of every control of every stage."""
    mixed, found = shuffled(corpus.sequences), []
    for label in dict.fromkeys(stage.name for stage in stages):
        own = [stage for stage in stages if stage.name == label]
        found += [("random places, same rate", s, random_like(s)) for s in own]
        found += [("evenly spaced, same rate", s, periodic_like(s)) for s in own]
        study.say(f"{corpus.title}: controls of {label}")
        others = [("input shuffled, pairs of bytes kept", study.cut(mixed, label))]
        others += [(UNTRAINED, blank) for blank in study.untrained(corpus, label)]
        found += [(kind, s, c) for kind, blank in others for s, c in zip(own, blank, strict=True)]
    return found


def _codons(study: Study, corpus: Corpus) -> Iterator[Segmentation]:
    """The codons of the annotated genes, of a genome or its beginning."""
    for genome in study.genomes:
        if genome.corpus.title == corpus.title:
            starts = codon_starts(study.annotated(genome).codons, genome.corpus.n_bytes)
            starts = starts[(starts > 0) & (starts < corpus.n_bytes)]
            yield segmentation_of("codons of genes", [starts], [corpus.n_bytes])


def _byte_pairs(study: Study, corpus: Corpus, entries: int) -> Cut:
    """Byte pairs learned from the beginning of the training data."""
    from hnet_core.data.documents import read_documents

    is_dna, left, lines = corpus.domain == "dna", study.limits.vocabulary_bytes, []
    for document in read_documents([corpus.vocabulary], "dna" if is_dna else "text"):
        data = document.data[:left].tobytes()
        left -= len(data)
        size = PIECE if is_dna else max(len(data), 1)
        lines += [data[i : i + size].decode("utf-8", "ignore") for i in range(0, len(data), size)]
        if left <= 0:
            break
    units = learned_units(lines, entries)
    return _in_pieces(units) if is_dna else units


def _in_pieces(units: Cut) -> Cut:
    def cut_pieces(data: bytes) -> np.ndarray:
        firsts = range(0, len(data), PIECE)
        return np.concatenate([first + units(data[first : first + PIECE]) for first in firsts])

    return cut_pieces
