"""The chunks of a model as a dictionary: every distinct chunk, how often, where; overlap and growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from analysis import schema
from analysis.boundaries.segmentations import Segmentation
from analysis.inputs import sources
from hnet_core.errors import InputError

EXAMPLE_BYTES = 16
"""Shown on either side of a chunk."""


@dataclass(frozen=True)
class ChunkTypes:
    """The chunks of some sequences, in order, as numbers of their distinct contents.

    contents  the distinct chunks, by first occurrence
    code      (K,) index into contents of every chunk
    prob      (K,) boundary probability at its start
    sequence, start  (K,) where it is
    """

    contents: list[bytes]
    code: np.ndarray
    prob: np.ndarray
    sequence: np.ndarray
    start: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.code, minlength=len(self.contents))


def chunk_types(sequences: Sequence[sources.Sequence], cut: Segmentation) -> ChunkTypes:
    """Cut the sequences where the segmentation says. The first chunk of each has probability 1."""
    pieces, prob, sequence, start = [], [], [], []
    for i, (each, at) in enumerate(zip(sequences, cut.starts, strict=True)):
        starts = np.concatenate([[0], at]).astype(np.int64)
        ends = np.append(at, len(each.data))
        pieces += [each.data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        prob += [[1.0], cut.prob[i][np.searchsorted(cut.seen[i], at)]]
        sequence.append(np.full(len(starts), i))
        start.append(starts)
    code, contents = pd.factorize(np.array([*pieces, None], object)[:-1])
    return ChunkTypes(
        list(contents), code, np.concatenate(prob), np.concatenate(sequence), np.concatenate(start)
    )


def dictionary_table(sequences: Sequence[sources.Sequence], cut: Segmentation) -> pd.DataFrame:
    """Every distinct chunk, the most frequent first, schema.DICTIONARY.

    before, after  count the distinct chunks beside it inside a sequence (accessor variety, Feng et al. 2004): many on
                   both sides speak for a unit that is used freely
    """
    types = chunk_types(sequences, cut)
    n, count = len(types.contents), types.counts
    inside = types.sequence[1:] == types.sequence[:-1]
    pairs = np.unique(types.code[:-1][inside] * n + types.code[1:][inside])
    first = np.unique(types.code, return_index=True)[1]
    table = pd.DataFrame(
        {
            "chunk": [readable(content) for content in types.contents],
            "hex": [content.hex() for content in types.contents],
            "n_bytes": np.array([len(content) for content in types.contents], np.int64),
            "count": count,
            "share": count / count.sum(),
            "mean_prob": np.bincount(types.code, types.prob, minlength=n) / count,
            "before": np.bincount(pairs % n, minlength=n),
            "after": np.bincount(pairs // n, minlength=n),
            "sequence": [sequences[i].name for i in types.sequence[first]],
            "start": types.start[first],
            "example": [
                _example(sequences[types.sequence[k]].data, int(types.start[k]), len(types.contents[i]))
                for i, k in enumerate(first)
            ],
        }
    )
    table = table.sort_values(["count", "hex"], ascending=[False, True], ignore_index=True)
    return schema.check(table.astype(schema.DICTIONARY), schema.DICTIONARY)


def overlap_table(types: dict[str, ChunkTypes]) -> pd.DataFrame:
    """What the dictionaries of every two models share, schema.OVERLAP."""
    rows = []
    for a, b in combinations(types, 2):
        counts = [dict(zip(types[x].contents, types[x].counts.tolist(), strict=True)) for x in (a, b)]
        shared = counts[0].keys() & counts[1].keys()
        rows.append(
            {
                "a": a,
                "b": b,
                "types_a": len(counts[0]),
                "types_b": len(counts[1]),
                "types_shared": len(shared),
                "jaccard": len(shared) / len(counts[0].keys() | counts[1].keys()),
                "tokens_a_in_b": sum(counts[0][chunk] for chunk in shared) / sum(counts[0].values()),
                "tokens_b_in_a": sum(counts[1][chunk] for chunk in shared) / sum(counts[1].values()),
            }
        )
    return schema.check(
        pd.DataFrame(rows, columns=list(schema.OVERLAP)).astype(schema.OVERLAP), schema.OVERLAP
    )


def growth_table(types: ChunkTypes, points: int = 50) -> pd.DataFrame:
    """Distinct chunks among the first 1, ..., all chunks at evenly spaced logarithms, schema.GROWTH."""
    if points < 2:
        raise InputError(f"points={points} must be 2 or more")
    tokens = np.unique(np.round(np.geomspace(1, len(types.code), points)).astype(np.int64))
    first = np.sort(np.unique(types.code, return_index=True)[1])
    table = pd.DataFrame({"tokens": tokens, "types": np.searchsorted(first, tokens)})
    return schema.check(table.astype(schema.GROWTH), schema.GROWTH)


def heaps_exponent(growth: pd.DataFrame) -> float:
    """b of types = a tokens^b (Heaps' law), least squares over the logarithms; NaN for one point."""
    if len(growth) < 2:
        return float("nan")
    return float(np.polyfit(np.log(growth["tokens"]), np.log(growth["types"]), 1)[0])


def readable(content: bytes) -> str:
    """Text as it is, with escapes for what cannot be shown."""
    text = content.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _example(data: bytes, start: int, size: int) -> str:
    before, after = (
        data[max(0, start - EXAMPLE_BYTES) : start],
        data[start + size : start + size + EXAMPLE_BYTES],
    )
    return f"{readable(before)}[{readable(data[start : start + size])}]{readable(after)}"
