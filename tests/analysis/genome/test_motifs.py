"""Occurrences and chunks per occurrence, counted by hand and against Biopython."""

import numpy as np
import pytest
from Bio import SeqUtils
from Bio.Seq import Seq

from analysis.genome.enrichment import Cuts
from analysis.genome.motifs import motif, motif_rows, occurrences
from hnet_core.errors import InputError


def test_motifs_are_read():
    assert motif("box -10=tataat") == ("box -10", "TATAAT")
    assert motif("acg") == ("ACG", "ACG") and motif("x=AUG") == ("x", "AUG")
    for wrong in ("x=", "A", "x=AXC", "x=A C"):
        with pytest.raises(InputError, match="motif"):
            motif(wrong)


@pytest.mark.parametrize("letters", ["AA", "TATAAT", "RNY", "WSWS", "GGTNACC"])
def test_occurrences_equal_biopython(letters):
    bases = np.random.default_rng(0).choice(list("ACGT"), 2000)
    text = "".join(bases) + "AAAATATAATATAATGGTCACC"
    assert occurrences(text.encode(), letters).tolist() == SeqUtils.nt_search(text, letters)[1:]


def test_chunks_of_an_occurrence_by_hand():
    #             01234567890123456789
    data = b"GGTATAATGGGGTATAATGG"
    marks = np.zeros(20, bool)
    marks[[2, 4, 7, 8, 13]] = True  # 2 and 8 are the edges of the first; 4, 7 cut it inside, 13 the second
    rows = list(motif_rows(Cuts("m", 1, (marks,)), [data], {"box": "TATAAT"}, 50, 0))
    assert len(rows) == 1 and rows[0]["strand"] == "+" and rows[0]["stage"] == 1
    assert rows[0]["value"] == 1 + 3 / 2 and rows[0]["n_boundaries"] == 3
    # 10 inner positions of 20 bases, 5 boundaries: 1 + 2 * 5 * 5 / 20 / 2.
    assert rows[0]["expected"] == pytest.approx(2.25, abs=0.3)


@pytest.mark.parametrize("letters", ["TATAAT", "RYN", "AGGAGG"])
def test_chunks_of_occurrences_equal_those_that_biopython_and_numpy_find(letters):
    rng = np.random.default_rng(1)
    data = "".join(rng.choice(list("ACGT"), 3000)) + "AGGAGGTTTATAATCCTCCTATTATA"
    marks = rng.random(len(data)) < 0.3
    chunk = np.cumsum(marks)
    for row in motif_rows(Cuts("m", 0, (marks,)), [data.encode()], {"x": letters}, 5, 0):
        read = letters if row["strand"] == "+" else str(Seq(letters).reverse_complement())
        starts = SeqUtils.nt_search(data, read)[1:]
        want = np.mean([len(np.unique(chunk[at : at + len(letters)])) for at in starts])
        assert row["value"] == pytest.approx(want)


def test_both_strands_and_palindromes():
    data = b"AAAAATTATAGGGGGAATT"
    marks = np.zeros(len(data), bool)
    found = [
        (row["feature"], row["strand"])
        for row in motif_rows(
            Cuts("m", 0, (marks,)), [data], {"a": "TATAAT", "p": "AATT", "none": "CATC"}, 5, 0
        )
    ]
    assert found == [("a", "-"), ("p", "+")]
    data = b"GGATTATAGG"
    rows = list(motif_rows(Cuts("m", 0, (np.ones(10, bool),)), [data], {"a": "TATAAT"}, 5, 0))
    assert [(row["strand"], row["value"]) for row in rows] == [("-", 6.0)]
