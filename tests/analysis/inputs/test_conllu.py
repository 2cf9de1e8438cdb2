"""Treebanks by hand: offsets, white space, multiword tokens, empty nodes, documents, lines that are wrong."""

import lzma

import numpy as np
import pytest

from analysis.inputs.conllu import is_conllu, read_conllu
from analysis.references.gold import gold_segmentation
from analysis.references.names import segmenter
from hnet_core.errors import InputError


def line(number, form, misc="_"):
    return "\t".join([number, form, *"______", "_", misc])


BANK = "\n".join(
    [
        "# newdoc id = a",
        "# text = Ich cannot gehen.",
        line("1", "Ich"),
        line("2-3", "cannot"),
        line("2", "can"),
        line("3", "not"),
        line("3.1", "elided"),
        line("4", "gehen", "Gloss=x|SpaceAfter=No"),
        line("5", "."),
        "",
        "# newpar",
        line("1-2", "Zum", "SpaceAfter=No"),
        line("1", "Zu"),
        line("2", "dem"),
        line("3", "Ö", r"SpacesAfter=\s\s\n"),
        line("4", "3"),
        "",
        "# newdoc id = b",
        line("1", "我", "SpaceAfter=No"),
        line("2", "去", r"SpacesAfter=\u00A0"),
        line("3", "a b", "SpaceAfter=No"),
        "",
    ]
)


def test_offsets_by_hand():
    first, second = read_conllu(BANK.encode(), "bank")
    assert first.sequence.data.decode() == "Ich cannot gehen.\nZumÖ  \n3"
    assert first.words.tolist() == [0, 4, 11, 16, 18, 21, 26]
    assert first.seams.tolist() == [7] and first.unplaced == 1  # can|not; Zum is not Zu + dem
    assert second.sequence.data.decode() == "我去\xa0a b"
    assert second.words.tolist() == [0, 3, 8] and second.sequence.name == "bank:2"
    words, parts = gold_segmentation([first, second]), gold_segmentation([first, second], True)
    assert words.starts[0].tolist() == [4, 11, 16, 18, 21, 26]
    assert parts.starts[0].tolist() == [4, 7, 11, 16, 18, 21, 26]
    assert words.lengths == (27, 11)


def test_a_file_of_any_line_ends_compressed_or_not(tmp_path):
    path = tmp_path / "x_y-ud-test.conllu.xz"
    path.write_bytes(lzma.compress(BANK.replace("\n", "\r\n").encode("utf-8-sig")))
    plain = read_conllu(BANK.encode())
    for a, b in zip(read_conllu(path), plain, strict=True):
        assert a.sequence.data == b.sequence.data and np.array_equal(a.words, b.words)
    assert is_conllu(path) and not is_conllu("x.xz") and is_conllu("x.conllu")


def test_gold_words_as_a_reference_segmenter(tmp_path):
    path = tmp_path / "bank.conllu"
    path.write_text(BANK)
    cut = segmenter(f"ref:gold:{path}")
    first, second = read_conllu(path)
    for text in (first, second):
        (track,) = cut.boundaries(text.sequence.data)
        assert np.flatnonzero(track.is_boundary).tolist() == text.words.tolist()
    with pytest.raises(InputError, match="is not a text of that treebank"):
        cut.boundaries(b"another")


def text_of(*lines):
    return [text.sequence.data.decode() for text in read_conllu("\n".join(lines).encode())]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        # White space that is said stands as it is; where none is, a paragraph begins a line.
        ([line("1", "a", r"SpacesAfter=\n\n"), "", "# newpar", line("1", "b")], "a\n\nb"),
        ([line("1", "a"), "", "# newpar id = 2", line("1", "b")], "a\nb"),
        ([line("1", "a", "SpaceAfter=No"), "", "# newpar", line("1", "b")], "a\nb"),
        ([line("1", "a"), line("2", "b", "NewPar=Yes"), line("3", "c")], "a\nb c"),
        ([line("1", "a", r"SpacesAfter=\s\n"), line("2", "b", "NewPar=Yes")], "a \nb"),
        ([line("1", "a"), "", "# newpar", line("1", "b", r"SpacesBefore=\n\n")], "a\n\nb"),
        ([line("1", "a", "SpaceAfter=No"), line("2", "b", r"SpacesBefore=\t")], "a\tb"),
        (["# newpar", line("1", "a", r"SpacesBefore=\s\s"), line("2", "b", r"SpacesAfter=\s\n")], "  a b"),
        ([line("1", "a", "SpacesAfter="), line("2", "b")], "ab"),
        ([line("1", "10 000", r"SpacesInToken=10\u00A0000"), line("2", "b")], "10\xa0000 b"),
        ([line("1", "a", r"SpacesAfter=\uD83D\uDE00\p\\"), line("2", "b")], "a😀|\\b"),
        (
            [
                line("1-2", "am", "NewPar=Yes"),
                line("1", "an", "NewPar=Yes"),
                line("2", "dem"),
                line("3", "b"),
            ],
            "am b",
        ),
    ],
)
def test_white_space_by_hand(lines, text):
    assert text_of(*lines, "") == [text]


def test_a_paragraph_without_words_is_that_of_the_next_word():
    assert text_of(line("1", "a"), "", "# newpar", line("0.1", "x"), line("1", "b"), "") == ["a\nb"]
    assert text_of(line("1", "a"), "", "# newdoc", "# newpar", line("1", "b"), "") == ["a", "b"]


def test_seams_of_a_token_with_white_space_inside():
    spaced = line("1-2", "dasselbe", r"SpacesInToken=das\nselbe")
    [text] = read_conllu(
        "\n".join([spaced, line("1", "das"), line("2", "selbe"), line("3", "x"), ""]).encode()
    )
    assert text.sequence.data == b"das\nselbe x" and text.unplaced == 0
    assert text.words.tolist() == [0, 10] and text.seams.tolist() == [4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line("1", "a", r"SpacesAfter=\uD83D") + "\n", r"line 1: .*uD83D.* half of a surrogate pair"),
        (line("1", "a") + "\n" + line("2", "b", r"SpacesBefore=\uDE00\uD83D"), "line 2: .*surrogate"),
        (line("1", "a", r"SpacesInToken=a\uDE00"), "line 1: .*surrogate"),
        ("# a\n1\tx\n", "line 2: '1 x' is not a CoNLL-U token"),
        (line("x", "y"), "line 1: 'x y"),
        (line("1-x", "y"), "line 1: '1-x y"),
        (line("1", ""), "line 1: the token has no form"),
        ("# only comments\n", "holds no token"),
        ("not a treebank at all", "line 1: 'not a treebank at all' is not"),
    ],
)
def test_what_is_no_treebank_is_refused_with_its_line(text, message):
    with pytest.raises(InputError, match=message):
        read_conllu(text.encode())
    with pytest.raises(InputError, match="is not UTF-8"):
        read_conllu(b"1\t\xff\n")
