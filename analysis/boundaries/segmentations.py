"""Where one model cuts some sequences, in the coordinates that comparisons are made in.

Everything is counted over slots: the bytes that could start a chunk, all but the first of each sequence (which
always does), the sequences laid end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.boundaries.chunks import Track
from analysis.boundaries.extract import MARKS_PIECE, Analysis, BoundaryModel, Progress, check, track_pieces
from analysis.inputs import sources
from hnet_core.errors import InputError


@dataclass(frozen=True)
class Segmentation:
    """Boundaries of one model and stage in some sequences, the forced start of each dropped.

    lengths  bytes of each sequence
    starts   for each sequence its boundaries, rising, in [1, length)
    seen     for each sequence the positions the stage sees, but the first
    prob     for each sequence the boundary probability of those
    """

    name: str
    stage: int
    lengths: tuple[int, ...]
    starts: tuple[np.ndarray, ...]
    seen: tuple[np.ndarray, ...]
    prob: tuple[np.ndarray, ...]

    def part(self, places: Sequence[int]) -> "Segmentation":
        """The same of some of the sequences."""
        fields = {
            name: tuple(getattr(self, name)[i] for i in places)
            for name in ("lengths", "starts", "seen", "prob")
        }
        return replace(self, **fields)

    @property
    def n_slots(self) -> int:
        return int(self.edges[-1])

    @cached_property
    def edges(self) -> np.ndarray:
        """(S + 1,) int64: the slots of sequence i are edges[i] .. edges[i + 1] - 1."""
        return np.concatenate([[0], np.cumsum([max(n - 1, 0) for n in self.lengths])]).astype(np.int64)

    @cached_property
    def marks(self) -> np.ndarray:
        """(n_slots,) bool: a chunk starts here."""
        marks = np.zeros(self.n_slots, bool)
        marks[self._slots(self.starts)] = True
        return marks

    @property
    def seen_slots(self) -> np.ndarray:
        """(K,) slots the stage sees, rising; all of them at stage 0. Not kept: of a genome it would take 40 MB."""
        return self._slots(self.seen)

    @property
    def n_seen(self) -> int:
        return sum(map(len, self.seen))

    @property
    def records(self) -> np.ndarray:
        """(K,) the sequence of each position the stage sees."""
        return np.repeat(np.arange(len(self.seen)), [len(at) for at in self.seen])

    @cached_property
    def ranking(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Order, ranks and levels of p, from one sort.

        order  (n_slots,) int32: 0 at the likeliest slot, 1 at the next, equals from the left; n_slots where unseen
        ranks  (K,) float64: rank of p among the slots seen of its sequence, equals sharing theirs, minus their mean
        levels (K,) float32: -p from the likeliest slot to the least likely
        """
        prob = np.concatenate(self.prob).astype(np.float32) + np.float32(0)  # -0 -> 0
        # Bits of non-negative floats rise with them. With the index below them one sort settles both, fast.
        keys = np.sort(
            (~prob.view(np.uint32)).astype(np.uint64) << 32 | np.arange(len(prob), dtype=np.uint64)
        )
        likeliest, bits = (keys & 0xFFFFFFFF).astype(np.int64), (keys >> 32).astype(np.uint32)
        order = np.full(self.n_slots, self.n_slots, np.int32)
        order[self.seen_slots[likeliest]] = np.arange(len(prob), dtype=np.int32)
        levels = -prob[likeliest]
        if len(self.seen) > 1:
            by_record = np.argsort(self.records[likeliest], kind="stable")
            likeliest, bits = likeliest[by_record], bits[by_record]
        ends = np.cumsum([0, *(len(at) for at in self.seen)])
        starts = np.concatenate([[True], bits[1:] != bits[:-1]])[: len(bits)]
        starts[ends[:-1][np.diff(ends) > 0]] = True
        first = np.flatnonzero(starts)
        last = np.append(first[1:], len(bits))[: len(first)]
        place = np.searchsorted(ends, first, side="right")
        ranks = np.empty(len(prob))
        ranks[likeliest] = np.repeat((ends[place] + ends[place - 1] - first - last) / 2, last - first)
        return order, ranks, levels

    def _slots(self, positions: tuple[np.ndarray, ...]) -> np.ndarray:
        offsets = self.edges[:-1] - 1
        parts = [at + offset for at, offset in zip(positions, offsets, strict=True)]
        return np.concatenate(parts or [np.empty(0, np.int64)])


def segmentation_of(
    name: str, starts: Sequence[np.ndarray], lengths: Sequence[int], stage: int = 0
) -> Segmentation:
    """A segmentation that has boundaries and no probabilities: 1 at a boundary, 0 elsewhere, every byte seen."""
    seen = tuple(np.arange(1, max(n, 1)) for n in lengths)
    prob = []
    for at, n in zip(starts, lengths, strict=True):
        prob.append(np.zeros(max(n - 1, 0), np.float32))
        prob[-1][at - 1] = 1
    return Segmentation(name, stage, tuple(lengths), tuple(starts), seen, tuple(prob))


def cut(
    sequences: Sequence[sources.Sequence], model: BoundaryModel, progress: Progress | None = None
) -> list[Segmentation]:
    """The boundaries of every stage of a model, without the tables of an Analysis."""
    check(sequences, model)
    data = [sequence.data for sequence in sequences]
    pieces: list[list[list[Track]]] = [[[] for _ in data] for _ in range(model.n_stages)]
    for index, tracks in track_pieces(data, model, progress, MARKS_PIECE):
        for stage, track in enumerate(tracks):
            pieces[stage][index].append(track)
    return [_joined(model.name, stage, data, each) for stage, each in enumerate(pieces)]


def _joined(name: str, stage: int, data: Sequence[bytes], pieces: Sequence[Sequence[Track]]) -> Segmentation:
    """One stage, from the pieces of each input; the first position, a forced start, is dropped."""
    byte, prob, is_boundary = (
        [_whole([getattr(track, column) for track in each])[1:] for each in pieces]
        for column in ("byte", "prob", "is_boundary")
    )
    starts = tuple(at[start] for at, start in zip(byte, is_boundary, strict=True))
    return Segmentation(name, stage, tuple(map(len, data)), starts, tuple(byte), tuple(prob))


def _whole(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def positions(analysis: Analysis, stage: int) -> Segmentation:
    """The boundaries of one stage of an analysis."""
    if not 0 <= stage < analysis.model.n_stages:
        raise InputError(
            f"model {analysis.model.name} has no stage {stage}; it has stages 0 to {analysis.model.n_stages - 1}"
        )
    tracks = [stages[stage] for stages in analysis.tracks]
    return Segmentation(
        name=analysis.model.name,
        stage=stage,
        lengths=tuple(len(sequence.data) for sequence in analysis.sequences),
        starts=tuple(track.starts[1:] for track in tracks),
        seen=tuple(track.byte[1:] for track in tracks),
        prob=tuple(track.prob[1:] for track in tracks),
    )
