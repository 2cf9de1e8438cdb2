"""Syntax colours of Python source, one class a byte, for the text under the ribbons."""

import io
import keyword
import tokenize

import numpy as np

from app.kinds.domain import guess_domain, guess_language

LARGEST = 300_000
"""Bytes; longer source is shown in one colour."""
KEYWORD, STRING, COMMENT, NUMBER, NAME = 1, 2, 3, 4, 5
"""Classes; 0 is everything else. NAME is what a def or class defines."""
_KINDS = {tokenize.STRING: STRING, tokenize.COMMENT: COMMENT, tokenize.NUMBER: NUMBER}


def syntax(data: bytes, name: str) -> np.ndarray | None:
    """(len(data),) uint8 classes of what looks like Python and is it up to its last token; else None."""
    if len(data) > LARGEST or guess_domain(data, name) != "code":
        return None
    if guess_language(data, name) not in ("Python", ""):  # some other languages are tokens of Python, too
        return None
    try:
        return classes(data)
    except (tokenize.TokenError, SyntaxError, UnicodeError, ValueError):
        return None


def classes(data: bytes) -> np.ndarray:
    """(len(data),) uint8; raises what `tokenize` raises for source that is not Python."""
    text = data.decode("utf-8")
    lines = io.StringIO(text, newline="\n").readlines()
    starts = np.cumsum([0, *(len(line.encode()) for line in lines)])
    out, before = np.zeros(len(data), np.uint8), ""

    def offset(row: int, column: int) -> int:
        if row > len(lines):
            return len(data)
        return int(starts[row - 1]) + len(lines[row - 1][:column].encode())

    for token in tokenize.generate_tokens(iter([*lines, ""]).__next__):
        kind = _KINDS.get(token.type, 0)
        if tokenize.tok_name[token.type].startswith("FSTRING"):
            kind = STRING
        if token.type == tokenize.NAME:
            kind = KEYWORD if keyword.iskeyword(token.string) else NAME if before in ("def", "class") else 0
        if kind:
            out[offset(*token.start) : offset(*token.end)] = kind
        before = token.string
    return out
