"""All training documents as one array on disk, so that a restart opens them at once instead of decoding them again."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnet_core.data.documents import read_documents

_FORMAT = 1


@dataclass(frozen=True)
class Corpus:
    """Documents laid end to end.

    data         (n,) uint8, memory-mapped; without start and end markers
    offsets      (documents + 1,) int64: document i is data[offsets[i] : offsets[i + 1]]
    fingerprint  hash of the content; two corpora with the same one train the same
    """

    data: np.ndarray
    offsets: np.ndarray
    fingerprint: str

    @property
    def n_documents(self) -> int:
        return len(self.offsets) - 1


def open_corpus(
    paths: Sequence[str | Path],
    domain: str,
    cache: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Corpus:
    """The corpus of `paths`, decoded into a folder of `cache` unless one made from the same files is there.

    A file counts as the same while its path, size and modification time are. Raises InputError as read_documents.
    """
    source = {
        "format": _FORMAT,
        "domain": domain,
        "include": list(include),
        "exclude": list(exclude),
        "files": [_stamp(path) for path in paths],
    }
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]
    folder = cache / key
    if not folder.exists():
        _decode(folder, read_documents(paths, domain, include=include, exclude=exclude))
    data = np.load(folder / "data.npy", mmap_mode="r")
    return Corpus(data, np.load(folder / "offsets.npy"), (folder / "fingerprint").read_text())


def _stamp(path: str | Path) -> list:
    """What tells an unchanged file or directory (a path that does not exist is reported by the reader)."""
    path = Path(path).absolute()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stats = [(str(p), p.stat()) for p in files if p.exists()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _decode(folder: Path, documents) -> None:
    """Write data.npy, offsets.npy and fingerprint, then give the folder its name in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        pieces = [document.data for document in documents]
        offsets = np.concatenate(([0], np.cumsum([len(piece) for piece in pieces], dtype=np.int64)))
        data = np.concatenate(pieces)
        digest = hashlib.sha256(data.data)
        digest.update(offsets.tobytes())
        np.save(partial / "data.npy", data)
        np.save(partial / "offsets.npy", offsets)
        (partial / "fingerprint").write_text(digest.hexdigest())
        os.replace(partial, folder)
    except OSError:
        # Another training that shares the cache may have finished the same folder first.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
