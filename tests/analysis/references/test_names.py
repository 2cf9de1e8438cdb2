"""Reference segmenters: units read off by hand, wrong names explained, offsets in bytes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.boundaries.extract import analyse
from analysis.inputs.reading import Sequence
from analysis.references.names import KINDS, is_reference, segmenter
from hnet_core.checkpoint import save_model
from hnet_core.errors import InputError
from tests.tiny import tiny_model


def units(name, data):
    """The pieces a segmenter cuts the data into."""
    data = data.encode() if isinstance(data, str) else data
    (track,) = segmenter(name).boundaries(data)
    starts = [*np.flatnonzero(track.is_boundary), len(data)]
    pieces = [data[a:b] for a, b in pairwise(starts)]
    assert b"".join(pieces) == data
    return [piece.decode("utf-8", "backslashreplace") for piece in pieces]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("words", "Can't stop: 3.14 Häuser", ["Can't", " ", "stop", ":", " ", "3.14", " ", "Häuser"]),
        ("words", "我们去", ["我", "们", "去"]),
        ("spaces", "a bc  d\ne", ["a", " bc", "  d", "\ne"]),
        ("characters", "aé你", ["a", "é", "你"]),
        ("fixed:3", "abcdefgh", ["abc", "def", "gh"]),
        ("codons", "ATGGCCTA", ["ATG", "GCC", "TA"]),
        ("codons:2", "ATGGCCTA", ["AT", "GGC", "CTA"]),
        ("kmers:3", "ACGTANNACGTAC", ["ACG", "TA", "N", "N", "ACG", "TAC"]),
        ("sentences", "He left. She (really?) stayed! OK", ["He left. ", "She (really?) ", "stayed! ", "OK"]),
        ("sentences", "At 3.4 etc. and U.S. law…", ["At 3.4 etc. and U.S. law…"]),
        ("sentences", 'He said "No." Then. \nA\r\nB', ['He said "No." ', "Then. \n", "A\r\n", "B"]),
        ("sentences", "他来了。我们走！好", ["他来了。", "我们走！", "好"]),
        ("sentences", "Why?! Yes... no. a", ["Why?! ", "Yes... no. a"]),
    ],
)
def test_units_by_hand(name, text, expected):
    assert units(f"ref:{name}", text) == expected


def test_python_tokens_and_syntax():
    source = "def f(ä, b):\n    return ä+b  # ü\n"
    pieces = units("ref:python-tokens", source)
    assert pieces[:9] == ["def ", "f", "(", "ä", ", ", "b", ")", ":", "\n"]
    assert pieces[9:] == ["    ", "return ", "ä", "+", "b  ", "# ü", "\n"]
    assert units("ref:python-statements", source) == ["def f(ä, b):\n    ", "return ä+b  # ü\n"]
    assert units("ref:python-nodes", "x = f(y)\n") == ["x = ", "f(", "y)\n"]
    assert units("ref:python-nodes", b"\xef\xbb\xbfx\n\ny") == ["\ufeff", "x\n\n", "y"]
    assert units("ref:python-tokens", b"\xef\xbb\xbfx\ny") == ["\ufeff", "x", "\n", "y"]


@pytest.mark.parametrize("kind", ["python-tokens", "python-nodes"])
@pytest.mark.parametrize("source", [b"def f(:\n  'a", b"x = (\n", b"\xff\xfe"])
def test_what_is_not_python_is_refused(kind, source):
    if kind == "python-tokens" and source.startswith(b"def"):
        source = b"'''abc"
    with pytest.raises(InputError, match="the input is not Python"):
        segmenter(f"ref:{kind}").boundaries(source)


@given(st.binary(min_size=1, max_size=50))
def test_any_bytes_have_words_sentences_and_characters(data):
    for name in ("words", "sentences", "characters", "spaces", "kmers:2"):
        assert units(f"ref:{name}", data)


def test_random_places_have_the_rate_and_repeat():
    data = bytes(20_000)
    (track,) = segmenter("ref:random:0.25").boundaries(data)
    assert track.is_boundary.mean() == pytest.approx(0.25, abs=0.015)
    (again,), (other,) = (segmenter(f"ref:random:0.25:{seed}").boundaries(data) for seed in (0, 1))
    assert np.array_equal(track.is_boundary, again.is_boundary)
    assert not np.array_equal(track.is_boundary, other.is_boundary)


def test_byte_pairs_are_learned_from_a_file(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("the cat the hat the mat " * 50)
    assert units(f"ref:bpe:262:{path}", "the mat xé")[0] == "the"
    assert "".join(units(f"ref:bpe:262:{path}", "the mat xé")) == "the mat x\\xc3\\xa9"
    with pytest.raises(InputError, match="ask for fewer"):
        segmenter(f"ref:bpe:5000:{path}")
    with pytest.raises(InputError, match="ref:bpe:VOCABULARY:FILE"):
        segmenter(f"ref:bpe:10:{path}")


def test_codons_of_annotated_genes(tmp_path):
    genome, genes = tmp_path / "x.fa", tmp_path / "x.gff3"
    genome.write_text(">r\nCCATGAAATAACCCCTTACATGG\n")
    rows = [("3", "11", "+"), ("16", "21", "-")]
    genes.write_text("".join(f"r\t.\tCDS\t{a}\t{b}\t.\t{s}\t0\tID={a}\n" for a, b, s in rows))
    expected = ["CC", "ATG", "AAA", "TAA", "CCCC", "TTA", "CAT", "GG"]
    assert units(f"ref:codons:{genes}:{genome}", "CCATGAAATAACCCCTTACATGG") == expected
    with pytest.raises(InputError, match="is not of that genome"):
        units(f"ref:codons:{genes}:{genome}", "ACGT")


def test_files_may_have_colons_in_their_names(tmp_path):
    """Times and drive letters: a file is what lies there."""
    folder = tmp_path / "10:30"
    folder.mkdir()
    (folder / "t.txt").write_text("the cat the hat the mat " * 50)
    assert units(f"ref:bpe:262:{folder}/t.txt", "the mat")[0] == "the"
    row = "\t".join(["1", "a", *"______", "_", "SpaceAfter=No"])
    (folder / "b:c.conllu").write_text(row + "\n" + row.replace("1", "2", 1).replace("a", "bc") + "\n")
    assert units(f"ref:gold:{folder}/b:c.conllu", "abc") == ["a", "bc"]
    (folder / "x.fa").write_text(">r\nCCATGAAATAACC\n")
    (folder / "x:y.gff3").write_text("r\t.\tCDS\t3\t11\t.\t+\t0\tID=a\n")
    expected = ["CC", "ATG", "AAA", "TAA", "CC"]
    assert units(f"ref:codons:{folder}/x:y.gff3:{folder}/x.fa", "CCATGAAATAACC") == expected
    with pytest.raises(InputError, match="cannot be read"):
        segmenter(f"ref:codons:{folder}/none.gff3:{folder}/x.fa")


@pytest.mark.parametrize("argument", ["m:30", "m:0.5"])
def test_a_model_s_folder_may_have_a_colon_in_its_name(tmp_path, argument):
    save_model(tmp_path / argument, tiny_model(1), {})
    assert len(units(f"ref:surprisal:{tmp_path}/{argument}:0.25", b"abcdefgh")) in (2, 3)
    assert units(f"ref:entropy:{tmp_path}/{argument}", b"abcdefgh")
    with pytest.raises(InputError, match="ref:entropy:MODEL"):
        segmenter(f"ref:entropy:{tmp_path}/{argument}:1.5")


def test_a_segmenter_is_analysed_like_a_model():
    result = analyse([Sequence("a", b"a b c"), Sequence("b", b"d e")], segmenter("ref:spaces"))
    assert result.chunks[["sequence", "start", "end"]].values.tolist() == [
        ["a", 0, 1],
        ["a", 1, 3],
        ["a", 3, 5],
        ["b", 0, 1],
        ["b", 1, 3],
    ]
    tracks = list(segmenter("ref:spaces").open().feed_all([b"a b", b"b c"]))
    assert tracks[0][0].byte[tracks[0][0].is_boundary].tolist() == [0, 1, 4]


def test_every_record_has_its_own_codons(tmp_path):
    """contig.2 is another sequence than contig.1, not another version of it; a gene ends where its contig does."""
    genome, genes = tmp_path / "x.fa", tmp_path / "x.gff3"
    genome.write_text(">contig.1\nCCATGAAATAA\n>contig.2\nGGATGAAATAA\n>contig.3\nTTATTTCATG\n")
    rows = ["contig.1\t.\tCDS\t3\t11\t.\t+\t0\tID=a\n", "contig.3\t.\tCDS\t1\t9\t.\t-\t0\tID=b\n"]
    genes.write_text("".join(rows))
    name = f"ref:codons:{genes}:{genome}"
    assert units(name, "CCATGAAATAA") == ["CC", "ATG", "AAA", "TAA"]
    assert units(name, "GGATGAAATAA") == ["GGATGAAATAA"]
    assert units(name, "TTATTTCATG") == ["TTA", "TTT", "CAT", "G"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ref:wrods", "did you mean ref:words"),
        ("ref:fixed", "ref:fixed:WIDTH"),
        ("ref:bpe:300", "ref:bpe:VOCABULARY:FILE"),
        ("ref:gold", "ref:gold:FILE"),
        ("ref:gold:", "ref:gold:FILE"),
        ("ref:entropy", "ref:entropy:MODEL"),
        ("ref:fixed:0", "ref:fixed:WIDTH"),
        ("ref:codons:3", "codons"),
        ("ref:random:2", "ref:random:RATE"),
        ("ref:words:1", "ref:words: Unicode words"),
    ],
)
def test_wrong_names_say_how_it_is_called(name, message):
    with pytest.raises(InputError, match=message):
        segmenter(name)


def test_names_of_references_are_no_names_of_models():
    assert all(is_reference(f"ref:{kind}") for kind in KINDS) and not is_reference("words")
