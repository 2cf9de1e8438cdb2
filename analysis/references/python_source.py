"""Units of Python source: tokens as `tokenize` finds them, and syntax nodes as `ast` does.

Each takes bytes and gives the rising byte offsets at which units start; source that Python refuses is an InputError.
The bytes are read in the encoding that the source declares (UTF-8 without a word), as Python reads them, and offsets
are into the bytes as they are.
"""

import ast
import codecs
import io
import re
import tokenize
import warnings
from itertools import accumulate

import numpy as np

from hnet_core.errors import InputError

_BOM = b"\xef\xbb\xbf"
_NOT_UNITS = (tokenize.ENCODING, tokenize.ENDMARKER, tokenize.DEDENT)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
"""A form feed, or what Unicode calls an end of line, ends none of Python's."""
_REFUSALS = (tokenize.TokenError, SyntaxError, LookupError, ValueError, RecursionError, MemoryError)


class _Source:
    """Source as Python reads it.

    lines  (K,) texts, all ended by LF, the last by nothing where the source ends so
    """

    def __init__(self, data: bytes) -> None:
        first_lines = re.split(rb"\r\n|\r|\n", data, maxsplit=2)[:2]
        encoding, _ = tokenize.detect_encoding(io.BytesIO(b"\n".join(first_lines) + b"\n").readline)
        self._skipped = len(_BOM) if data.startswith(_BOM) else 0
        body = data[self._skipped :]
        text = body.decode("utf-8" if self._skipped else encoding)
        lines = [line for line in _LINE.findall(text) if line]
        self.lines = [re.sub(r"\r\n?", "\n", line) for line in lines]
        self._line_starts = [0, *accumulate(map(len, lines))]
        self._offsets = _character_offsets(text, body, "utf-8" if self._skipped else encoding)

    def offset(self, row: int, column: int) -> int:
        """The byte at which a character stands; row from 1, column in characters from 0."""
        if row > len(self.lines):
            return self._skipped + int(self._offsets[-1])
        return self._skipped + int(
            self._offsets[self._line_starts[row - 1] + min(column, len(self.lines[row - 1]))]
        )

    def character(self, row: int, column: int) -> int:
        """The column in characters of a column in bytes of UTF-8, which is how `ast` counts."""
        line = self.lines[row - 1]
        return column if line.isascii() else len(line.encode("utf-8")[:column].decode("utf-8", "ignore"))


def tokens(data: bytes) -> np.ndarray:
    """Tokens: names, numbers, strings, operators, comments, ends of lines, indents."""
    starts = {0}
    try:
        source = _Source(data)
        for token in tokenize.generate_tokens(iter([*source.lines, ""]).__next__):
            if token.type not in _NOT_UNITS and token.string:
                starts.add(source.offset(*token.start))
    except _REFUSALS as err:
        raise _refused(err) from err
    return _within(starts, data)


def nodes(data: bytes) -> np.ndarray:
    """Expressions, statements, arguments: wherever a node of the syntax tree starts."""
    return _node_starts(data, ast.AST)


def statements(data: bytes) -> np.ndarray:
    """Statements alone, nested ones too."""
    return _node_starts(data, ast.stmt)


def _node_starts(data: bytes, kind: type[ast.AST]) -> np.ndarray:
    try:
        source = _Source(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the source: an invalid escape, `is` with a literal
            tree = ast.parse("".join(source.lines))
    except _REFUSALS as err:
        raise _refused(err) from err
    found = (node for node in ast.walk(tree) if isinstance(node, kind) and hasattr(node, "lineno"))
    starts = {source.offset(n.lineno, source.character(n.lineno, n.col_offset)) for n in found}
    return _within(starts | {0}, data)


def _character_offsets(text: str, data: bytes, encoding: str) -> np.ndarray:
    """(characters + 1,) where each starts in the data, and where the data ends."""
    if len(text) == len(data):
        return np.arange(len(data) + 1)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
        return np.concatenate([[0], np.cumsum(sizes)])
    # Whatever the encoding: a character stands behind the byte that completed the one before.
    decoder, starts, behind = codecs.getincrementaldecoder(encoding)(), [], 0
    for at in range(len(data)):
        made = len(decoder.decode(data[at : at + 1], at + 1 == len(data)))
        if made:
            starts += [behind] * made
            behind = at + 1
    if len(starts) != len(text):
        raise ValueError(f"{encoding} cannot be read byte by byte")
    return np.array([*starts, len(data)])


def _within(starts: set[int], data: bytes) -> np.ndarray:
    at = np.array(sorted(starts), np.int64)
    return at[at < len(data)]


def _refused(err: Exception) -> InputError:
    line = getattr(err, "lineno", None) or (err.args[1][0] if isinstance(err, tokenize.TokenError) else None)
    where = f"line {line}: " if line else ""
    if isinstance(err, UnicodeError):
        reason = str(err)
    else:
        reason = getattr(err, "msg", None) or str(err.args[0] if err.args else type(err).__name__)
    return InputError(f"the input is not Python: {where}{reason}; give Python source, or another segmenter")
