"""Goals as they are said, and the phase of codons against genes that do not agree on one."""

import numpy as np
import pytest

from hnet_core.data.documents import Document
from hnet_core.lab.goals import codon_phase_p, goal
from hnet_core.landmarks.coding import CodingPart


@pytest.mark.parametrize(
    ("starts", "rate", "met"), [(0.61, 0.2, True), (0.59, 0.2, False), (0.7, 0.3, False), (0.6, 0.24, True)]
)
def test_words_need_a_share_and_a_multiple_of_the_rate(starts, rate, met):
    got = goal("english", [{"space_or_first_letter": starts, "all": rate}])
    assert got["met"] is met
    assert got["reached"] == f"{starts:.0%} at a rate of {rate:.0%} (stage 0)"


def test_the_stage_that_meets_the_goal_is_named():
    stages = [{"space_or_first_letter": 0.9, "all": 0.4}, {"space_or_first_letter": 0.7, "all": 0.2}]
    assert goal("english", stages)["reached"] == "70% at a rate of 20% (stage 1)"
    assert goal("english", stages[:1])["met"] is False


def test_tokens_and_characters():
    assert goal("code", [{"space_or_token_start": 0.3, "all": 0.15}])["met"] is True
    assert goal("code", [{"space_or_token_start": 0.29, "all": 0.15}])["met"] is False
    assert goal("chinese", [{"inside_character": 0.02, "all": 0.2}])["met"] is True
    assert goal("chinese", [{"inside_character": 0.021, "all": 0.2}])["met"] is False


def test_dna_needs_significance():
    assert goal("dna", [], 0.009)["met"] is True and goal("dna", [], 0.01)["met"] is False
    assert goal("dna", [])["reached"] == "not measured"


def genes(n: int = 40, length: int = 90) -> list[CodingPart]:
    return [CodingPart(100 * i, 100 * i + length, True, 0) for i in range(n)]


def boundaries(phases) -> np.ndarray:
    found = np.zeros(4000, dtype=bool)
    for gene, phase in zip(genes(), phases, strict=True):
        found[gene.start + phase : gene.end : 3] = True
    return found


def test_genes_that_agree_on_a_codon_position_are_beyond_chance():
    document = Document("x", 0, np.zeros(4000, dtype=np.uint8))
    assert codon_phase_p(boundaries([2] * 40), document, genes()) == 0.001
    # The same period of three in every gene, but no common phase: a third of the genes each.
    assert codon_phase_p(boundaries([i % 3 for i in range(40)]), document, genes()) > 0.5


def test_phase_offset_and_strand_are_minded():
    document = Document("x", 1, np.zeros(3999, dtype=np.uint8))
    phases = [i % 3 for i in range(40)]
    found = boundaries(phases)[1:]
    # Codons begin where each gene's phase says, so all boundaries are at the first position.
    shifted = [CodingPart(g.start, g.end, True, phase) for g, phase in zip(genes(), phases, strict=True)]
    assert codon_phase_p(found, document, shifted) == 0.001
    assert codon_phase_p(found, document, genes()) > 0.5
    reverse = [CodingPart(g.start, g.end, False, 0) for g in genes()]
    assert codon_phase_p(found, document, reverse) == 1.0 and codon_phase_p(found, document, []) == 1.0
