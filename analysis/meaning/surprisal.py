"""Do boundaries sit where content surprises? Bits at every byte from a model with whole weights, beside its p."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import schema
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.nulls import circular_sums, pooled_null
from analysis.chance.ranks import centred_ranks, correlation

if TYPE_CHECKING:
    from hnet_core.checkpoint import LoadedModel

PACK_BYTES = 32_768
"""Bytes of one forward."""
DEFAULT_CONTEXT = 2_048
LAGS = (-2, -1, 0, 1, 2)
"""Bytes from a boundary to the byte whose surprisal is looked at: 0 is the chunk's first, -1 the last before it."""


@dataclass(frozen=True)
class Surprisal:
    """What a model expected of one input.

    bits     (n,) float32  surprise at each byte: -log2 of the probability that it was given
    entropy  (n,) float32  bits: how unsure the model was before it saw the byte (arXiv 2412.09871 cuts by this)
    """

    bits: np.ndarray
    entropy: np.ndarray


def surprisals(
    loaded: "LoadedModel",
    data: Sequence[bytes],
    progress: Callable[[int, int], None] | None = None,
    context: int | None = None,
) -> list[Surprisal]:
    """Surprisal at every byte of every input.

    loaded   a model with whole weights (hnet_core.checkpoint.load_model)
    context  bytes of a row (default: as trained); every byte is predicted from at least half of it, where there is
    A model that reads no start marker (`bos` in model.json) says nothing of the first byte, which counts 8 bits then.
    """
    import torch

    context, bos = (
        max(2, context or loaded.info.get("row_bytes", DEFAULT_CONTEXT)),
        bool(loaded.info.get("bos", True)),
    )
    total, done, out = sum(map(len, data)), 0, []
    for each in data:
        bits, entropy = np.full((2, len(each)), 8, np.float32)
        for pack in _packs(_windows(len(each), context, bos)):
            with torch.inference_mode():
                parts = _predict(loaded, each, pack, bos)
            for (_, new, end), part_bits, part_entropy in zip(pack, *parts, strict=True):
                bits[new:end], entropy[new:end] = part_bits, part_entropy
            if progress:
                progress(done + pack[-1][2], total)
        done += len(each)
        out.append(Surprisal(bits, entropy))
    return out


def surprisal_table(
    cuts: Sequence[Segmentation],
    found: Sequence[Surprisal],
    *,
    lags: Sequence[int] = LAGS,
    shifts: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Boundary probability against surprisal, stage by stage and lag by lag; schema.SURPRISAL.

    cuts  stages of a model   found  over the same sequences, by the same model or another
    The AUROC is the chance that a boundary has more surprisal than another position that its stage sees in the same
    sequence; its null shifts the boundaries circularly over the positions of each sequence. Spearman's correlation is
    the mean of that in each sequence, by their positions.
    """
    rows = []
    for cut in cuts:
        for lag in lags:
            parts = _aligned(cut, [each.bits for each in found], lag)
            rows.append({"model": cut.name, "stage": cut.stage, "lag": lag} | _row(parts, shifts, seed))
    table = pd.DataFrame(rows).astype(schema.SURPRISAL)
    return schema.check(table, schema.SURPRISAL)


def _windows(n: int, context: int, bos: bool) -> Iterator[tuple[int, int, int]]:
    """(from, first new, end) of rows that move on by half a context; the start marker, if any, stands before byte 0."""
    end = min(n, context - bos)
    yield 0, int(not bos), end
    while end < n:
        new, end = end, min(end + max(1, context // 2), n)
        yield max(0, end - context), new, end


def _packs(windows: Iterator[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    pack, size = [], 0
    for window in windows:
        if pack and size + window[2] - window[0] > PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(window)
        size += window[2] - window[0]
    yield pack


def _predict(loaded: "LoadedModel", data: bytes, pack: list[tuple[int, int, int]], bos: bool):
    """(bits, entropy) of the new bytes of each window: two lists of arrays."""
    import torch

    from hnet_core.encoding import encode

    rows = [encode(data[low:end], bos=bos and low == 0).astype(np.int64) for low, _, end in pack]
    limits = np.cumsum([0, *map(len, rows)])
    ids = torch.from_numpy(np.concatenate(rows))
    logits = loaded.model(ids, cu_seqlens=torch.from_numpy(limits)).logits
    bits, entropy = [], []
    for (_, new, end), limit in zip(pack, limits[1:], strict=True):
        first = limit - (end - new)  # the byte at `new`; the position before it predicts it
        scores = logits[first - 1 : limit - 1].float().log_softmax(-1)
        wanted = ids[first:limit, None]
        bits.append((-scores.gather(1, wanted)[:, 0] / np.log(2)).numpy())
        entropy.append((-(scores.exp() * scores).sum(-1) / np.log(2)).numpy())
    return bits, entropy


def _aligned(cut: Segmentation, bits: Sequence[np.ndarray], lag: int) -> list[tuple[np.ndarray, ...]]:
    """For each sequence: surprisal `lag` bytes on from the positions the stage sees, their p, which are boundaries."""
    parts = []
    for seen, prob, starts, each in zip(cut.seen, cut.prob, cut.starts, bits, strict=True):
        inside = (seen + lag >= 0) & (seen + lag < len(each))
        if inside.any():
            at = seen[inside]
            parts.append((each[at + lag], prob[inside], np.isin(at, starts, assume_unique=True)))
    return parts


def _row(parts: list[tuple[np.ndarray, ...]], shifts: int, seed: int) -> dict[str, float]:
    bits, prob, is_boundary = (
        (np.concatenate(side) for side in zip(*parts, strict=True)) if parts else (np.empty(0),) * 3
    )
    size = np.array([len(each) for each, _, _ in parts], np.int64)
    cuts = np.array([int(marks.sum()) for _, _, marks in parts], np.int64)
    row = {"n_positions": len(bits), "n_boundaries": int(cuts.sum())}
    pairs = int((cuts * (size - cuts)).sum())  # of a boundary and another position of the same sequence
    if not pairs:
        nan = dict.fromkeys(
            ("bits_at_boundary", "bits_elsewhere", "spearman", "auroc", "z", "p_value"), np.nan
        )
        return row | nan
    record = np.repeat(np.arange(len(parts)), size)
    ranks, ends = centred_ranks(bits, record), np.cumsum(size)[:-1]
    # From 1, not centred: beside sums of their size a rounding error of the transform is known for one.
    sides = np.split(is_boundary.astype(np.float64), ends), np.split(ranks + (size[record] + 1) / 2, ends)
    null = pooled_null([circular_sums(*each) for each in zip(*sides, strict=True)], shifts, seed)
    return row | {
        "bits_at_boundary": float(bits[is_boundary].mean()),
        "bits_elsewhere": float(bits[~is_boundary].mean()),
        "spearman": correlation(ranks, centred_ranks(prob, record), record),
        # Mann and Whitney: sums of ranks count the pairs that a boundary wins; of centred ranks, beyond half of them.
        "auroc": 0.5 + float(ranks[is_boundary].sum()) / pairs,
        "z": null.z,
        "p_value": null.p_two_sided,
    }
