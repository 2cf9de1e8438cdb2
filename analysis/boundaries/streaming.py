"""Tables of inputs of any length, some rows at a time, so that a genome's table need not fit in memory."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pandas as pd

from analysis.boundaries.chunks import Track
from analysis.boundaries.extract import BoundaryModel, Progress, track_pieces
from analysis.inputs import sources
from analysis.inputs.bases import reverse_complement

ROWS = 500_000
"""Positions that come together at a time, about."""
STRANDS = ("+", "-")

_SPOOLED = np.dtype([("byte", np.int64), ("prob", np.float32), ("is_boundary", np.bool_)])


@dataclass(frozen=True)
class Piece:
    """Consecutive positions of one stage in one sequence, rising.

    byte (K,) offsets into the sequence as it is given, on either strand   prob (K,)   is_boundary (K,) bool
    On the reverse strand a boundary belongs to the base that starts a chunk in that strand's direction: the chunk's
    last base in the coordinates of the sequence.
    """

    index: int
    stage: int
    byte: np.ndarray
    prob: np.ndarray
    is_boundary: np.ndarray


Pieces = Iterator[Piece]
Worker = Callable[[Sequence[sources.Sequence], str, Progress | None], Pieces]
"""(sequences, strand, progress) -> their pieces; by sequence, then stage, then byte."""


def local_worker(model: BoundaryModel) -> Worker:
    """The model in this process."""
    return lambda sequences, strand, progress: stage_pieces(sequences, model, strand, progress)


def stage_pieces(
    sequences: Sequence[sources.Sequence],
    model: BoundaryModel,
    strand: str = "+",
    progress: Progress | None = None,
) -> Pieces:
    """Every position each stage sees; by sequence, then stage, then byte.

    strand  "+", or "-" for the reverse complement, in the coordinates of the sequence
    The model gives all stages of a window at once; what has to wait its turn waits in a temporary file.
    """
    data = [sequence.data for sequence in sequences]
    read = [reverse_complement(each) for each in data] if strand == "-" else data
    with ExitStack() as open_files:
        current, spools = None, {}
        for index, tracks in track_pieces(read, model, progress):
            if index != current:
                yield from _unspooled(spools, current, data)
                current, spools = index, {}
            for stage, track in enumerate(tracks):
                if stage == 0 and strand == "+":
                    yield Piece(index, 0, track.byte, track.prob, track.is_boundary)
                else:
                    if stage not in spools:
                        spools[stage] = _Spool(len(data[index]), strand == "-", open_files)
                    spools[stage].write(track)
        yield from _unspooled(spools, current, data)


def _unspooled(spools: "dict[int, _Spool]", index: int | None, data: Sequence[bytes]) -> Pieces:
    for stage, spool in sorted(spools.items()):
        for rows in spool.read():
            yield Piece(index, stage, rows["byte"], rows["prob"], rows["is_boundary"])


class _Spool:
    """Positions of one stage of one sequence, kept in a file once they are many; read once, rising."""

    def __init__(self, length: int, reverse: bool, open_files: ExitStack) -> None:
        self.length, self.reverse, self.rows = length, reverse, 0
        # Small ones, of thousands of short records, stay in memory.
        self.file: BinaryIO = tempfile.SpooledTemporaryFile(2**16)  # noqa: SIM115 - closed with open_files
        open_files.callback(self.file.close)

    def write(self, track: Track) -> None:
        rows = np.empty(len(track.byte), _SPOOLED)
        rows["byte"], rows["prob"], rows["is_boundary"] = track.byte, track.prob, track.is_boundary
        self.file.write(rows.tobytes())
        self.rows += len(rows)

    def read(self) -> Iterator[np.ndarray]:
        starts = range(0, self.rows, ROWS)
        for start in reversed(starts) if self.reverse else starts:
            self.file.seek(start * _SPOOLED.itemsize)
            rows = np.frombuffer(self.file.read(ROWS * _SPOOLED.itemsize), _SPOOLED)
            if self.reverse:
                rows = rows[::-1].copy()
                rows["byte"] = self.length - 1 - rows["byte"]
            yield rows
        self.file.close()


def batches(pieces: Pieces) -> Iterator[list[Piece]]:
    """Pieces together, up to about ROWS positions."""
    batch, size = [], 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.byte)
        if size >= ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def boundary_rows(batch: Sequence[Piece], names: pd.CategoricalDtype) -> pd.DataFrame:
    """A row a position, schema.BOUNDARIES. names: of all sequences, so that the tables of all batches have one type."""
    sizes = [len(piece.byte) for piece in batch]
    return pd.DataFrame(
        {
            "sequence": pd.Categorical.from_codes(np.repeat([p.index for p in batch], sizes), dtype=names),
            "stage": np.repeat(np.array([p.stage for p in batch], np.int16), sizes),
            "byte": np.concatenate([p.byte for p in batch]),
            "prob": np.concatenate([p.prob for p in batch]),
            "is_boundary": np.concatenate([p.is_boundary for p in batch]),
        }
    )


_START = np.dtype([("index", np.int64), ("stage", np.int16), ("byte", np.int64), ("prob", np.float32)])


class ChunkRows:
    """Batches of pieces -> chunks. Where a chunk's other end is not known yet, it waits for the next batch."""

    def __init__(self, lengths: Sequence[int], names: pd.CategoricalDtype, strand: str) -> None:
        self.lengths, self.names, self.reverse = np.array(lengths, np.int64), names, strand == "-"
        self.last = np.empty(0, _START)

    def feed(self, batch: Sequence[Piece]) -> pd.DataFrame:
        """The chunks that are complete with these pieces, schema.CHUNKS."""
        rows = np.empty(sum(int(p.is_boundary.sum()) for p in batch), _START)
        rows["index"] = np.concatenate([np.full(p.is_boundary.sum(), p.index) for p in batch])
        rows["stage"] = np.concatenate([np.full(p.is_boundary.sum(), p.stage) for p in batch])
        rows["byte"] = np.concatenate([p.byte[p.is_boundary] for p in batch])
        rows["prob"] = np.concatenate([p.prob[p.is_boundary] for p in batch])
        return self._reversed(rows) if self.reverse else self._forward(rows)

    def finish(self) -> pd.DataFrame:
        """The last chunk, once all pieces have been read."""
        last, self.last = self.last, self.last[:0]
        if self.reverse:
            return self._table(last[:0], last["byte"][:0], last["byte"][:0])
        return self._table(last, last["byte"], self.lengths[last["index"]])

    def _forward(self, rows: np.ndarray) -> pd.DataFrame:
        """A chunk ends where the next of its sequence and stage starts; the last ends with the sequence."""
        rows = np.concatenate([self.last, rows])
        self.last, rows, after = rows[-1:], rows[:-1], rows[1:]
        end = np.where(_same(rows, after), after["byte"], self.lengths[rows["index"]])
        return self._table(rows, rows["byte"], end)

    def _reversed(self, rows: np.ndarray) -> pd.DataFrame:
        """A chunk ends with the base it is read from; it begins behind the one before, or with the sequence."""
        before = np.concatenate([self.last if len(self.last) else np.full(1, -1, _START), rows])[:-1]
        self.last = rows[-1:] if len(rows) else self.last
        start = np.where(_same(before, rows), before["byte"] + 1, 0)
        return self._table(rows, start, rows["byte"] + 1)

    def _table(self, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "sequence": pd.Categorical.from_codes(rows["index"], dtype=self.names),
                "stage": rows["stage"],
                "start": start,
                "end": end,
                "n_bytes": end - start,
                "prob": rows["prob"],
            }
        )


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row, of one stage of one sequence."""
    return (a["index"] == b["index"]) & (a["stage"] == b["stage"])
