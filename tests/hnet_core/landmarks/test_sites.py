"""Words, characters and codon positions, on cases small enough to read."""

import numpy as np
import pytest

from hnet_core.data.documents import Document
from hnet_core.errors import InputError
from hnet_core.landmarks.coding import CodingPart, read_coding_parts
from hnet_core.landmarks.sites import dna_landmarks, landmarks, python_landmarks, text_landmarks
from hnet_core.landmarks.verdict import followed, how_far, in_words


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


def gff3(*lines):
    return "".join("\t".join(line.split()) + "\n" for line in lines)


def coding_parts(tmp_path, text, *names):
    (tmp_path / "a.gff3").write_text(text)
    return read_coding_parts(tmp_path / "a.gff3", names)


def test_coding_parts_of_gff3_lines(tmp_path):
    text = gff3("x s gene 1 9 . + .", "x s CDS 1 9 . - 2 ID=a", "y s CDS 1 9 . + 0 ID=b")
    assert coding_parts(tmp_path, text + "##FASTA\n>x\n", "x") == {"x": [CodingPart(0, 9, False, 2)]}


def test_names_meet_as_in_the_analysis(tmp_path):
    text = gff3("1 s CDS 1 9 . + 0 ID=a", "NC_1 s CDS 4 9 . + 0 ID=b")
    found = coding_parts(tmp_path, text, "chr1", "gi|7|ref|NC_1.2|")
    assert found == {"chr1": [CodingPart(0, 9, True, 0)], "gi|7|ref|NC_1.2|": [CodingPart(3, 9, True, 0)]}


@pytest.mark.parametrize("strand", ["+", "-"])
def test_parts_without_a_phase_go_on_in_the_codon_before(tmp_path, strand):
    lines = [f"x s CDS {at} . {strand} PHASE ID=a" for at in ("1 10", "21 31", "41 49")]
    phases = ["0", "2", "0"] if strand == "+" else ["1", "0", "0"]
    given = gff3(*(line.replace("PHASE", phase) for line, phase in zip(lines, phases, strict=True)))
    missing = gff3(*(line.replace("PHASE", ".") for line in lines))
    found = coding_parts(tmp_path, missing, "x")
    assert found == coding_parts(tmp_path, given, "x")
    assert [part.phase for part in found["x"]] == list(map(int, phases))


def test_what_has_no_reading_frame_has_no_codon_position(tmp_path):
    lines = ["x s CDS 1 6 . ? 0 ID=a", "x s CDS 7 11 . + 0 ID=b;pseudo=true", "x s CDS 10 12 . + 0 ID=c"]
    text = gff3(*lines)
    genes = coding_parts(tmp_path, text, "x")
    marks = dna_landmarks(Document("x", 0, np.zeros(15, dtype=np.uint8)), genes)
    at = {name: sites[:, 0].tolist() for name, sites in marks.items() if len(sites)}
    assert at == {"codon_1": [9], "codon_2": [10], "codon_3": [11], "outside_genes": [12, 13, 14]}


def test_gtf_stop_codons_and_rings_are_read_too(tmp_path):
    text = (
        'x\ts\tCDS\t1\t6\t.\t+\t0\ttranscript_id "t";\nx\ts\tstop_codon\t7\t9\t.\t+\t0\ttranscript_id "t";\n'
    )
    assert coding_parts(tmp_path, text, "x") == {"x": [CodingPart(0, 9, True, 0)]}
    ring = gff3("x s region 1 20 . + . ID=x;Is_circular=true", "x s CDS 17 25 . + 0 ID=a")
    assert coding_parts(tmp_path, ring, "x") == {
        "x": [CodingPart(16, 20, True, 0), CodingPart(0, 5, True, 2)]
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\ts\tCDS\tone\t9\t.\t-\t2\t\n", "line 1"),
        ("# nothing\n", "holds no CDS line"),
        (gff3("y s CDS 1 9 . + 0 ID=a"), "is of another genome: its sequences are 'y', the input's are 'x'"),
        (gff3("x s gene 1 9 . + . ID=a", "y s CDS 1 9 . + 0 ID=a"), "no CDS line lies on 'x'"),
        ("LOCUS       X  9 bp\n", "is a GenBank file"),
    ],
)
def test_annotations_that_say_nothing_of_the_records_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=r"a\.gff3") as caught:
        coding_parts(tmp_path, text, "x")
    assert message in str(caught.value)


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
