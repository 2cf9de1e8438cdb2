"""How far the models of a comparison agree: the table of every pair, the matrix of a measure, groups of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import gradio as gr
import pandas as pd
from pandas.io.formats.style import Styler
from scipy.stats import false_discovery_control

from analysis import schema
from analysis.agreement import groups
from analysis.agreement.pairs import compare_segmentations
from analysis.boundaries.segmentations import Segmentation, positions
from analysis.chance.p_values import is_least
from app.compare.handlers import label
from app.picture.comparison import Comparison
from app.server.references import infos
from app.source.reading import PROGRESS
from app.wording.styled import styled
from app.work.job import Job
from app.work.told import told
from hnet_core.errors import InputError

SHOWN = {
    "f1": "F1",
    "f1_chance": "by chance",
    "f1_star": "F1*",
    "kappa": "kappa",
    "containment_ab": "1st in 2nd",
    "containment_ba": "2nd in 1st",
    "rate_a": "rate 1st",
    "rate_b": "rate 2nd",
    "p_value": "p",
    "q_value": "q",
}
"""Columns of the agreement table on the page, with their headings."""
MEASURES = {
    "f1": ("F1", "f1", "f1_chance"),
    "f1_star": ("F1*: 0 at chance, 1 at the best the rates allow", "f1_star", None),
    "kappa": ("Cohen's kappa", "kappa", None),
    "jaccard": ("Jaccard", "jaccard", None),
    "containment_ab": ("share of the row's cuts in the column", "containment_ba", "containment_ab_chance"),
    "f1_matched": ("F1 at equal rates", "f1_matched", "f1_matched_chance"),
    "spearman": ("Spearman's correlation of p", "spearman", None),
    "f1_tolerant": ("F1 with one byte of tolerance", "f1_tolerant", "f1_tolerant_chance"),
    "boundary_similarity": ("boundary similarity B", "boundary_similarity", "boundary_similarity_chance"),
    "ari": ("adjusted Rand index of the chunks", "ari", "ari_chance"),
    "vi_split": ("bits a byte the row splits the column's chunks", "vi_merge", "vi_split_chance"),
    "pk": ("Pk, an error rate; the column is the reference", None, "pk_chance"),
    "window_diff": ("WindowDiff, an error rate; the column is the reference", None, "window_diff_chance"),
}
"""Column of the agreement table -> (words, the same measure read from the other side or None, its level at chance)."""
TESTED = {"f1", "f1_star", "kappa", "jaccard", "containment_ab", "containment_ba"}
"""Measures that say how many cuts are shared, at these numbers of cuts: that is what p and q test."""

HELP = {
    "f1": "F1 counts the cuts that both make: 1 where they cut alike, 0 where they share none.",
    "f1_star": "F1* is F1 set to 0 at chance and to 1 at the best that the two rates allow.",
    "kappa": "Cohen's kappa is the agreement on cut or no cut at every byte, beyond the chance of each record: 0 at "
    "chance, 1 at most.",
    "jaccard": "Jaccard is the number of cuts that both make, over the number that at least one makes.",
    "containment_ab": "Of the cuts of the model in the row, the share that the one in the column makes too: the fair "
    "measure between a deeper and a shallower stage.",
    "f1_matched": "F1 between the surest positions of both: as many of each as the one that cuts less has cuts.",
    "spearman": "Whether both rank the positions of a record alike by p, whatever their thresholds: 1 alike, 0 "
    "unrelated.",
    "f1_tolerant": "F1 where a cut one byte away counts as shared.",
    "boundary_similarity": "B gives part of the credit for near misses: 1 where all cuts are alike, 0 where none is.",
    "ari": "The adjusted Rand index asks whether the same pairs of bytes lie in one chunk: 1 alike. Neighbours lie in "
    "one chunk anyhow, so chance is far above 0: read it against the number in brackets.",
    "vi_split": "How many bits it still takes to say in which of the row's chunks a byte lies, once the column's is "
    "known: 0 where the row never cuts inside the column's chunks.",
    "pk": "Pk is how often two bytes a fixed distance apart share a chunk for one and not for the other: 0 alike.",
    "window_diff": "WindowDiff is how often a window holds another number of cuts in one than in the other: 0 alike.",
}
"""Every measure in one sentence."""

GROUPS = {
    "depth": ("depth",),
    "seed": ("seed",),
    "data order": ("data",),
    "domain and depth": ("domain", "depth"),
    "domain, depth and data order": ("domain", "depth", "data"),
}
"""What the page groups models by -> keys of analysis.agreement.groups.KEYS."""
SURE = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
"""q below -> the mark of it in the matrix."""
NO_MARKS = " No stars here: q is of the cuts that are shared, not of this."
NO_MEANS = (
    "{} has no means of groups: it takes one side for the reference. Pick another measure, such as F1*."
)


@dataclass(frozen=True)
class Agreement:
    """table: schema.AGREEMENT, a row a pair; order: (model, stage), alike beside alike."""

    table: pd.DataFrame
    order: tuple[tuple[int, int], ...]


def pairs(comparison: Comparison) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """((model, stage), (other model, stage)); stages of one model are nested by construction and so left out."""
    sides = [[(i, s) for s in range(each.model.n_stages)] for i, each in enumerate(comparison.analyses)]
    return [pair for first, second in combinations(sides, 2) for pair in product(first, second)]


def _cuts(comparison: Comparison) -> dict[tuple[int, int], Segmentation]:
    return {(i, s): positions(comparison.analyses[i], s) for i, s in comparison.sides}


@told
def on_agreement(job: Job, comparison: Comparison, progress: gr.Progress = PROGRESS):
    """Every stage of every model with every stage of the others: all of it, the rows shown, the matrix's order."""
    every, rows, cuts = pairs(comparison), [], _cuts(comparison)
    for done, (first, second) in enumerate(every):
        job.check()
        progress((done, len(every)), desc="agreement", unit="pairs")
        rows.append(compare_segmentations(cuts[first], cuts[second]))
    table = pd.DataFrame(rows)
    table["q_value"] = false_discovery_control(table["p_value"], method="bh")
    table = schema.check(table.astype(schema.AGREEMENT), schema.AGREEMENT)
    names = {(cut.name, cut.stage): side for side, cut in cuts.items()}
    order = tuple(names[each] for each in groups.cluster_order(list(cuts.values())))
    return Agreement(table, order), shown_table(comparison, table), order


