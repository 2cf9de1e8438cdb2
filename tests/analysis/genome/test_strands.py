"""The other strand: complements against Biopython, cuts at the same places, chance level of what is unrelated."""

import numpy as np
import pytest
from Bio.Seq import Seq
from sklearn.metrics import jaccard_score

from analysis.genome.strands import as_forward_cuts, consistency_row
from analysis.inputs.bases import reverse_complement
from hnet_core.inputs.fasta import NUCLEOTIDES


def test_complements_equal_biopython():
    letters = NUCLEOTIDES.replace("U", "T") * 3 + "A"
    assert reverse_complement(letters.encode()).decode() == str(Seq(letters).reverse_complement())
    assert reverse_complement(b"") == b""


def test_cuts_lie_between_the_same_bases():
    forward, reverse = b"AACGGT", reverse_complement(b"AACGGT")
    marks = np.zeros(6, bool)
    marks[2] = True  # AC | CGTT
    assert (reverse[:2], reverse[2:]) == (b"AC", b"CGTT")
    place = np.flatnonzero(as_forward_cuts(marks))
    assert place.tolist() == [4]
    assert reverse_complement(forward[4:]) == reverse[:2]
    both = np.random.default_rng(0).random(50) < 0.5
    both[0] = False
    assert as_forward_cuts(as_forward_cuts(both)).tolist() == both.tolist()


def test_jaccard_of_strands_by_hand_and_by_chance():
    rng = np.random.default_rng(0)
    forward = rng.random(4000) < 0.3
    forward[0] = False
    same = consistency_row("m", 0, [forward], [as_forward_cuts(forward)], 200, 0)
    assert same["value"] == 1 and same["p_value"] < 0.01 and same["z"] > 20
    other = rng.random(4000) < 0.3
    other[0] = False
    chance = consistency_row("m", 0, [forward], [other], 200, 0)
    mirrored = as_forward_cuts(other)
    assert chance["value"] == (forward & mirrored).sum() / (forward | mirrored).sum()
    assert abs(chance["z"]) < 3 and chance["value"] == pytest.approx(chance["expected"], abs=0.03)
    assert chance["value"] == pytest.approx(jaccard_score(forward, mirrored))
    nothing = consistency_row("m", 0, [np.zeros(9, bool)], [np.zeros(9, bool)], 20, 0)
    assert np.isnan(nothing["value"])
