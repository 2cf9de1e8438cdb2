"""Do boundaries sit where content surprises the model?"""

import pandas as pd
from scipy.stats import false_discovery_control

from analysis.findings import plots
from analysis.findings.data import Corpus, heads, whole_files
from analysis.findings.document import (
    LEVEL,
    Section,
    decimal,
    folded,
    probability,
    span,
    table,
    text,
    whole,
)
from analysis.findings.study import Study
from analysis.meaning.surprisal import LAGS, surprisal_table, surprisals

_COLUMNS = {
    "label": ("model / stage", text),
    "lag": ("lag", decimal(0)),
    "n_positions": ("positions", whole),
    "n_boundaries": ("boundaries", whole),
    "bits_at_boundary": ("bits there", decimal(3)),
    "bits_elsewhere": ("elsewhere", decimal(3)),
    "spearman": ("Spearman", decimal(3)),
    "auroc": ("AUROC", decimal(3)),
    "z": ("z", decimal(1)),
    "p_value": ("p", probability),
    "q_value": ("q", probability),
}


_WHERE = {0: "the first byte of a chunk", -1: "the byte before it"}
"""Lags that are summed up in words."""


def section(study: Study) -> Section:
    """Every stage of every whole model against its own surprisal."""
    out = Section("Surprisal")
    panels: dict[str, dict] = {}
    for corpus in [*study.texts, *study.pieces]:
        part, left_out = _corpus(study, corpus)
        if left_out:
            out.add(f"{corpus.title}: {', '.join(left_out)} cannot predict, having boundary weights only.")
        if part.empty:
            continue
        out.add(f"### {corpus.title}", f"{part.attrs['n_bytes']:,} bytes of `{corpus.file}`.")
        out.short(
            f"{corpus.title}: {'; '.join(_sentence(part, lag, where) for lag, where in _WHERE.items())}."
        )
        out.add(
            table(part[part["lag"] == 0], _COLUMNS),
            folded("At other lags", table(part[part["lag"] != 0], _COLUMNS)),
        )
        panels[corpus.title] = {
            label: (rows["lag"].to_numpy(), rows["auroc"].to_numpy())
            for label, rows in part.groupby("label", sort=False)
        }
    if panels:
        out.blocks.insert(
            0,
            "Bits that each byte cost the model (-log2 of the probability it was given), at boundaries and "
            "elsewhere: the AUROC is the chance that a boundary's byte costs more than that of another "
            "position the stage sees; Spearman is of boundary probability and bits. Lag 0 is the first byte of "
            "the chunk, -1 the last byte before it. Two-sided p from circular shifts of the boundaries over "
            "the positions; q is Benjamini-Hochberg over one input.",
        )
        svg = plots.lines(panels, "lag in bytes", "AUROC", level=0.5)
        out.plot("surprisal.svg", svg, "AUROC of boundaries by surprisal, by lag")
    return out


def _sentence(part: pd.DataFrame, lag: int, where: str) -> str:
    """How many stages cut where content surprises, and where it does not."""
    rows = part[part["lag"] == lag]
    sure = rows[rows["q_value"] < LEVEL]
    more, less = int((sure["auroc"] > 0.5).sum()), int((sure["auroc"] < 0.5).sum())
    return (
        f"{where} surprises more than other bytes in {more} of {len(rows)} stages, less in {less} (q < 0.05), AUROC "
        f"{span(rows['auroc'])}, Spearman {span(rows['spearman'])}"
    )


def _corpus(study: Study, corpus: Corpus) -> tuple[pd.DataFrame, list[str]]:
    """Rows of all whole models, and the models that cannot predict."""
    take = whole_files if corpus.domain == "code" else heads
    sequences = take(corpus.sequences, study.limits.surprisal_bytes)
    data, parts, left_out = [each.data for each in sequences], [], []
    for label in study.readers(corpus.domain):
        loaded = study.whole(label)
        if loaded is None:
            left_out.append(label)
            continue
        study.say(f"{corpus.title}: surprisal of {label}")
        stages = study.cut(sequences, label)
        parts.append(surprisal_table(stages, surprisals(loaded, data), lags=LAGS, shifts=study.limits.shifts))
    if not parts:
        return pd.DataFrame(), left_out
    found = pd.concat(parts, ignore_index=True)
    tested = found["p_value"].notna()
    found.loc[tested, "q_value"] = false_discovery_control(found.loc[tested, "p_value"], method="bh")
    found["label"] = found["model"].astype(str) + " / " + found["stage"].astype(str)
    found.attrs["n_bytes"] = sum(map(len, data))
    return found, left_out
