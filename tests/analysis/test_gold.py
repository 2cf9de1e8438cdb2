"""Treebanks by hand: offsets, white space, multiword tokens, empty nodes, documents, lines that are wrong."""

import lzma

import numpy as np
import pytest

from analysis.gold import gold_segmentation, is_conllu, read_conllu
from analysis.segmenters import segmenter
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
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
