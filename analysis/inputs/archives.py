"""Zip and tar archives -> their members in memory: nothing is unpacked to disk, never more than a limit of bytes."""

import bz2
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from analysis.inputs.sources import TooLarge, content_pieces, size_text
from hnet_core.errors import InputError

MAX_MEMBERS = 100_000
"""An archive of more members is refused."""
_PIECE = 2**20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
"""Of zip. LZMA is left out: its header says how much memory it takes, up to 4 GB."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_SUFFIXES = ("", ".zip")
"""Office documents and programs are zip too; they hold no inputs."""
_BZIP2 = b"BZh"
_PACKED = (_BZIP2, b"\x1f\x8b", b"\xfd7zXZ\x00")
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, NotImplementedError, RuntimeError, OverflowError, IndexError, KeyError, struct.error),
)
"""What the standard library raises over an archive that is damaged."""


@dataclass(frozen=True)
class Member:
    """A file in an archive. data: its bytes; None where it is hidden or no plain file (a link, a device)."""

    name: str
    data: bytes | None


def is_tar(start: bytes) -> bool:
    """Whether content begins like a tar archive."""
    return start[257:262] == b"ustar"


def archive_kind(path: Path) -> str:
    """ "zip" or "tar", plain or compressed, by how a regular file begins; "" for every other file."""
    try:
        with open(path, "rb") as file:
            if file.read(4) in _ZIP:
                return "zip" if path.suffix.lower() in _ZIP_SUFFIXES else ""
            file.seek(0)
            return "tar" if is_tar(_Stream(_unpacked(file, "", 0)).read(512)) else ""
    except (InputError, OSError, ValueError, EOFError):
        # What reads it says what is wrong with it: bzip2 is read of tar alone.
        return "tar" if path.name.lower().endswith((".tar.bz2", ".tbz2", ".tbz")) else ""


def members(path: Path, kind: str, shown: str, max_bytes: int) -> Iterator[Member]:
    """The files of an archive, in its order.

    max_bytes  over all members together, and over what a compressed tar unpacks to
    Raises InputError for what is encrypted, damaged, cut off or packed in a way that is not read; TooLarge.
    """
    read = _zip_members if kind == "zip" else _tar_members
    try:
        yield from read(path, shown, max_bytes)
    except InputError:
        raise
    except _BROKEN as err:
        reason = " ".join(str(err).split()) or type(err).__name__
        raise InputError(f"{shown}: the {kind} archive is damaged ({reason}); fetch it again") from err


def is_hidden(name: str) -> bool:
    """Whether a file or a folder on its way begins with a dot, or is macOS's own."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _zip_members(path: Path, shown: str, max_bytes: int) -> Iterator[Member]:
    left = max_bytes
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_MEMBERS:
            raise InputError(f"{shown}: holds {len(infos)} members, at most {MAX_MEMBERS} are read; split it")
        for info in infos:
            if info.is_dir():
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            if is_hidden(info.filename) or kind not in (0, stat.S_IFREG):
                yield Member(info.filename, None)
                continue
            if info.flag_bits & 1:
                raise InputError(f"{shown}: {info.filename} is encrypted; unpack it with its password first")
            if info.compress_type not in _METHODS:
                raise InputError(
                    f"{shown}: {info.filename} is packed by zip method {info.compress_type}, which is not read; "
                    "pack it by deflate"
                )
            with archive.open(info) as file:
                data = _bounded(file, left, shown, max_bytes)
            left -= len(data)
            yield Member(info.filename, data)


def _tar_members(path: Path, shown: str, max_bytes: int) -> Iterator[Member]:
    left, count = max_bytes, 0
    with open(path, "rb") as file:
        stream = _Stream(_unpacked(file, shown, max_bytes))
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for info in archive:
                count += 1
                if count > MAX_MEMBERS:
                    raise InputError(f"{shown}: holds more than {MAX_MEMBERS} members; split it")
                if info.isdir():
                    continue
                if is_hidden(info.name) or not info.isreg():
                    yield Member(info.name, None)
                    continue
                data = _bounded(archive.extractfile(info), left, shown, max_bytes)
                left -= len(data)
                yield Member(info.name, data)
        for _ in stream.pieces:  # to the end, where the checksum of what is compressed stands
            pass


def _bounded(file: IO[bytes], left: int, shown: str, limit: int) -> bytes:
    data = bytearray()
    while piece := file.read(_PIECE):
        data += piece
        if len(data) > left:
            raise TooLarge(
                f"{shown}: unpacks to more than the limit of {size_text(limit)}; give a smaller part"
            )
    return bytes(data)


class _Header(tarfile.TarInfo):
    """A member's header; one that is damaged, or missing, is an error, where tarfile takes it for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # the block of zeros that ends an archive
            raise
        except tarfile.HeaderError as err:
            raise tarfile.ReadError(f"cut off, or a header that is none: {err}") from err


class _Stream:
    """Pieces as a file; never more at a time than there is, whatever a header says."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = filter(None, pieces), b""

    def read(self, size: int) -> bytes:
        parts, wanted = [], size
        while wanted > 0:
            self.rest = self.rest or next(self.pieces, b"")
            if not self.rest:
                break
            parts.append(self.rest[:wanted])
            self.rest = self.rest[wanted:]
            wanted -= len(parts[-1])
        return b"".join(parts)


def _unpacked(file: BinaryIO, shown: str, max_bytes: int) -> Iterator[bytes]:
    """The pieces of a tar archive; of a compressed one at most max_bytes, and what headers and padding take."""
    start = file.read(6)
    file.seek(0)
    is_packed, total = start.startswith(_PACKED), 0
    for piece in _bz2_pieces(file, shown) if start.startswith(_BZIP2) else content_pieces(file, shown):
        total += len(piece)
        if is_packed and total > max_bytes + _PIECE:
            raise TooLarge(
                f"{shown}: unpacks to more than the limit of {size_text(max_bytes)}; give a smaller part"
            )
        yield piece


def _bz2_pieces(file: BinaryIO, shown: str) -> Iterator[bytes]:
    """Pieces of all streams, one after the other."""
    rest, stream = file.read(_PIECE), None
    while rest or (stream and not stream.eof):
        stream = stream if stream and not stream.eof else bz2.BZ2Decompressor()
        if stream.needs_input and not rest:
            raise InputError(f"{shown}: the bzip2 data is cut off before its end; fetch the file again")
        try:
            yield stream.decompress(rest, max_length=_PIECE)
        except OSError as err:
            raise InputError(f"{shown}: the bzip2 data is damaged ({err}); fetch the file again") from err
        rest = stream.unused_data if stream.eof else b""
        if not rest and (stream.eof or stream.needs_input):
            rest = file.read(_PIECE)
