"""Do boundaries sit where content surprises the model?"""

import pandas as pd
from scipy.stats import false_discovery_control

from analysis.findings import plots
from analysis.findings.data import Corpus, heads, whole_files
from analysis.findings.document import LEVEL, Answer, Tables, decimal, listed, table, text
from analysis.findings.study import Study
from analysis.meaning.surprisal import LAGS, surprisal_table, surprisals

FIRST, BEFORE = 0, -1
"""Lags: the first byte of a chunk, and the byte before it."""


def tables(study: Study) -> Tables:
    """surprisal: every stage of every whole model against its own surprisal, at every lag."""
    parts = [_corpus(study, corpus) for corpus in [*study.texts, *study.pieces]]
    filled = [part for part in parts if len(part)]
    return {"surprisal": pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()}


def _corpus(study: Study, corpus: Corpus) -> pd.DataFrame:
    """Rows of all whole models; q over one input."""
    take = whole_files if corpus.domain == "code" else heads
    sequences = take(corpus.sequences, study.limits.surprisal_bytes)
    data, parts = [each.data for each in sequences], []
    for label in study.readers(corpus.domain):
        loaded = study.whole(label)
        if loaded is None:
            study.say(f"{corpus.title}: {label} has boundary weights only and cannot predict")
            continue
        study.say(f"{corpus.title}: surprisal of {label}")
        stages = study.cut(sequences, label)
        parts.append(surprisal_table(stages, surprisals(loaded, data), lags=LAGS, shifts=study.limits.shifts))
    if not parts:
        return pd.DataFrame()
    found = pd.concat(parts, ignore_index=True)
    tested = found["p_value"].notna()
    found.loc[tested, "q_value"] = false_discovery_control(found.loc[tested, "p_value"], method="bh")
    return found.assign(input=corpus.title, n_bytes=sum(map(len, data)))[["input", "n_bytes", *found.columns]]


def answer(found: Tables) -> Answer | None:
    """The AUROC of boundaries by surprisal at the first byte of a chunk, by input, beside 0.5."""
    rows = found["surprisal"]
    first = rows[rows["lag"] == FIRST] if len(rows) else rows
    if first.empty:
        return None
    shown = first.groupby("input", sort=False).agg(auroc=("auroc", "median"), spearman=("spearman", "median"))
    shown["tests"] = [ways(part) for _, part in first.groupby("input", sort=False)]
    columns = {
        "input": ("input", text),
        "auroc": ("AUROC, median (0.5 by chance)", decimal(2)),
        "spearman": ("Spearman, median", decimal(2)),
        "tests": ("q < 0.05", text),
    }
    before = rows[rows["lag"] == BEFORE]
    said = [f"The byte before the boundary costs {ways(before)} (q < {LEVEL})."] if len(before) else []
    return Answer(
        "Do boundaries sit where content surprises the model?",
        verdict(first),
        said,
        table(shown.reset_index(), columns),
        ("surprisal.svg", "AUROC of every stage, by input", _plot(rows)),
        "One direction in every model of a domain; longer trainings of the same recipes, since a model that predicts "
        "better is surprised elsewhere.",
        ("surprisal",),
    )


def ways(part: pd.DataFrame) -> str:
    """In how many stages boundaries surprise more, and in how many less."""
    sure = part[part["q_value"] < LEVEL]
    more, less = int((sure["auroc"] > 0.5).sum()), int((sure["auroc"] < 0.5).sum())
    return f"more bits in {more}, fewer in {less} of {len(part)} stages"


def verdict(first: pd.DataFrame) -> list[str]:
    """Where the first bytes of chunks surprise in all stages, in none, or in some and not in others."""
    same: dict[str, list[str]] = {}
    for title, part in first.groupby("input", sort=False):
        sure = part[part["q_value"] < LEVEL]
        more, less = (sure["auroc"] > 0.5).sum(), (sure["auroc"] < 0.5).sum()
        kind = (
            "more"
            if more == len(part)
            else "less"
            if less == len(part)
            else "mixed"
            if more or less
            else "none"
        )
        same.setdefault(kind, []).append(title)
    words = {
        "none": "**No in {}**: no stage is beyond chance.",
        "mixed": "**It depends on the model in {}**: the first byte of a chunk costs some models more bits than other "
        "bytes do, others fewer or as many.",
        "less": "**The reverse in {}**: the first byte of a chunk costs every model fewer bits than other bytes do.",
        "more": "**Yes in {}**: the first byte of a chunk costs every model more bits than other bytes do.",
    }
    return [sentence.format(listed(same[kind])) for kind, sentence in words.items() if kind in same]


def _plot(rows: pd.DataFrame) -> bytes:
    panels = {}
    for title, part in rows.groupby("input", sort=False):
        at = {lag: part.loc[part["lag"] == lag, "auroc"].tolist() for lag in (FIRST, BEFORE)}
        panels[title] = {"first byte of the chunk": at[FIRST], "byte before it": at[BEFORE]}
    return plots.strips(panels, "AUROC: a boundary surprises more than another position", level=0.5)
