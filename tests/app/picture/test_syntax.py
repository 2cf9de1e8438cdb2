"""Syntax colours fall on the bytes of the tokens, and only where source is Python."""

import keyword
import re

import pytest

from app.picture import syntax

CODE = '# é\ndef area(x):\r\n\treturn f"{x} b" + 12  # π\nclass A:\n    s = """a\nb"""\n'


def test_classes_by_hand():
    data = CODE.encode()
    found = syntax.classes(data)

    def seen(kind: int) -> list[str]:
        marks = bytes(0x31 if each == kind else 0x30 for each in found)
        return [data[m.start() : m.end()].decode() for m in re.finditer(b"1+", marks)]

    assert seen(syntax.KEYWORD) == ["def", "return", "class"] and all(
        map(keyword.iskeyword, ["def", "return"])
    )
    assert seen(syntax.NAME) == ["area", "A"] and seen(syntax.NUMBER) == ["12"]
    assert seen(syntax.COMMENT) == ["# é", "# π"] and seen(syntax.STRING)[-1] == '"""a\nb"""'


@pytest.mark.parametrize(
    "data", [b"It was the best of times.", b'def f(:\n  x = """', b"def f():\n\tx = \xff\n", b"", b"\x00"]
)
def test_what_is_no_python_has_no_colours(data):
    assert syntax.syntax(data, "x.txt") is None


def test_long_source_has_no_colours():
    line = b"x = 1\n"
    assert syntax.syntax(line, "x.py") is not None
    assert syntax.syntax(line * (syntax.LARGEST // len(line) + 1), "x.py") is None
