"""Words, characters and codon positions, on cases small enough to read."""

import numpy as np
import pytest

from hnet_core.errors import InputError
from hnet_core.training.documents import Document
from hnet_core.training.landmarks import (
    CodingPart,
    dna_landmarks,
    followed,
    how_far,
    in_words,
    landmarks,
    python_landmarks,
    read_coding_parts,
    text_landmarks,
)


def positions(marks, name):
    return marks[name].tolist()


def test_words_of_a_text():
    marks = text_landmarks(np.frombuffer(b"ab  c, (de)\nf", dtype=np.uint8))
    assert positions(marks, "first_letter") == [[0], [4], [8], [12]]
    assert positions(marks, "space_before_word") == [[3], [11]]
    assert positions(marks, "space_or_first_letter") == [[3, 4], [11, 12]]
    assert positions(marks, "inside_word") == [[1], [9]]
    assert positions(marks, "character_start") == [] and positions(marks, "inside_character") == []


def test_characters_of_several_bytes():
    marks = text_landmarks(np.frombuffer("é中".encode(), dtype=np.uint8))
    assert positions(marks, "character_start") == [[0], [2]]
    assert positions(marks, "inside_character") == [[1], [3], [4]]


def test_python_tokens_from_the_first_definition_to_where_the_piece_is_cut():
    source = 'in a string\nx = "\n"""\nclass A:\n    é = f(1)  # note\ny = "cut'
    begin = source.encode().index(b"class")
    marks = python_landmarks(np.frombuffer(source.encode(), dtype=np.uint8))
    # class A : é = f ( 1 ) y =; é has two bytes. The string that does not end ends the count.
    starts = [0, 6, 7, 13, 16, 18, 19, 20, 21, 31, 33]
    assert positions(marks, "token_start") == [[begin + s] for s in starts]
    pairs = positions(marks, "space_or_token_start")
    assert pairs[:3] == [[begin - 1, begin], [begin + 5, begin + 6], [begin + 7, begin + 7]]


def test_text_without_a_definition_has_no_token():
    for text in (b"", b"function f() { return 1 }\n", b"  def f():\n"):
        assert not len(python_landmarks(np.frombuffer(text, dtype=np.uint8))["token_start"])


@pytest.mark.parametrize("domain", ["text", "english", "chinese", "code", "dna"])
def test_what_a_training_follows_is_among_the_sites(domain):
    document = Document("x", 0, np.frombuffer(b"def f(a):\n    return a\n", dtype=np.uint8))
    genes = {"x": [CodingPart(0, 6, True, 0)]} if domain == "dna" else None
    assert set(followed(domain)) <= set(landmarks(document, domain, genes))
    assert ("token_start" in landmarks(document, domain, genes)) == (domain == "code")


def test_codon_positions_follow_strand_phase_and_region():
    genes = {"x": [CodingPart(10, 19, True, 1), CodingPart(30, 36, False, 2), CodingPart(14, 16, False, 0)]}
    marks = dna_landmarks(Document("x", 10, np.zeros(30, dtype=np.uint8)), genes)
    at = {name: (sites[:, 0] + 10).tolist() for name, sites in marks.items()}
    # Phase 1: the codon starts at base 11; bases 14 and 15 are shared with another frame and left out.
    assert at["codon_1"] == [11, 17] and at["codon_2"] == [12, 18] and at["codon_3"] == [10, 13, 16]
    # The other strand is read from base 35 down; with phase 2 the codon starts at base 33.
    assert at["reverse_codon_1"] == [30, 33] and at["reverse_codon_2"] == [32, 35]
    assert at["reverse_codon_3"] == [31, 34]
    assert at["outside_genes"] == [*range(19, 30), 36, 37, 38, 39]


def test_without_genes_nothing_is_called_outside_of_them():
    assert dna_landmarks(Document("x", 0, np.zeros(9, dtype=np.uint8)), {}) == {}


def test_gff3_lines(tmp_path):
    path = tmp_path / "a.gff3"
    lines = [
        "##gff-version 3",
        "x\ts\tgene\t1\t9\t.\t+\t.\t",
        "x\ts\tCDS\t1\t9\t.\t-\t2\tID=a",
        "##FASTA",
        ">x",
    ]
    path.write_text("\n".join(lines))
    assert read_coding_parts(path) == {"x": [CodingPart(0, 9, False, 2)]}
    path.write_text("x\ts\tCDS\tone\t9\t.\t-\t2\t\n")
    with pytest.raises(InputError, match="line 1"):
        read_coding_parts(path)
    path.write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no CDS line"):
        read_coding_parts(path)


def test_how_far():
    assert how_far({"space_before_word": 0.9, "inside_word": 0.1}, "english") == "words"
    assert how_far({"space_before_word": 0.2, "inside_word": 0.19}, "english") == "early"
    assert how_far({"first_letter": 0.9, "inside_word": 0.6}, "english") == "early"
    assert how_far({"codon_1": 0.1, "codon_2": 0.5, "codon_3": 0.6}, "dna") == "codons"
    assert how_far({"codon_1": 0.3, "codon_2": 0.3, "codon_3": 0.4}, "dna") == "early"
    assert how_far({}, "dna") == "early"
    spaces = {"space_before_word": 0.9, "inside_word": 0.1}
    assert how_far(spaces | {"character_start": 0.4, "inside_character": 0.2}, "chinese") == "characters"
    assert how_far(spaces | {"character_start": 0.4, "inside_character": 0.21}, "chinese") == "early"
    assert how_far(spaces, "chinese") == "early"


def test_the_first_stage_that_follows_something_is_described():
    early = {"space_before_word": 0.6, "inside_word": 0.4}
    learned, note = in_words([early, {"space_before_word": 0.55, "inside_word": 0.09}], "english")
    assert (
        learned == "words"
        and note.startswith("Follows words: at stage 1 ")
        and "55 %" in note
        and "9 %" in note
    )
    learned, note = in_words([early], "code")
    assert learned == "early" and note.startswith("Early, not yet word-like: at stage 0 ")


def test_codon_positions_are_described():
    learned, note = in_words([{"codon_1": 0.453, "codon_2": 0.346, "codon_3": 0.38}], "dna")
    assert learned == "early" and "45 / 35 / 38 %" in note


def test_chinese_is_described_by_its_characters():
    learned, note = in_words([{"character_start": 0.09, "inside_character": 0.263}], "chinese")
    assert learned == "early" and note.startswith(
        "Early, not yet character-like: at stage 0 it starts a chunk at 9 %"
    )
    assert "9 % of the first bytes of characters and 26 % of the places inside characters" in note
