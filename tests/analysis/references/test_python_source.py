"""Python source in any encoding, with any ends of line: units start where Python sees them."""

import numpy as np
import pytest

from analysis.references.names import segmenter
from hnet_core.errors import InputError

KINDS = ["python-tokens", "python-nodes", "python-statements"]
LETTERS = {"latin-1": "é", "cp1252": "€", "utf-8": "𝄞", "shift_jis": "テ", "cp932": "テ", "euc-jp": "テ"}
LETTERS |= {"gbk": "中", "big5": "中", "gb18030": "é", "euc-kr": "가", "iso-2022-jp": "テ", "utf-7": "é"}


def offsets(kind, data):
    (track,) = segmenter(f"ref:{kind}").boundaries(data)
    return np.flatnonzero(track.is_boundary).tolist()


@pytest.mark.parametrize("encoding", LETTERS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_source_in_the_encoding_it_declares(encoding, end):
    two = 2 * LETTERS[encoding]
    lines = [f"# -*- coding: {encoding} -*-", f"s = '{two}' - x; y = 1", f"'{two}'; z = [s]", ""]
    source = end.join(lines).encode(encoding)
    at = {
        part: source.index(part.encode()) for part in ("s =", "- x", "x;", "; y", "y =", "z =", "[s]", "s]")
    }
    one = at["y ="] + 4
    second = one + 1 + len(end)
    assert source[second : second + 1] == b"'"
    # Nothing is found between the letters; what a statement starts with, all three find.
    assert offsets("python-statements", source) == [0, at["s ="], at["y ="], second, at["z ="]]
    nodes, tokens = set(offsets("python-nodes", source)), set(offsets("python-tokens", source))
    assert {at["s ="], at["x;"], at["y ="], one, second, at["z ="], at["[s]"], at["s]"]} < nodes < tokens
    assert {at["- x"], at["; y"]} < tokens - nodes


@pytest.mark.parametrize("kind", KINDS)
def test_lines_end_where_python_says(kind):
    """A form feed and what Unicode calls an end of line end none; a byte order mark and tabs are bytes like others."""
    source = "\ufeff# é\rif x:\r\n\ty = '\u2028\x85é'; z\n\x0cw = '''\r\n'''; v\x0c\n".encode()
    found = [source[a:].decode() for a in offsets(kind, source)]
    for start in ("if x", "y = '", "z\n", "w = '''", "v\x0c"):
        assert any(each.startswith(start) for each in found), start
    if kind == "python-statements":
        assert len(found) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"# coding: rot13\nx", "'rot13' is not a text encoding"),
        (b"# coding: no-such\nx", "unknown encoding"),
        (b"# coding: hex\nx", "not a text encoding"),
        (b"# coding: undefined\nx", "undefined encoding"),
        (b"x = 1\ny\ny = '\xe9'\n", "can't decode byte 0xe9"),
        (b"# coding: shift_jis\nx = '\x83'", "can't decode"),
        (b"\xef\xbb\xbf# coding: latin-1\nx", "encoding problem"),
    ],
)
def test_an_encoding_that_is_none_or_not_that_of_the_source_is_one_sentence(kind, source, reason):
    with pytest.raises(InputError, match="the input is not Python") as caught:
        segmenter(f"ref:{kind}").boundaries(source)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
