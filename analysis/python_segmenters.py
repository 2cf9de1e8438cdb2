"""Units of Python source: tokens as `tokenize` finds them, and syntax nodes as `ast` does.

Each takes bytes and gives the rising byte offsets at which units start; source that Python refuses is an InputError.
"""

import ast
import io
import re
import tokenize
import warnings

import numpy as np

from hnet_core.errors import InputError

_BOM = b"\xef\xbb\xbf"
_NOT_UNITS = (tokenize.ENCODING, tokenize.ENDMARKER, tokenize.DEDENT)


def tokens(data: bytes) -> np.ndarray:
    """Tokens: names, numbers, strings, operators, comments, ends of lines, indents."""
    lines = _line_starts(data, rb"\n")
    skipped = len(_BOM) if data.startswith(_BOM) else 0
    starts, encoding = {0}, "utf-8"
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.ENCODING:
                encoding = token.string
            if token.type in _NOT_UNITS or not token.string:
                continue
            row, column = token.start
            first = lines[row - 1] + (skipped if row == 1 else 0)
            line = data[first : first + 4 * column].decode(encoding, "ignore")
            starts.add(first + len(line[:column].encode(encoding)))
    except (tokenize.TokenError, SyntaxError, UnicodeError) as err:
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the source: an invalid escape, `is` with a literal
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        raise _refused(err) from err
    lines = _line_starts(data, rb"\r\n|\r|\n")
    skipped = len(_BOM) if data.startswith(_BOM) else 0
    found = (node for node in ast.walk(tree) if isinstance(node, kind) and hasattr(node, "lineno"))
    starts = {lines[n.lineno - 1] + n.col_offset + (skipped if n.lineno == 1 else 0) for n in found}
    return _within(starts | {0}, data)


def _line_starts(data: bytes, end: bytes) -> list[int]:
    return [0, *(match.end() for match in re.finditer(end, data))]


def _within(starts: set[int], data: bytes) -> np.ndarray:
    at = np.array(sorted(starts), np.int64)
    return at[at < len(data)]


def _refused(err: Exception) -> InputError:
    line = getattr(err, "lineno", None) or (err.args[1][0] if isinstance(err, tokenize.TokenError) else None)
    where = f"line {line}: " if line else ""
    reason = getattr(err, "msg", None) or str(err.args[0] if err.args else err)
    return InputError(f"the input is not Python: {where}{reason}; give Python source, or another segmenter")
