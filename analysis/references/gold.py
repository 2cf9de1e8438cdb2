"""Gold words as a segmentation, and as a reference segmenter of the texts they belong to."""

from collections.abc import Sequence

import numpy as np

from analysis.boundaries.segmentations import Segmentation, segmentation_of
from analysis.inputs.conllu import GoldText, read_conllu
from analysis.references.units import Cut, known_units


def gold_segmentation(texts: Sequence[GoldText], syntactic: bool = False) -> Segmentation:
    """The words as a segmentation of the texts; with the seams inside surface tokens where `syntactic`."""
    starts = [np.union1d(text.words, text.seams) if syntactic else text.words for text in texts]
    lengths = [len(text.sequence.data) for text in texts]
    name = "gold syntactic words" if syntactic else "gold words"
    return segmentation_of(name, [at[at > 0] for at in starts], lengths)


def gold_units(path: str) -> Cut:
    """A reference segmenter of the texts of a treebank, and of no others."""
    known = {text.sequence.data: text.words for text in read_conllu(path)}

    unknown = f"ref:gold:{path} has no words for this input: it is not a text of that treebank"
    return known_units(known, unknown)
