"""Many models at once: agreement of groups of training runs, where they all cut, and which are alike."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from analysis import schema
from analysis.agreement.pairs import kappa
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.nulls import beyond_chance
from hnet_core.errors import InputError

KEYS = {"domain": "domain", "depth": "n_stages", "seed": "seed", "data": "data_seed"}
"""What models can be grouped by, and where model.json says it."""
MEASURES = (
    "f1",
    "f1_star",
    "f1_matched",
    "spearman",
    "jaccard",
    "kappa",
    "containment_ab",
    "containment_ba",
    "vi_split",
    "vi_merge",
    "ari",
    "f1_tolerant",
    "boundary_similarity",
)
"""Columns of schema.AGREEMENT whose means a group table gives: those that can be read from either side."""
_MIRROR = {"containment_ab": "containment_ba", "vi_split": "vi_merge"}
_MIRROR |= {b: a for a, b in _MIRROR.items()}


def fleiss_kappa(marks: Sequence[np.ndarray], edges: np.ndarray) -> float:
    """Agreement of two or more raters on every slot (Fleiss 1971), its chance taken inside each sequence.

    marks  for each rater (n,) bool   edges (S + 1,): the slots of sequence i are edges[i] .. edges[i + 1] - 1
    0 at chance for raters that cut about as often; where their rates differ that difference makes it less. NaN where
    undefined.
    """
    n, raters = len(marks[0]), len(marks)
    if raters < 2 or not n:
        return float("nan")
    cut = np.sum(marks, axis=0, dtype=np.int64)
    agreeing = int((cut * (cut - 1) + (raters - cut) * (raters - cut - 1)).sum())
    slots = np.diff(edges)
    rate = np.diff(np.concatenate([[0], np.cumsum(cut)])[edges]) / (np.maximum(slots, 1) * raters)
    by_chance = float(slots @ (rate**2 + (1 - rate) ** 2)) / n
    return beyond_chance(agreeing / (n * raters * (raters - 1)), by_chance)


def group_labels(infos: Mapping[str, Mapping[str, Any]], by: Sequence[str]) -> dict[str, str]:
    """model name -> group, such as "domain english, depth 1", from what model.json says.

    A reference segmenter, whose info holds no domain, is a group of its own.
    """
    unknown = [key for key in by if key not in KEYS]
    if unknown or not by:
        raise InputError(f"groups by {','.join(by)!r}: give one or more of {', '.join(KEYS)}")
    return {
        name: ", ".join(f"{key} {info.get(KEYS[key], '?')}" for key in by) if info.get("domain") else name
        for name, info in infos.items()
    }


def group_table(
    table: pd.DataFrame,
    cuts: Sequence[Segmentation],
    groups: Mapping[str, str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean agreement inside and between groups of models, schema.GROUPS.

    table   schema.AGREEMENT, all pairs of the models   cuts  all stages of all models
    groups  model name -> group; a group's stages are kept apart
    The unit of replication is the training run: low and high are the 95 % percentile interval over resamples of the
    runs, with replacement, of the mean over pairs of different runs. Too few runs to say (inside a group fewer than
    three, between groups fewer than two on a side) leave it NaN, and so it is for Fleiss' kappa.
    """
    members: dict[tuple[str, int], list[Segmentation]] = {}
    for cut in cuts:
        members.setdefault((groups[cut.name], cut.stage), []).append(cut)
    values = _oriented(table)
    rng = np.random.default_rng(seed)
    rows = []
    for a, b in combinations_with_replacement(members, 2):
        runs_a, runs_b = ([cut.name for cut in members[key]] for key in (a, b))
        head = {"group_a": a[0], "stage_a": a[1], "group_b": b[0], "stage_b": b[1]}
        head |= {"n_runs_a": len(runs_a), "n_runs_b": len(runs_b)}
        pairs = [(x, y) for x in runs_a for y in runs_b if x != y and (x, a[1], y, b[1]) in values.index]
        if not pairs:
            continue
        head["n_pairs"] = len(pairs) // 2 if a == b else len(pairs)
        weights = _pair_weights(runs_a, runs_b, pairs, resamples, rng)
        part = values.loc[[(x, a[1], y, b[1]) for x, y in pairs]]
        for measure in MEASURES:
            rows.append(head | {"measure": measure} | _interval(part[measure].to_numpy(), weights))
        if a == b:
            fleiss = fleiss_kappa([cut.marks for cut in members[a]], members[a][0].edges)
            rows.append(head | {"measure": "fleiss_kappa", "mean": fleiss, "low": np.nan, "high": np.nan})
    out = pd.DataFrame(rows, columns=list(schema.GROUPS)).astype(schema.GROUPS)
    return schema.check(out, schema.GROUPS)


