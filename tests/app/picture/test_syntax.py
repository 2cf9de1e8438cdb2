"""Syntax colours fall on the bytes of the tokens, in every language that the page knows."""

import re

import pytest

from app.kinds.languages import SUFFIXES
from app.picture import syntax

CODE = '# é\ndef area(x):\r\n\treturn f"{x} b" + 12  # π\nclass A:\n    s = """a\nb"""\n'
SCRIPT = "// é\nexport function area(x) {\n  const y = `π` + 12;\n  return y; /* b */\n}\n"


def seen(text: str, language: str, kind: int) -> list[str]:
    data = text.encode()
    marks = bytes(0x31 if each == kind else 0x30 for each in syntax.classes(text, language))
    return [data[m.start() : m.end()].decode() for m in re.finditer(b"1+", marks)]


def test_classes_of_python_by_hand():
    assert seen(CODE, "Python", syntax.KEYWORD) == ["def", "return", "class"]
    assert seen(CODE, "Python", syntax.NAME) == ["area", "A"]
    assert seen(CODE, "Python", syntax.NUMBER) == ["12"]
    assert seen(CODE, "Python", syntax.COMMENT) == ["# é", "# π"]
    assert seen(CODE, "Python", syntax.STRING)[-1] == '"""a\nb"""'


def test_classes_of_javascript_by_hand():
    assert seen(SCRIPT, "JavaScript", syntax.KEYWORD) == ["export", "function", "const", "return"]
    assert seen(SCRIPT, "JavaScript", syntax.COMMENT) == ["// é", "/* b */"]
    assert seen(SCRIPT, "JavaScript", syntax.NUMBER) == ["12"]
    assert seen(SCRIPT, "JavaScript", syntax.STRING) == ["`π`"]


@pytest.mark.parametrize("language", SUFFIXES)
def test_every_language_of_the_page_has_a_lexer(language):
    assert len(syntax.classes("x = 1\n", language)) == 6


def test_a_source_is_known_by_its_name():
    assert syntax.syntax(b"x = 1\n", "x.py").tolist() == [0, 0, 0, 0, syntax.NUMBER, 0]
    assert syntax.syntax(b"let x = 1;\n", "x.rs")[0] == syntax.KEYWORD


@pytest.mark.parametrize("data", [b"It was the best of times.", b"def f():\n\tx = \xff\n", b"", b"\x00"])
def test_what_is_no_source_has_no_colours(data):
    assert syntax.syntax(data, "x.txt") is None


def test_long_source_has_no_colours():
    line = b"x = 1\n"
    assert syntax.syntax(line, "x.py") is not None
    assert syntax.syntax(line * (syntax.LARGEST // len(line) + 1), "x.py") is None


def test_source_on_which_a_lexer_is_slow_has_no_colours():
    """Pygments looks from every line break of C to the end."""
    assert syntax.classes("\n" * 100_000, "C", seconds=0.2) is None
