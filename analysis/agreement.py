"""Do two segmentations of the same sequences agree, and more than their rates alone would make them?

Everything is counted over the bytes that could start a chunk: all but the first of each sequence, which always does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from analysis import schema
from analysis.extract import Analysis
from analysis.matching import matched_and_chance, top_positions
from analysis.null_models import shift_null
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


def positions(analysis: Analysis, stage: int) -> Segmentation:
    """The boundaries of one stage of an analysis."""
    if not 0 <= stage < analysis.model.n_stages:
        raise InputError(
            f"model {analysis.model.name} has no stage {stage}; it has stages 0 to {analysis.model.n_stages - 1}"
        )
    table = analysis.boundaries[analysis.boundaries["stage"].to_numpy() == stage]
    byte, is_boundary = table["byte"].to_numpy(), table["is_boundary"].to_numpy()
    edges = np.searchsorted(table["sequence"].cat.codes.to_numpy(), np.arange(len(analysis.sequences) + 1))
    parts = [slice(low + 1, high) for low, high in pairwise(edges)]
    prob = table["prob"].to_numpy()
    return Segmentation(
        name=analysis.model.name,
        stage=stage,
        lengths=tuple(len(sequence.data) for sequence in analysis.sequences),
        starts=tuple(byte[part][is_boundary[part]] for part in parts),
        seen=tuple(byte[part] for part in parts),
        prob=tuple(prob[part] for part in parts),
    )


def compare(
    a: Analysis,
    b: Analysis,
    stage_a: int = 0,
    stage_b: int = 0,
    *,
    tolerance: int = 1,
    shifts: int = 1000,
    seed: int = 0,
) -> dict:
    """Agreement of one stage of a with one stage of b over the same sequences: a row of schema.AGREEMENT."""
    _check_same(a, b)
    return compare_segmentations(
        positions(a, stage_a), positions(b, stage_b), tolerance=tolerance, shifts=shifts, seed=seed
    )


def compare_all(
    analyses: Sequence[Analysis], *, tolerance: int = 1, shifts: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Every pair of models at every pair of their stages, schema.AGREEMENT.

    Stages of one model are not compared: they are nested by construction. q_value is Benjamini-Hochberg over the rows.
    """
    if len(analyses) < 2:
        raise InputError("a comparison needs at least two models; give another one")
    cuts = [[positions(analysis, stage) for stage in range(analysis.model.n_stages)] for analysis in analyses]
    for a, b in combinations(analyses, 2):
        _check_same(a, b)
    rows = [
        compare_segmentations(x, y, tolerance=tolerance, shifts=shifts, seed=seed)
        for first, second in combinations(cuts, 2)
        for x, y in product(first, second)
    ]
    table = pd.DataFrame(rows)
    table["q_value"] = false_discovery_control(table["p_value"], method="bh")
    return schema.check(table.astype(schema.AGREEMENT), schema.AGREEMENT)


def compare_segmentations(
    a: Segmentation, b: Segmentation, *, tolerance: int = 1, shifts: int = 1000, seed: int = 0
) -> dict:
    """A row of schema.AGREEMENT; q_value equals p_value, for there is one comparison.

    Undefined ratios (no boundary on a side, no room between chance and best) are NaN.
    Chance is taken inside each sequence, so that it also holds where rates differ from sequence to sequence; for one
    sequence f1_chance is 2 rA rB / (rA + rB) and f1_max is 2 min(rA, rB) / (rA + rB).
    """
    if tolerance < 0:
        raise InputError(f"tolerance={tolerance} must be 0 or more bytes")
    if a.lengths != b.lengths:
        raise InputError(
            "the two segmentations are of different sequences; compare models over the same input"
        )
    room = np.array([length - 1 for length in a.lengths])
    n_a, n_b = (np.array([len(starts) for starts in x.starts]) for x in (a, b))
    null = shift_null(
        [s - 1 for s in a.starts], [s - 1 for s in b.starts], room.tolist(), shifts=shifts, seed=seed
    )
    row = {"model_a": a.name, "stage_a": a.stage, "model_b": b.name, "stage_b": b.stage}
    row |= _overlap(int(room.sum()), int(n_a.sum()), int(n_b.sum()), null.observed)
    chance = _ratio(2 * null.mean, n_a.sum() + n_b.sum())
    best = _ratio(2 * np.minimum(n_a, n_b).sum(), n_a.sum() + n_b.sum())
    row |= {"f1_chance": chance, "f1_max": best, "f1_star": _ratio(row["f1"] - chance, best - chance)}
    row |= {"f1_matched": _matched_f1(a, b)}
    row |= _tolerant(a, b, tolerance, seed)
    z = _ratio(null.observed - null.mean, null.sd)
    row |= {"shifts": null.n_shifts, "z": z, "p_value": null.p_value, "q_value": null.p_value}
    return {column: row[column] for column in schema.AGREEMENT}


