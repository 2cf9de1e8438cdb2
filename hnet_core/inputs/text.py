"""The text of a file from any program: its lines as editors count them. Binary data is refused."""

import io
from typing import BinaryIO

from hnet_core.errors import InputError

_HEAD = 65536


def plain_text(data: bytes, shown: str) -> bytes:
    """The data without a byte order mark; InputError when it is no text in an ASCII-like encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{shown}: this is UTF-16 text; save it as UTF-8")
    if b"\x00" in data[:_HEAD]:
        raise InputError(f"{shown}: this is binary data, not sequences; give a FASTA or GenBank file")
    return data.removeprefix(b"\xef\xbb\xbf")


def lines_of(text: bytes) -> io.TextIOWrapper:
    """Lines as editors count them: ended by LF, CRLF or CR alone. What is not UTF-8 shows as \\xNN."""
    return stream_lines(io.BytesIO(text), "")


def stream_lines(stream: BinaryIO, shown: str) -> io.TextIOWrapper:
    """lines_of a file that is open, without its byte order mark; InputError as plain_text."""
    buffered = io.BufferedReader(stream, _HEAD)
    plain_text(buffered.peek(_HEAD), shown)
    return io.TextIOWrapper(buffered, "utf-8-sig", errors="backslashreplace", newline=None)
