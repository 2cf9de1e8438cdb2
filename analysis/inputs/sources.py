"""Where sequences come from: a file or bytes, plain or compressed, never larger than a limit."""

import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from hnet_core.errors import InputError

MAX_BYTES = 256 * 2**20
"""Largest input, after decompression, unless the caller says otherwise."""

Kind = Literal["text", "dna"]
Source = bytes | str | Path
"""Bytes are the content; a str or Path is a file to read."""

_PIECE = 2**20
_XZ_MEMORY = 256 * 2**20  # xz -9 needs 65 MB to unpack; a forged header may ask for 4 GB
_GZIP_MAGIC = b"\x1f\x8b"
_XZ_MAGIC = b"\xfd7zXZ\x00"
_NOT_UNPACKED = {
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "zstd": re.compile(rb"[\x50-\x5f]\x2a\x4d\x18|\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"),
    "7z": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "rar": re.compile(rb"Rar!\x1a\x07"),
    "lz4": re.compile(rb"\x04\x22\x4d\x18"),
    "lzip": re.compile(rb"LZIP[\x00\x01]"),
    "compress": re.compile(rb"\x1f\x9d"),
}
"""Packed in ways that are not read -> how such data begins."""
_MAGIC = 10


@dataclass(frozen=True)
class Sequence:
    """One input: a text, a source file or a FASTA record. Every offset in every table is into `data`."""

    name: str
    data: bytes
    warnings: tuple[str, ...] = ()
    kind: Kind = "text"
    file: str = ""
    """The file it was read from, as a person names it: a path, one in a folder, or an archive and a member of it."""


class TooLarge(InputError):
    """An input is larger than the limit."""


def is_packed_otherwise(start: bytes) -> bool:
    """Whether content begins as what a packer made that read_bytes does not take."""
    return any(pattern.match(start) for pattern in _NOT_UNPACKED.values())


def source_name(source: Source, name: str | None, default: str) -> str:
    """What messages call the source: `name`, else the file's name, else `default`. Always valid Unicode."""
    shown = name or (default if isinstance(source, bytes) else Path(source).name)
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_bytes(source: Source, name: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content, decompressed when it is gzip or xz (by its first bytes, whatever the suffix). A pipe is read too.

    Decompression goes piece by piece and stops at `max_bytes`: no input makes it use more memory than that.
    Raises InputError for what is missing, empty, too large, cut off, damaged or packed otherwise; the message starts
    with `name`, or with the path where nothing could be read from it.
    """
    if isinstance(source, bytes):
        return _take(io.BytesIO(source), name, max_bytes)
    try:
        if Path(source).is_dir():
            raise InputError(f"{source}: this is a folder; name a file in it")
        with open(source, "rb") as file:
            return _take(file, name, max_bytes)
    except (OSError, ValueError) as err:  # ValueError: a path with a NUL byte
        reason = getattr(err, "strerror", None) or str(err)
        raise InputError(f"{source}: cannot be read ({reason}); check the path") from err


class _Rewound:
    """A file whose first bytes have been looked at and are read again. A pipe cannot go back by itself."""

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        self._file, self._start, self.is_pipe = file, start, not file.seekable()

    def read(self, size: int) -> bytes:
        start, self._start = self._start[:size], self._start[size:]
        return start or self._file.read(size)


def _take(file: BinaryIO, name: str, max_bytes: int) -> bytes:
    start = file.read(_MAGIC)
    for kind, pattern in _NOT_UNPACKED.items():
        if pattern.match(start):
            raise InputError(
                f"{name}: is packed by {kind}, which is not read; unpack it, or pack it by gzip or xz"
            )
    packed = start.startswith((_GZIP_MAGIC, _XZ_MAGIC))
    file = _Rewound(file, start)
    data = bytearray()
    for piece in _pieces(file, start, name):
        data += piece
        if len(data) > max_bytes:
            what = "decompresses to" if packed else "is"
            raise TooLarge(
                f"{name}: {what} more than the limit of {size_text(max_bytes)}; give a smaller part"
            )
    if not data:
        again = (
            "; a pipe gives its bytes once: where a call reads it twice, give a file" if file.is_pipe else ""
        )
        raise InputError(f"{name}: the input is empty; it needs at least one byte{again}")
    return bytes(data)


def content_pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The content piece by piece, decompressed as read_bytes does; as much as is asked for."""
    start = file.read(_MAGIC)
    return _pieces(_Rewound(file, start), start, name)


def _pieces(file: _Rewound, start: bytes, name: str) -> Iterator[bytes]:
    if start.startswith(_GZIP_MAGIC):
        return _gzip_pieces(file, name)
    if start.startswith(_XZ_MAGIC):
        return _xz_pieces(file, name)
    return iter(lambda: file.read(_PIECE), b"")


def size_text(n_bytes: int) -> str:
    """A limit as messages give it."""
    return f"{n_bytes / 2**20:g} MiB" if n_bytes >= 2**20 else f"{n_bytes} bytes"


def _gzip_pieces(file: _Rewound, name: str) -> Iterator[bytes]:
    """Pieces of all members, one after the other."""
    try:
        with gzip.GzipFile(fileobj=file) as members:
            while piece := members.read(_PIECE):
                yield piece
    except EOFError as err:
        raise InputError(f"{name}: the gzip data is cut off before its end; fetch the file again") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise InputError(f"{name}: the gzip data is damaged ({err}); fetch the file again") from err


def _xz_pieces(file: _Rewound, name: str) -> Iterator[bytes]:
    """Pieces of all streams, one after the other. lzma.LZMAFile has no memory limit, hence by hand."""
    rest = file.read(_PIECE)
    try:
        while rest:
            stream = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            while not stream.eof:
                if stream.needs_input and not rest:
                    raise InputError(f"{name}: the xz data is cut off before its end; fetch the file again")
                yield stream.decompress(rest, max_length=_PIECE)
                rest = file.read(_PIECE) if stream.needs_input and not stream.eof else b""
            # Padding of zero bytes may stand between streams and at the end.
            rest = (stream.unused_data or file.read(_PIECE)).lstrip(b"\x00")
    except lzma.LZMAError as err:
        raise InputError(f"{name}: the xz data is damaged ({err}); fetch the file again") from err