def differences(a: Analysis, b: Analysis, stage_a: int = 0, stage_b: int = 0) -> pd.DataFrame:
    """Every byte at which a or b starts a chunk and who does, but for the first bytes; schema.DIFFERENCES."""
    _check_same(a, b)
    names = [sequence.name for sequence in a.sequences]
    codes, byte, in_a, in_b = [], [], [], []
    for i, (x, y) in enumerate(zip(positions(a, stage_a).starts, positions(b, stage_b).starts, strict=True)):
        either = np.union1d(x, y)
        codes.append(np.full(len(either), i))
        byte.append(either)
        in_a.append(np.isin(either, x, assume_unique=True))
        in_b.append(np.isin(either, y, assume_unique=True))
    table = pd.DataFrame(
        {
            "sequence": pd.Categorical.from_codes(np.concatenate(codes), categories=names),
            "byte": np.concatenate(byte),
            "in_a": np.concatenate(in_a),
            "in_b": np.concatenate(in_b),
        }
    )
    return schema.check(table, schema.DIFFERENCES)


def _check_same(a: Analysis, b: Analysis) -> None:
    same = len(a.sequences) == len(b.sequences) and all(
        x.name == y.name and x.data == y.data for x, y in zip(a.sequences, b.sequences, strict=False)
    )
    if not same:
        raise InputError("the two analyses are of different sequences; compare models over the same input")


def _overlap(n: int, n_a: int, n_b: int, both: int) -> dict:
    """Everything that follows from the four counts of positions: in all, in a, in b, in both."""
    rate_a, rate_b = _ratio(n_a, n), _ratio(n_b, n)
    by_chance = rate_a * rate_b + (1 - rate_a) * (1 - rate_b)
    same = _ratio(n - n_a - n_b + 2 * both, n)
    return {
        "n_positions": n,
        "n_a": n_a,
        "n_b": n_b,
        "n_both": both,
        "rate_a": rate_a,
        "rate_b": rate_b,
        "f1": _ratio(2 * both, n_a + n_b),
        "precision": _ratio(both, n_a),
        "recall": _ratio(both, n_b),
        "jaccard": _ratio(both, n_a + n_b - both),
        "kappa": _ratio(same - by_chance, 1 - by_chance),
        "containment_ab": _ratio(both, n_a),
        "containment_ba": _ratio(both, n_b),
        "containment_ab_chance": rate_b,
        "containment_ba_chance": rate_a,
    }


def _matched_f1(a: Segmentation, b: Segmentation) -> float:
    """Share in common of the k likeliest positions of a and of b, k = the smaller number of boundaries."""
    k = min(sum(map(len, a.starts)), sum(map(len, b.starts)))
    offsets = np.concatenate([[0], np.cumsum(a.lengths)[:-1]])
    top_a, top_b = (top_positions(x.seen, x.prob, offsets, k) for x in (a, b))
    return _ratio(len(np.intersect1d(top_a, top_b, assume_unique=True)), k)


def _tolerant(a: Segmentation, b: Segmentation, tolerance: int, seed: int) -> dict:
    """Agreement when boundaries up to `tolerance` bytes apart may pair off, one to one."""
    n_a, n_b = sum(map(len, a.starts)), sum(map(len, b.starts))
    hits, by_chance = matched_and_chance(a.starts, b.starts, a.lengths, tolerance, seed)
    return {
        "tolerance": tolerance,
        "f1_tolerant": _ratio(2 * hits, n_a + n_b),
        "precision_tolerant": _ratio(hits, n_a),
        "recall_tolerant": _ratio(hits, n_b),
        "f1_tolerant_chance": _ratio(2 * by_chance, n_a + n_b),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if abs(whole) > 1e-12 else float("nan")
