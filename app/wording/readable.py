"""Bytes as text: for the eye, and for files from which the bytes can be had again."""

_NAMED = {0x09: "⇥", 0x0A: "↵", 0x20: "␣"}
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_RUNS = "=+-@＝＋－＠"
"""A spreadsheet runs a cell that starts with one of these."""


def visible(data: bytes) -> str:
    """Bytes as one line in which everything leaves a trace, for the eye; never holds a surrogate."""
    out = []
    for char in data.decode("utf-8", "surrogateescape"):
        point = ord(char)
        if 0xDC80 <= point <= 0xDCFF:
            out.append(f"‹{point - 0xDC00:02X}›")
        elif point in _NAMED:
            out.append(_NAMED[point])
        else:
            out.append(char if char.isprintable() else f"‹U+{point:04X}›")
    return "".join(out)


def exact(data: bytes) -> str:
    """Bytes as one line of text from which they can be had again.

    UTF-8 as it is, but for \\\\ (a backslash), \\n, \\t, \\r, \\xNN (a byte that is no UTF-8, or a control character of
    ASCII) and \\uNNNN, \\UNNNNNNNN (any other character that cannot be seen).
    """
    out = []
    for char in data.decode("utf-8", "surrogateescape"):
        point = ord(char)
        if 0xDC80 <= point <= 0xDCFF:
            out.append(f"\\x{point - 0xDC00:02x}")
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        else:
            out.append(char if char.isprintable() else _escaped(char))
    return "".join(out)


def _escaped(char: str) -> str:
    point = ord(char)
    return f"\\x{point:02x}" if point < 0x80 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def cell(data: bytes) -> str:
    """`exact`, with a first character that a spreadsheet would run as an escape too."""
    text = exact(data)
    return _escaped(text[0]) + text[1:] if text[:1] and text[0] in _RUNS else text
