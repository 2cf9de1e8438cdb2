"""What a model returned for each sequence -> boundary, chunk and summary tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from analysis import schema


class Track(Protocol):
    """One stage over one sequence: the positions it sees (hnet_core.boundaries.StageTrack)."""

    byte: np.ndarray
    """(K,) int64 offsets into the sequence, rising from 0."""
    prob: np.ndarray
    """(K,) boundary probability."""
    is_boundary: np.ndarray
    """(K,) bool; the first is always True."""


@dataclass(frozen=True)
class CompactTrack:
    """A Track to be kept: 5 bytes a position where every byte is seen, else 9.

    offsets  (K,) int32, or int64 in a sequence of 2^31 bytes and more; None where every byte is seen
    """

    prob: np.ndarray
    is_boundary: np.ndarray
    offsets: np.ndarray | None

    @staticmethod
    def of(track: Track, every: bool, length: int) -> "CompactTrack":
        """The same track, or part of one. every: it sees every byte; length: of its sequence."""
        offsets = None if every else np.asarray(track.byte, np.int32 if length < 2**31 else np.int64)
        return CompactTrack(np.asarray(track.prob, np.float32), np.asarray(track.is_boundary, bool), offsets)

    @staticmethod
    def joined(parts: "Sequence[CompactTrack]") -> "CompactTrack":
        """One track from consecutive parts, at least one."""
        first, *others = parts
        if not others:
            return first
        offsets = None if first.offsets is None else np.concatenate([part.offsets for part in parts])
        prob, is_boundary = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("prob", "is_boundary")
        )
        return CompactTrack(prob, is_boundary, offsets)

    @property
    def byte(self) -> np.ndarray:
        """(K,) int64 offsets into the sequence."""
        return np.arange(len(self.prob)) if self.offsets is None else self.offsets.astype(np.int64)

    @property
    def starts(self) -> np.ndarray:
        """(M,) int64: where its chunks start."""
        at = np.flatnonzero(self.is_boundary)
        return at if self.offsets is None else self.offsets[at].astype(np.int64)


def boundary_table(names: Sequence[str], tracks: Sequence[Sequence[Track]]) -> pd.DataFrame:
    """A row for each position each stage sees, schema.BOUNDARIES; by sequence, then stage, then byte.

    names   one a sequence, all different
    tracks  for each sequence one track a stage, outermost first
    """
    flat = [(i, s, track) for i, stages in enumerate(tracks) for s, track in enumerate(stages)]
    sizes = [len(track.byte) for _, _, track in flat]
    return pd.DataFrame(
        {
            "sequence": pd.Categorical.from_codes(
                np.repeat([i for i, _, _ in flat], sizes), categories=list(names)
            ),
            "stage": np.repeat(np.array([s for _, s, _ in flat], np.int16), sizes),
            "byte": _joined([track.byte for _, _, track in flat], np.int64),
            "prob": _joined([track.prob for _, _, track in flat], np.float32),
            "is_boundary": _joined([track.is_boundary for _, _, track in flat], np.bool_),
        }
    )


def _joined(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.asarray(a, dtype) for a in arrays]) if arrays else np.empty(0, dtype)


def chunk_table(boundaries: pd.DataFrame, lengths: Sequence[int]) -> pd.DataFrame:
    """Cut every sequence at the boundaries of every stage, schema.CHUNKS.

    boundaries  as boundary_table makes it
    lengths     bytes of each sequence, in the order of the categories of `sequence`
    returns     a row a chunk; at every stage the chunks of a sequence tile it without gap or overlap
    """
    starts = boundaries[boundaries["is_boundary"].to_numpy()]
    codes, stage = starts["sequence"].cat.codes.to_numpy(), starts["stage"].to_numpy()
    start = starts["byte"].to_numpy()
    # A chunk ends where the next of the same sequence and stage starts; the last ends with the sequence.
    end = np.asarray(lengths, np.int64)[codes]
    follows = (codes[1:] == codes[:-1]) & (stage[1:] == stage[:-1])
    end[:-1] = np.where(follows, start[1:], end[:-1])
    return pd.DataFrame(
        {
            "sequence": starts["sequence"].array,
            "stage": stage,
            "start": start,
            "end": end,
            "n_bytes": end - start,
            "prob": starts["prob"].to_numpy(),
        }
    )


def track_summary(tracks: Sequence[Sequence[Track]], lengths: Sequence[int]) -> pd.DataFrame:
    """schema.SUMMARY over all sequences, as summary_table makes it, without the tables.

    tracks  for each sequence one track a stage; lengths: bytes of each sequence
    """
    rows = []
    for stage, each in enumerate(zip(*tracks, strict=True)):
        n_positions = sum(len(track.prob) for track in each)
        n_chunks = sum(int(np.count_nonzero(track.is_boundary)) for track in each)
        total = sum(float(track.prob.sum(dtype=np.float64)) for track in each)
        rows.append((stage, sum(lengths), n_positions, n_chunks, sum(lengths) / n_chunks))
        rows[-1] += (n_chunks / n_positions, total / n_positions)
    return schema.check(
        pd.DataFrame(rows, columns=list(schema.SUMMARY)).astype(schema.SUMMARY), schema.SUMMARY
    )


def summary_table(boundaries: pd.DataFrame, chunks: pd.DataFrame, by_sequence: bool = False) -> pd.DataFrame:
    """Counts and rates of every stage over all sequences (schema.SUMMARY), or of each (schema.SEQUENCE_SUMMARY).

    bytes_per_chunk  input bytes to one chunk of this stage
    rate             chunks to one position this stage sees (at stage 0 a byte, at stage s a chunk of stage s-1)
    mean_prob        boundary probability averaged over those positions
    """
    keys = ["sequence", "stage"] if by_sequence else ["stage"]
    columns = schema.SEQUENCE_SUMMARY if by_sequence else schema.SUMMARY
    seen = boundaries.astype({"prob": "float64"}).groupby(keys, observed=True)["prob"].agg(["size", "mean"])
    cut = chunks.groupby(keys, observed=True)["n_bytes"].agg(["sum", "size"])
    table = pd.DataFrame({"n_bytes": cut["sum"], "n_positions": seen["size"], "n_chunks": cut["size"]})
    table["bytes_per_chunk"] = table["n_bytes"] / table["n_chunks"]
    table["rate"] = table["n_chunks"] / table["n_positions"]
    table["mean_prob"] = seen["mean"]
    return schema.check(table.reset_index().astype(columns), columns)
