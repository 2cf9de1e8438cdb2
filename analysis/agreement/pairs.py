"""Agreement of two segmentations of the same sequences, beside what their rates alone would give."""

from collections.abc import Sequence
from itertools import combinations, islice, product

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from analysis import schema
from analysis.agreement.matching import matched_slots
from analysis.agreement.segment_metrics import boundary_similarity, partition_measures, window_errors
from analysis.boundaries.extract import Analysis
from analysis.boundaries.segmentations import Segmentation, positions
from analysis.chance.nulls import beyond_chance, shift_null, turns
from analysis.chance.ranks import centred_ranks, correlation
from hnet_core.errors import InputError

DENSITY_RATIO = 1.5
"""Where one side has this many times the boundaries of the other, F1 cannot pass 0.8 and says little."""


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
    for a, b in combinations(analyses, 2):
        _check_same(a, b)
    cuts = [[positions(analysis, stage) for stage in range(analysis.model.n_stages)] for analysis in analyses]
    return compare_pairs(cuts, tolerance=tolerance, shifts=shifts, seed=seed)


def compare_pairs(
    cuts: Sequence[Sequence[Segmentation]], *, tolerance: int = 1, shifts: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """As compare_all, from the segmentations of each model's stages."""
    if len(cuts) < 2:
        raise InputError("a comparison needs at least two models; give another one")
    pairs = [pair for first, second in combinations(cuts, 2) for pair in product(first, second)]
    return agreement_table(pairs, tolerance=tolerance, shifts=shifts, seed=seed)


def agreement_table(
    pairs: Sequence[tuple[Segmentation, Segmentation]],
    *,
    tolerance: int = 1,
    shifts: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """A row a pair, schema.AGREEMENT; q_value is Benjamini-Hochberg over the rows."""
    table = pd.DataFrame(
        [compare_segmentations(a, b, tolerance=tolerance, shifts=shifts, seed=seed) for a, b in pairs]
    )
    table["q_value"] = false_discovery_control(table["p_value"], method="bh")
    return schema.check(table.astype(schema.AGREEMENT), schema.AGREEMENT)


def compare_segmentations(
    a: Segmentation, b: Segmentation, *, tolerance: int = 1, shifts: int = 1000, seed: int = 0
) -> dict:
    """A row of schema.AGREEMENT; q_value equals p_value, for there is one comparison.

    Where the two are not symmetric b is the reference. Undefined ratios (no boundary on a side, no room between
    chance and best) are NaN, and so is z where all shifts share as many.
    Chance is taken inside each sequence, so that it also holds where rates differ from sequence to sequence; for one
    sequence f1_chance is 2 rA rB / (rA + rB) and f1_max is 2 min(rA, rB) / (rA + rB).
    """
    if tolerance < 0:
        raise InputError(f"tolerance={tolerance} must be 0 or more bytes")
    if a.lengths != b.lengths:
        raise InputError(
            "the two segmentations are of different sequences; compare models over the same input"
        )
    null = shift_null(
        [s - 1 for s in a.starts],
        [s - 1 for s in b.starts],
        np.diff(a.edges).tolist(),
        shifts=shifts,
        seed=seed,
    )
    row = {"model_a": a.name, "stage_a": a.stage, "model_b": b.name, "stage_b": b.stage}
    row |= _overlap(a, b, null.observed)
    row |= _matched(a, b) | {"spearman": spearman(a, b)}
    row |= _with_chance(a, b, tolerance, seed)
    row |= {"shifts": null.n_shifts, "z": null.z, "p_value": null.p_value, "q_value": null.p_value}
    return {column: row[column] for column in schema.AGREEMENT}


def kappa(a: Segmentation, b: Segmentation) -> float:
    """Cohen's kappa over the slots, its chance taken inside each sequence: the column of schema.AGREEMENT."""
    return _kappa(a, b, int(np.count_nonzero(a.marks & b.marks)))


def density_curve(a: Segmentation, b: Segmentation, rates: Sequence[float]) -> pd.DataFrame:
    """Agreement at equal densities: of the k likeliest slots of a and of b, whatever the thresholds.

    rates    shares of the slots to take, in (0, 1]
    returns  schema.DENSITY: a row a rate; f1_chance is what independent rankings share that take as many in every
             sequence as these do: k / n where there is one sequence
    """
    wanted = np.maximum(np.round(np.asarray(rates, np.float64) * a.n_slots).astype(np.int64), 1)
    wanted = np.minimum(wanted, min(a.n_seen, b.n_seen))
    rows = [{"k": k, "rate": _ratio(k, a.n_slots)} | _at_density(a, b, k) for k in wanted.tolist()]
    table = pd.DataFrame(rows, columns=list(schema.DENSITY))
    return schema.check(table.astype(schema.DENSITY), schema.DENSITY)


def spearman(a: Segmentation, b: Segmentation) -> float:
    """Spearman's correlation of the two boundary probabilities over the slots that both stages see.

    Of several sequences the mean of the correlation in each, by their slots.
    """
    if a.n_seen == b.n_seen == a.n_slots:
        return correlation(a.ranking[1], b.ranking[1], a.records)
    _, in_a, in_b = np.intersect1d(a.seen_slots, b.seen_slots, assume_unique=True, return_indices=True)
    record = a.records[in_a]
    sides = ((a, in_a), (b, in_b))
    return correlation(*(centred_ranks(np.concatenate(side.prob)[at], record) for side, at in sides), record)


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


def _expected(n_a: np.ndarray, n_b: np.ndarray, slots: np.ndarray) -> float:
    """Slots in common by chance; each (S,): taken by a, by b, in all, in every sequence."""
    return float((n_a * n_b / np.maximum(slots, 1)).sum())


def _counts(a: Segmentation, b: Segmentation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S,) boundaries of a, of b, and slots of every sequence."""
    n_a, n_b = (np.array([len(starts) for starts in x.starts], np.int64) for x in (a, b))
    return n_a, n_b, np.diff(a.edges)


def _overlap(a: Segmentation, b: Segmentation, both: int) -> dict:
    """Everything that follows from the counts of positions in every sequence, and of those in common."""
    by_a, by_b, slots = _counts(a, b)
    n, n_a, n_b = int(slots.sum()), int(by_a.sum()), int(by_b.sum())
    expected = _expected(by_a, by_b, slots)
    f1, chance = _ratio(2 * both, n_a + n_b), _ratio(2 * expected, n_a + n_b)
    best = _ratio(2 * np.minimum(by_a, by_b).sum(), n_a + n_b)
    return {
        "n_positions": n,
        "n_a": n_a,
        "n_b": n_b,
        "n_both": both,
        "rate_a": _ratio(n_a, n),
        "rate_b": _ratio(n_b, n),
        "rates_differ": bool(max(n_a, n_b) > DENSITY_RATIO * min(n_a, n_b)),
        "f1": f1,
        "f1_chance": chance,
        "f1_max": best,
        "f1_star": beyond_chance(f1, chance, best),
        "precision": _ratio(both, n_a),
        "recall": _ratio(both, n_b),
        "jaccard": _ratio(both, n_a + n_b - both),
        "kappa": _kappa(a, b, both),
        "containment_ab": _ratio(both, n_a),
        "containment_ba": _ratio(both, n_b),
        "containment_ab_chance": _ratio(expected, n_a),
        "containment_ba_chance": _ratio(expected, n_b),
    }


def _kappa(a: Segmentation, b: Segmentation, both: int) -> float:
    n_a, n_b, slots = _counts(a, b)
    apart = int((n_a + n_b).sum())
    same, chance = (
        1 - _ratio(apart - 2 * shared, slots.sum()) for shared in (both, _expected(n_a, n_b, slots))
    )
    return beyond_chance(same, chance)


def _matched(a: Segmentation, b: Segmentation) -> dict[str, float]:
    """Share in common of the k likeliest positions of a and of b, k = the smaller number of boundaries; its chance."""
    k = min(sum(map(len, a.starts)), sum(map(len, b.starts)))
    found = _at_density(a, b, k)
    return {"f1_matched": found["f1"], "f1_matched_chance": found["f1_chance"]}


def _at_density(a: Segmentation, b: Segmentation, k: int) -> dict[str, float]:
    """F1 of the k likeliest slots of either side, with its chance and its best from the counts in every sequence.

    Of slots that are equally likely, each side draws as many as are left at random: what counts is the mean over that.
    """
    (sure_a, tied_a, part_a), (sure_b, tied_b, part_b) = (_likeliest(side, k) for side in (a, b))
    shared = np.count_nonzero(sure_a & sure_b) + part_a * part_b * np.count_nonzero(tied_a & tied_b)
    shared += part_b * np.count_nonzero(sure_a & tied_b) + part_a * np.count_nonzero(tied_a & sure_b)
    by_a = _by_sequence(sure_a, a.edges) + part_a * _by_sequence(tied_a, a.edges)
    by_b = _by_sequence(sure_b, a.edges) + part_b * _by_sequence(tied_b, a.edges)
    f1, chance = _ratio(shared, k), _ratio(_expected(by_a, by_b, np.diff(a.edges)), k)
    best = _ratio(np.minimum(by_a, by_b).sum(), k)
    return {"f1": f1, "f1_chance": chance, "f1_max": best, "f1_star": beyond_chance(f1, chance, best)}


def _likeliest(side: Segmentation, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """(n,) bool: slots surely among the k likeliest; those as likely as the k-th; the share of these that is."""
    order, _, levels = side.ranking
    if not k:
        return order < 0, order < 0, 0.0
    first, last = (int(np.searchsorted(levels, levels[k - 1], side=s)) for s in ("left", "right"))
    if last == k:
        return order < k, order < 0, 0.0
    return order < first, (order >= first) & (order < last), (k - first) / (last - first)


def _by_sequence(marks: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(S,) how many slots of every sequence are marked."""
    return np.diff(np.concatenate([[0], np.cumsum(marks)])[edges])


def _by_partition(a: np.ndarray, b: np.ndarray, edges: np.ndarray, tolerance: int) -> dict[str, float]:
    """The measures that have no closed form for their level at chance.

    a, b (n,) bool   edges (S + 1,), as in analysis.agreement.segment_metrics
    """
    hits = matched_slots(a, b, edges, tolerance)
    pk, window_diff, _ = window_errors(a, b, edges)
    return {
        "f1_tolerant": _ratio(2 * hits, a.sum() + b.sum()),
        **partition_measures(a, b, edges),
        "pk": pk,
        "window_diff": window_diff,
        "boundary_similarity": boundary_similarity(a, b, edges, tolerance + 1),
    }


def _with_chance(a: Segmentation, b: Segmentation, tolerance: int, seed: int) -> dict[str, float]:
    """_by_partition, and as NAME_chance its mean over random circular shifts of a inside each sequence."""
    found = _by_partition(a.marks, b.marks, a.edges, tolerance)
    # In large inputs one shift gives a steady mean, and is all that time allows.
    repeats = int(np.clip(200_000 / max(a.marks.sum() + b.marks.sum(), 1), 1, 50))
    drawn = []
    for at in islice(turns(a.marks, a.edges, np.random.default_rng(seed)), repeats):
        marks = np.zeros_like(a.marks)
        marks[at] = True
        drawn.append(_by_partition(marks, b.marks, a.edges, tolerance))
    by_chance = {f"{name}_chance": float(np.mean([each[name] for each in drawn])) for name in found}
    hits = found["f1_tolerant"] * (a.marks.sum() + b.marks.sum()) / 2
    return (
        found
        | by_chance
        | {
            "tolerance": tolerance,
            "precision_tolerant": _ratio(hits, a.marks.sum()),
            "recall_tolerant": _ratio(hits, b.marks.sum()),
            "window": window_errors(a.marks, b.marks, a.edges)[2],
        }
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