def consensus(cuts: Sequence[Segmentation], names: Sequence[str]) -> pd.DataFrame:
    """Every byte where at least one of the models cuts, and how many do; schema.CONSENSUS.

    cuts  one stage of each model   names  of the sequences
    """
    counts = np.sum([cut.marks for cut in cuts], axis=0, dtype=np.int64)
    slots = np.flatnonzero(counts)
    sequence = np.searchsorted(cuts[0].edges, slots, side="right") - 1
    table = pd.DataFrame(
        {
            "sequence": pd.Categorical.from_codes(sequence, categories=list(names)),
            "byte": slots - cuts[0].edges[sequence] + 1,
            "n_models": counts[slots],
            "share": counts[slots] / len(cuts),
        }
    )
    return schema.check(table, schema.CONSENSUS)


def cluster_order(cuts: Sequence[Segmentation]) -> list[tuple[str, int]]:
    """(model, stage) in an order that puts alike beside alike: average linkage over 1 - kappa, leaves rearranged."""
    names = [(cut.name, cut.stage) for cut in cuts]
    if len(cuts) < 3:
        return names
    distance = np.zeros((len(cuts), len(cuts)))
    for i, j in combinations(range(len(cuts)), 2):
        alike = kappa(cuts[i], cuts[j])
        distance[i, j] = distance[j, i] = 1 - (0.0 if np.isnan(alike) else alike)
    tree = linkage(squareform(distance), method="average", optimal_ordering=True)
    return [names[i] for i in leaves_list(tree)]


def _oriented(table: pd.DataFrame) -> pd.DataFrame:
    """MEASURES by (model_a, stage_a, model_b, stage_b), every pair both ways round."""
    sides = ["model_a", "stage_a", "model_b", "stage_b"]
    turned = dict(zip(sides, [*sides[2:], *sides[:2]], strict=True)) | _MIRROR
    both = pd.concat([table[[*sides, *MEASURES]], table[[*sides, *MEASURES]].rename(columns=turned)])
    return both.drop_duplicates(sides).set_index(sides).sort_index()


def _pair_weights(
    runs_a: list[str],
    runs_b: list[str],
    pairs: list[tuple[str, str]],
    resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(resamples, pairs): how often each pair of runs is drawn. No rows where there are too few runs to resample."""
    enough = len(runs_a) > 2 if set(runs_a) & set(runs_b) else min(len(runs_a), len(runs_b)) > 1
    if not enough:
        return np.empty((0, len(pairs)))
    drawn_a = _drawn(runs_a, resamples, rng)
    # Runs that are on both sides (stages of the same models) are drawn once.
    drawn_b = drawn_a if set(runs_a) == set(runs_b) else _drawn(runs_b, resamples, rng)
    return np.stack([drawn_a[x] * drawn_b[y] for x, y in pairs], axis=1)


def _drawn(runs: Iterable[str], resamples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    runs = sorted(runs)
    counts = rng.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), resamples)
    return {run: counts[:, i] for i, run in enumerate(runs)}


def _interval(values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    total = weights.sum(axis=1)
    means = (weights[total > 0] @ values) / total[total > 0]
    low, high = np.quantile(means, [0.025, 0.975]) if len(means) else (np.nan, np.nan)
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
