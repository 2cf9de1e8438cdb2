"""Cut documents into rows and lay rows end to end, step by step, in an order that the data seed decides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hnet_core.data.corpus import Corpus
from hnet_core.encoding import BOS, EOS
from hnet_core.errors import InputError

_COMPLEMENT = np.frombuffer(bytes.maketrans(b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN"), dtype=np.uint8)


@dataclass(frozen=True)
class RowTable:
    """Where each row lies in the corpus. A row never reaches beyond its document.

    start, length   (R,) int64, in bytes of the corpus
    opens, closes   (R,) bool: the row holds its document's first / last byte
    """

    start: np.ndarray
    length: np.ndarray
    opens: np.ndarray
    closes: np.ndarray

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Position:
    """A place in the training data: the next row to read, in the shuffled order of its epoch."""

    epoch: int = 0
    row: int = 0


@dataclass(frozen=True)
class PackedRows:
    """Rows laid end to end, markers included.

    input_ids (T,) uint8   cu_seqlens (R + 1,) int64
    """

    input_ids: np.ndarray
    cu_seqlens: np.ndarray

    @property
    def n_predicted(self) -> int:
        """Positions that have a successor in their row."""
        return len(self.input_ids) - (len(self.cu_seqlens) - 1)

    def rows(self, low: int, high: int) -> "PackedRows":
        """Rows low to high alone."""
        start, end = self.cu_seqlens[[low, high]]
        return PackedRows(self.input_ids[start:end], self.cu_seqlens[low : high + 1] - start)


@dataclass(frozen=True)
class Step:
    """What one optimizer step reads.

    packs    this process's rows, packed      n_bytes  bytes of the corpus in the rows of all processes
    """

    packs: list[PackedRows]
    n_bytes: int


def cut_rows(offsets: np.ndarray, row_bytes: int) -> RowTable:
    """Cut every document into the fewest rows that fit row_bytes with both markers, as even as can be.

    Even rows, because a short last row would be read with next to no context.
    """
    lengths = np.diff(offsets)
    parts = -(-lengths // (row_bytes - 2))
    document = np.repeat(np.arange(len(lengths)), parts)
    part = np.arange(len(document)) - np.repeat(np.cumsum(parts) - parts, parts)
    low = part * lengths[document] // parts[document]
    high = (part + 1) * lengths[document] // parts[document]
    return RowTable(offsets[document] + low, high - low, part == 0, part == parts[document] - 1)


class RowStream:
    """Endless steps of packed rows. The same seed and position give the same steps, on any machine.

    index, count  of the processes that train: each reads every count-th row of a step, so a step is the same with any
                  number of them, and so is what `position` means
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        row_bytes: int,
        batch_bytes: int,
        data_seed: int,
        reverse_complement: float = 0.0,
        index: int = 0,
        count: int = 1,
    ) -> None:
        self._data = corpus.data
        self._rows = cut_rows(corpus.offsets, row_bytes)
        self._batch_bytes, self._seed, self._flip_share = batch_bytes, data_seed, reverse_complement
        self._index, self._count = index, count
        if len(corpus.data) < batch_bytes:
            raise InputError(
                f"the data holds {len(corpus.data)} bytes, less than one step of batch_bytes={batch_bytes}; "
                "give more data or --set batch_bytes=..."
            )
        # A step then has a row at least for every process: it ends less than a row short of batch_bytes.
        if count > 1 and batch_bytes < count * row_bytes:
            raise InputError(
                f"batch_bytes={batch_bytes} is less than a row of row_bytes={row_bytes} for each of {count} processes; "
                f"give batch_bytes={count * row_bytes} or more, or start fewer processes"
            )
        self.seek(Position())

    @property
    def position(self) -> Position:
        """The first row that no step has used yet."""
        return self._position

    def seek(self, position: Position) -> None:
        """Continue from `position`, as an earlier stream of the same data and seed reported it."""
        self._position = position
        self._shuffle()

    def next_step(self, micro_bytes: int) -> Step:
        """Rows of about batch_bytes in all; this process's share of them packed by about micro_bytes (at least one
        row each)."""
        rows = list(self._take(self._batch_bytes))
        packs, pending, size = [], [], 0
        for row, flipped in rows[self._index :: self._count]:
            ids = self._read(row, flipped)
            if pending and size + len(ids) > micro_bytes:
                packs.append(_pack(pending))
                pending, size = [], 0
            pending.append(ids)
            size += len(ids)
        return Step([*packs, _pack(pending)], sum(int(self._rows.length[row]) for row, _ in rows))

    def _shuffle(self) -> None:
        """Order and strand of every row in this epoch; both depend on nothing but the seed and the epoch."""
        rng = np.random.default_rng([self._seed, self._position.epoch])
        self._order = rng.permutation(len(self._rows))
        self._flipped = rng.random(len(self._rows)) < self._flip_share

    def _take(self, budget: int) -> Iterator[tuple[int, bool]]:
        """(row, whether it is read on the other strand), until the next row would exceed the budget."""
        size = 0
        while True:
            row = self._order[self._position.row]
            length = int(self._rows.length[row]) + int(self._rows.opens[row]) + int(self._rows.closes[row])
            if size and size + length > budget:
                return
            size += length
            flipped = bool(self._flipped[row])
            self._position = replace(self._position, row=self._position.row + 1)
            if self._position.row == len(self._rows):
                self._position = Position(self._position.epoch + 1, 0)
                self._shuffle()
            yield row, flipped

    def _read(self, row: int, flipped: bool) -> np.ndarray:
        """(n,) uint8: the bytes of a row and its document's markers."""
        start, length = self._rows.start[row], self._rows.length[row]
        data, opens, closes = (
            self._data[start : start + length],
            self._rows.opens[row],
            self._rows.closes[row],
        )
        if flipped:
            # Read on the other strand, a document begins at its last base.
            data, opens, closes = _COMPLEMENT[data[::-1]], closes, opens
        head, tail = [BOS] if opens else [], [EOS] if closes else []
        return np.concatenate((head, data, tail), dtype=np.uint8, casting="unsafe")


def _pack(rows: list[np.ndarray]) -> PackedRows:
    cu_seqlens = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return PackedRows(np.concatenate(rows), cu_seqlens)
