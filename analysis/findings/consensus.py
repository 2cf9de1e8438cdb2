"""How many boundaries do all models of one depth share, against chance?"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd

from analysis.agreement.groups import fleiss_kappa
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.nulls import against, turns
from analysis.findings.data import Corpus
from analysis.findings.document import Section, decimal, percent, probability, table, text, whole
from analysis.findings.study import Study


def consensus(out: Section, study: Study, corpus: Corpus, infos, stages: list[Segmentation]) -> None:
    """For the models of one depth: how many boundaries all of them share."""
    rows = []
    for (depth, stage), cuts in _runs(infos, stages).items():
        row = shared_by_all(cuts, study.limits.shifts)
        rows.append({"group": f"{depth} stage{'s' if depth > 1 else ''}, stage {stage}", **row})
    if not rows:
        return
    found = pd.DataFrame(rows)
    for row in found.itertuples():
        verdict = "more than" if row.p_value < 0.05 else "no more than"
        out.short(
            f"{corpus.title}, the {row.n_models} models of {row.group}: {percent(row.share)} of the bytes "
            f"where any of them cuts are cut by all, {verdict} chance makes ({percent(row.share_chance)}; p "
            f"{probability(row.p_value)})."
        )
    columns = {
        "group": ("models of", text),
        "n_models": ("models", whole),
        "n_any": ("cut by any", whole),
        "n_all": ("cut by all", whole),
        "n_all_chance": ("by chance", decimal(0)),
        "share": ("all of any", percent),
        "share_chance": ("chance", percent),
        "fleiss": ("Fleiss' kappa", decimal(3)),
        "z": ("z", decimal(1)),
        "p_value": ("p", probability),
    }
    out.add(table(found, columns))


def _runs(infos, stages: list[Segmentation]) -> dict[tuple[int, int], list[Segmentation]]:
    """(depth, stage) -> the models of it, where there are two or more."""
    groups: dict[tuple[int, int], list[Segmentation]] = {}
    for stage in stages:
        groups.setdefault((infos[stage.name]["n_stages"], stage.stage), []).append(stage)
    return {key: cuts for key, cuts in groups.items() if len(cuts) > 1}


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
        "z": shared["z"],
        "p_value": shared["p_value"],
    }
