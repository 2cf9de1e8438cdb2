"""Read training and evaluation data: text, JSON lines and FASTA files, plain or compressed, into documents."""

import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hnet_core.data.regions import RegionFilter
from hnet_core.errors import InputError
from hnet_core.inputs.fasta import fasta_records
from hnet_core.json_text import parsed
from hnet_core.suffixes import FASTA_SUFFIXES, JSONL_SUFFIXES, suffix_of

DOMAINS = ("text", "english", "chinese", "code", "dna")
EVERY_SECOND = {"even": 0, "odd": 1}
"""Which documents of a file are read, counted from 0: halves of the same kinds of text, with no document in both."""
LONGEST_N_RUN = 100
"""Longer runs of N are gaps of an assembly: they are left out, and the sequence around them is two documents."""
_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Document:
    """One text, or one unbroken piece of a sequence record.

    name   title or path; for FASTA the first word of the record's header
    start  0-based offset of the first byte inside the record (0 for text)
    data   (n,) uint8, n > 0
    """

    name: str
    start: int
    data: np.ndarray


def read_documents(
    paths: Sequence[str | Path],
    domain: str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    documents: str = "",
) -> Iterator[Document]:
    """Every document of the files and directories in `paths`, in a fixed order.

    domain            "dna" reads FASTA; the others read .jsonl ("text" of each line) and plain UTF-8 text
    include, exclude  DNA only: record names (wildcards allowed) or NAME:START-END, 1-based and closed
    documents         text only: every second document of each file, a name in EVERY_SECOND; empty: all
    raises InputError for a path that is missing, empty or not what the domain needs
    """
    if documents and (documents not in EVERY_SECOND or domain == "dna"):
        raise InputError(
            f"documents={documents!r}: must be one of {', '.join(EVERY_SECOND)}, for data that is no DNA (whose parts "
            "are chosen by record or region)"
        )
    first, step = (EVERY_SECOND[documents], 2) if documents else (0, 1)
    chosen = RegionFilter(include, exclude)
    n_documents = 0
    for path in _files(paths, domain):
        reader = _read_fasta(path, chosen) if domain == "dna" else _read_text(path)
        for document in islice(reader, first, None, step):
            n_documents += 1
            yield document
    chosen.check_all_used()
    if not n_documents:
        raise InputError(
            f"{', '.join(map(str, paths))}: no byte to read; give files that hold {_wanted(domain)}"
        )


def middle_parts(documents: Sequence[Document], n_bytes: int) -> list[Document]:
    """About n_bytes of the documents: of each the same share, from its middle."""
    share = min(1.0, n_bytes / max(1, sum(len(d.data) for d in documents)))
    parts = []
    for document in documents:
        keep = max(1, round(len(document.data) * share))
        low = (len(document.data) - keep) // 2
        parts.append(Document(document.name, document.start + low, document.data[low : low + keep]))
    return parts


@contextmanager
def open_data(path: Path) -> Iterator[BinaryIO]:
    """Open a plain, .gz or .xz file as bytes; a damaged or unreadable one raises InputError."""
    try:
        with _OPENERS.get(path.suffix.lower(), open)(path, "rb") as stream:
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as err:
        raise InputError(f"{path}: damaged or cut short ({err}); fetch it again") from err
    except OSError as err:
        raise InputError(f"{path}: cannot be read ({err.strerror or err})") from err


def _files(paths: Sequence[str | Path], domain: str) -> list[Path]:
    """Files as given, in order; a directory stands for what it holds, sorted, hidden files left out."""
    files = []
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path}: there is no such file or directory; --data takes {_wanted(domain)}")
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p, path)]
            usable = [
                p for p in inside if (suffix_of(p) in FASTA_SUFFIXES) == (domain == "dna") and _readable(p)
            ]
            if not usable:
                raise InputError(f"{path}: the directory holds no {_wanted(domain)}")
            if len(usable) < len(inside):
                print(f"{path}: {len(inside) - len(usable)} of {len(inside)} files left out", file=sys.stderr)
            files += usable
        elif (suffix_of(path) in FASTA_SUFFIXES) != (domain == "dna"):
            raise InputError(f"{path}: the recipe's domain is {domain!r}, which reads {_wanted(domain)}")
        else:
            files.append(path)
    return files


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _readable(path: Path) -> bool:
    """Whether a file of a directory opens and starts like text."""
    try:
        with open_data(path) as stream:
            head = stream.read(8192)
    except InputError:
        return False
    return b"\0" not in head and _is_utf8_head(head)


def _is_utf8_head(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as err:
        return err.start >= len(head) - 3
    return True


def _wanted(domain: str) -> str:
    if domain == "dna":
        return "FASTA files (.fa, .fasta, .fna, .ffn; also .gz and .xz)"
    return "UTF-8 text or .jsonl files with a 'text' field (also .gz and .xz)"


def _read_text(path: Path) -> Iterator[Document]:
    if suffix_of(path) in JSONL_SUFFIXES:
        yield from _read_jsonl(path)
        return
    with open_data(path) as stream:
        data = stream.read()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as err:
        raise InputError(
            f"{path}: byte {err.start} is not UTF-8; text must be UTF-8 (convert it, or leave the file out)"
        ) from err
    if b"\0" in data:
        raise InputError(
            f"{path}: byte {data.index(0)} is NUL, so it is a binary file; give text (or leave the file out)"
        )
    if data:
        yield Document(str(path), 0, np.frombuffer(data, dtype=np.uint8))


def _read_jsonl(path: Path) -> Iterator[Document]:
    with open_data(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = parsed(line)
                # Lone surrogates can be written in JSON but not in UTF-8; they become U+FFFD's stand-in "?".
                data = record["text"].encode("utf-8", errors="replace")
            except (ValueError, KeyError, TypeError, AttributeError) as err:
                raise InputError(
                    f"{path}, line {number}: must be a JSON object with a 'text' string"
                ) from err
            if data:
                name = str(record.get("title") or record.get("path") or f"{path.name}:{number}")
                yield Document(name, 0, np.frombuffer(data, dtype=np.uint8))


def _read_fasta(path: Path, chosen: RegionFilter) -> Iterator[Document]:
    """The chosen regions of every record, cut at long runs of N."""
    with open_data(path) as stream:
        for record in fasta_records(stream, str(path)):
            data = np.frombuffer(record.data, dtype=np.uint8)
            for start, end in chosen.regions(record.name, len(data)):
                for low, high in _between_gaps(data[start:end] == ord("N")):
                    yield Document(record.name, start + low, data[start + low : start + high])


def _between_gaps(is_n: np.ndarray) -> list[tuple[int, int]]:
    """Half-open pieces of (n,) between runs of more than LONGEST_N_RUN True."""
    edges = np.flatnonzero(np.diff(is_n, prepend=False, append=False))
    gaps = edges.reshape(-1, 2)
    gaps = gaps[gaps[:, 1] - gaps[:, 0] > LONGEST_N_RUN]
    starts, ends = [0, *gaps[:, 1].tolist()], [*gaps[:, 0].tolist(), len(is_n)]
    return [(low, high) for low, high in zip(starts, ends, strict=True) if low < high]
