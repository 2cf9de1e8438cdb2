"""A folder as a few files of bounded size, and back: what comes home from a machine that returns only such."""

import io
import tarfile
from pathlib import Path

from hnet_core.errors import InputError

LARGEST = 15 * 2**20
"""Bytes a part."""
MOST = 8


class _Parts(io.RawIOBase):
    """A stream that is written into files of LARGEST bytes each."""

    def __init__(self, folder: Path, largest: int, most: int) -> None:
        self.folder, self.largest, self.most = folder, largest, most
        self.paths: list[Path] = []
        self.left = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        data, done = memoryview(data).cast("B"), 0
        while done < len(data):
            if not self.left:
                if len(self.paths) == self.most:
                    raise InputError(
                        f"{self.folder}: more than {self.most} parts of {self.largest} bytes; leave something out"
                    )
                self.paths.append(self.folder / f"part{len(self.paths):02d}.tar.gz")
                self.paths[-1].write_bytes(b"")
                self.left = self.largest
            piece = data[done : done + self.left]
            with self.paths[-1].open("ab") as file:
                file.write(piece)
            done, self.left = done + len(piece), self.left - len(piece)
        return len(data)


def pack(folder: Path, into: Path, largest: int = LARGEST, most: int = MOST) -> list[Path]:
    """Write everything below `folder` as parts into another folder; InputError where it takes too many of them."""
    into.mkdir(parents=True, exist_ok=True)
    stream = _Parts(into, largest, most)
    with tarfile.open(fileobj=stream, mode="w|gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and into not in path.parents:
                archive.add(path, path.relative_to(folder).as_posix(), recursive=False)
    return stream.paths


def unpack(parts: list[Path], into: Path) -> None:
    """Put the parts together again, in the order of their names, below `into`."""
    whole = io.BytesIO(b"".join(path.read_bytes() for path in sorted(parts)))
    with tarfile.open(fileobj=whole, mode="r:gz") as archive:
        archive.extractall(into, filter="data")
