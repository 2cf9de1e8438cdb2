"""How many boundaries do all models of one depth share, against chance?"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from analysis.agreement.groups import fleiss_kappa
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.nulls import against, turns


def consensus_rows(infos, stages: list[Segmentation], shifts: int) -> list[dict]:
    """A row for the models of each depth, at each of their stages: what all of them share."""
    groups: dict[tuple[int, int], list[Segmentation]] = {}
    for stage in stages:
        groups.setdefault((infos[stage.name]["n_stages"], stage.stage), []).append(stage)
    return [
        {"depth": depth, "stage": stage, **shared_by_all(cuts, shifts)}
        for (depth, stage), cuts in groups.items()
        if len(cuts) > 1
    ]


def shared_by_all(cuts: Sequence[Segmentation], shifts: int) -> dict[str, float]:
    """Boundaries that all models have, against each but the first shifted inside every document by its own amount.

    share is n_all / n_any, of the bytes that any of them cuts; share_chance its mean over the shifts
    """
    marks = [cut.marks for cut in cuts]
    n_any, n_all = (int(each.sum()) for each in (np.any(marks, axis=0), np.all(marks, axis=0)))
    seeds = np.random.default_rng(0).spawn(len(cuts) - 1)
    moved = [turns(cut.marks, cut.edges, rng) for cut, rng in zip(cuts[1:], seeds, strict=True)]
    null = np.empty((shifts, 2))
    for i, each in enumerate(islice(zip(*moved, strict=True), shifts)):
        count = marks[0].astype(np.int16)
        for at in each:
            count[at] += 1
        null[i] = (count == len(cuts)).sum(), (count > 0).sum()
    shared = against(n_all, null[:, 0], upper=True)
    return {
        "n_models": len(cuts),
        "n_any": n_any,
        "n_all": n_all,
        "n_all_chance": shared["expected"],
        "share": n_all / n_any if n_any else np.nan,
        "share_chance": float(np.mean(null[:, 0] / np.maximum(null[:, 1], 1))),
        "fleiss": fleiss_kappa(marks, cuts[0].edges),
        "shifts": shifts,
        "z": shared["z"],
        "p_value": shared["p_value"],
    }