def shown_table(comparison: Comparison, table: pd.DataFrame) -> Styler:
    """The rows of schema.AGREEMENT as the page shows them."""
    shown, every = table[list(SHOWN)].rename(columns=SHOWN), pairs(comparison)
    shown.insert(0, "1st", [label(*first) for first, _ in every])
    shown.insert(1, "2nd", [label(*second) for _, second in every])
    least = is_least(table["p_value"], table["shifts"])
    return styled(shown, {"p": least, "q": least})


def on_measure(measure: str) -> str:
    """What a measure means."""
    return HELP.get(measure, "") + ("" if measure in TESTED else NO_MARKS)


@told
def on_matrix(comparison: Comparison | None, agreement: Agreement | None, measure: str):
    """The matrix of a measure: "value (chance) mark" for the row against the column, alike beside alike.

    The mark is there where q is of this measure (TESTED).
    """
    if comparison is None or agreement is None or measure not in MEASURES:
        return gr.skip()
    return matrix(comparison, agreement, measure)


def matrix(comparison: Comparison, agreement: Agreement, measure: str) -> pd.DataFrame:
    """See on_matrix."""
    sides = [label(*side) for side in agreement.order]
    cells = pd.DataFrame("", index=sides, columns=sides)
    _, mirrored, chance = MEASURES[measure]
    back = chance.replace(measure, mirrored) if chance and mirrored else chance
    for (first, second), row in zip(pairs(comparison), agreement.table.to_dict("records"), strict=True):
        cells.loc[label(*first), label(*second)] = _cell(row, measure, chance)
        if mirrored:
            cells.loc[label(*second), label(*first)] = _cell(row, mirrored, back)
    return cells.reset_index(names="")


def _cell(row: dict[str, Any], measure: str, chance: str | None) -> str:
    if pd.isna(row[measure]):
        return "–"
    mark = next((mark for below, mark in SURE if row["q_value"] < below), "") if measure in TESTED else ""
    by_chance = f" ({row[chance]:.3f})" if chance and not pd.isna(row[chance]) else ""
    return f"{row[measure]:.3f}{by_chance} {mark}".rstrip()


@told
def on_groups(comparison: Comparison | None, agreement: Agreement | None, measure: str, by: str):
    """Means of a measure inside and between groups of models, with 95 % intervals over training runs.

    Of a measure that has none the table says so: the matrix, which was asked for, has it all the same.
    """
    if comparison is None or agreement is None:
        return gr.skip()
    if measure not in groups.MEASURES:
        return pd.DataFrame({"groups": [NO_MEANS.format(MEASURES[measure][0].partition(",")[0])]})
    table = group_table(comparison, agreement, by)
    table = table[table["measure"].isin([measure, "fleiss_kappa"])]
    shown = pd.DataFrame(
        {
            "group": _group(table, "a"),
            "with": _group(table, "b"),
            "measure": table["measure"].map(
                lambda name: MEASURES[name][0] if name in MEASURES else "Fleiss' kappa"
            ),
            "models": [f"{a} and {b}" for a, b in zip(table["n_runs_a"], table["n_runs_b"], strict=True)],
            "pairs": table["n_pairs"],
            "mean": table["mean"].round(4),
            "95 % interval": [
                _interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
            ],
        }
    )
    return shown.dropna(subset="mean").reset_index(drop=True)


def group_table(comparison: Comparison, agreement: Agreement, by: str) -> pd.DataFrame:
    """schema.GROUPS of all measures; by: a key of GROUPS."""
    if by not in GROUPS:
        raise InputError(f"groups by {by!r}: pick one of {', '.join(GROUPS)}")
    members = groups.group_labels(infos(comparison.analyses), GROUPS[by])
    return groups.group_table(agreement.table, list(_cuts(comparison).values()), members)


def consensus_table(comparison: Comparison) -> pd.DataFrame:
    """schema.CONSENSUS over the stages compared: of every record, where how many of the models shown cut."""
    names: Sequence[str] = [each.name for each in comparison.analyses[0].sequences]
    return groups.consensus([positions(comparison.analyses[i], s) for i, s in comparison.shown], names)


def _group(table: pd.DataFrame, side: str) -> list[str]:
    return [
        f"{group}, stage {stage}"
        for group, stage in zip(table[f"group_{side}"], table[f"stage_{side}"], strict=True)
    ]


def _interval(low: float, high: float) -> str:
    return "too few runs" if pd.isna(low) else f"{low:.4f} to {high:.4f}"
