"""Where sequences come from: a file or bytes, plain or compressed, never larger than a limit."""

import gzip
import io
import lzma
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
_XZ_MAGIC = b"\xfd7zXZ\x00"


@dataclass(frozen=True)
class Sequence:
    """One input: a text, a source file or a FASTA record. Every offset in every table is into `data`."""

    name: str
    data: bytes
    warnings: tuple[str, ...] = ()
    kind: Kind = "text"


def source_name(source: Source, name: str | None, default: str) -> str:
    """What messages call the source: `name`, else the file's name, else `default`. Always valid Unicode."""
    shown = name or (default if isinstance(source, bytes) else Path(source).name)
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_bytes(source: Source, name: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content, decompressed when it is gzip or xz (by its first bytes, whatever the suffix).

    Decompression goes piece by piece and stops at `max_bytes`: no input makes it use more memory than that.
    Raises InputError for what is missing, empty, too large, cut off or damaged; the message starts with
    `name`, or with the path where nothing could be read from it.
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


def _take(file: BinaryIO, name: str, max_bytes: int) -> bytes:
    magic = file.read(len(_XZ_MAGIC))
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        pieces, packed = _gzip_pieces(file, name), True
    elif magic == _XZ_MAGIC:
        pieces, packed = _xz_pieces(file, name), True
    else:
        pieces, packed = iter(lambda: file.read(_PIECE), b""), False
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > max_bytes:
            what = "decompresses to" if packed else "is"
            raise InputError(f"{name}: {what} more than the limit of {_size(max_bytes)}; give a smaller part")
    if not data:
        raise InputError(f"{name}: the input is empty; it needs at least one byte")
    return bytes(data)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:g} MiB" if n_bytes >= 2**20 else f"{n_bytes} bytes"


def _gzip_pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Pieces of all members, one after the other."""
    try:
        with gzip.GzipFile(fileobj=file) as members:
            while piece := members.read(_PIECE):
                yield piece
    except EOFError as err:
        raise InputError(f"{name}: the gzip data is cut off before its end; fetch the file again") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise InputError(f"{name}: the gzip data is damaged ({err}); fetch the file again") from err


def _xz_pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
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
