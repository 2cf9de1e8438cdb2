"""Do boundaries fall where the words of treebanks start, in languages the models know and in others?"""

import pandas as pd

from analysis.agreement.gold_words import word_table
from analysis.boundaries.segmentations import cut
from analysis.findings import plots
from analysis.findings.data import Treebank
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
from analysis.references.names import segmenter

RATES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
"""Constant rates of random boundaries, besides a boundary at every byte."""

_COLUMNS = {
    "language": ("language", text),
    "gold": ("treebank", text),
    "label": ("model / stage", text),
    "n_model": ("boundaries", whole),
    "f1": ("F1", decimal(3)),
    "f1_chance": ("chance", decimal(3)),
    "constant": ("best constant rate", decimal(3)),
    "f1_max": ("best", decimal(3)),
    "f1_star": ("F1*", decimal(3)),
    "precision": ("precision", decimal(3)),
    "recall": ("recall", decimal(3)),
    "z": ("z", decimal(1)),
    "p_value": ("p", probability),
    "q_value": ("q", probability),
}


def section(study: Study) -> Section:
    """Every stage of every model of text or code, on every treebank."""
    out = Section("Gold words")
    readers = [label for label, model in study.models.items() if model.info.get("domain") != "dna"]
    if not readers or not study.treebanks:
        return out
    parts = [_bank(study, bank, readers) for bank in study.treebanks]
    found = pd.concat([part for part, _ in parts], ignore_index=True)
    banks = pd.DataFrame([about for _, about in parts])
    out.add(
        "F1 of boundaries with the starts of gold words (surface tokens). A word starts anywhere from the "
        "white space before it to its first byte: these are one place. `chance` is what the same boundaries "
        f"reach when they are shifted among the bytes ({study.limits.word_shifts} circular shifts of each document); "
        "`best constant rate` is the best that random boundaries of any rate reach, a boundary at every byte "
        "included: F1 below it needs no model. F1* = (F1 - chance) / (best - chance). The models know English, "
        "Chinese or Python as their `domain` says; in the other languages they are out of their depth, and that is "
        "part of the question."
    )
    _sentences(out, study, found)
    columns = {"language": ("language", text), "gold": ("treebank", text), "n_bytes": ("bytes", whole)}
    columns |= {"n_gold": ("gold words", whole), "constant": ("best constant rate", decimal(3))}
    columns |= {"every": ("a boundary at every byte", decimal(3)), "unicode": ("Unicode words", decimal(3))}
    out.add("What needs no learning, F1:", table(banks, columns))
    grid = found.pivot_table("f1_star", ["language", "gold"], "label", sort=False).reset_index()
    labels = [name for name in grid.columns if name not in ("language", "gold")]
    heads = {"language": ("language", text), "gold": ("treebank", text)}
    out.add("F1* of every model:", table(grid, heads | {name: (name, decimal(3)) for name in labels}))
    out.add(folded("Every number", table(found, _COLUMNS)))
    rows = [f"{row.language} ({row.gold.replace('-ud-', ' ')})" for row in banks.itertuples()]
    series = {name: found.loc[found["label"] == name, "f1"].tolist() for name in labels}
    marks = {"best constant rate": banks["constant"].tolist(), "Unicode words": banks["unicode"].tolist()}
    out.plot(
        "gold-words.svg",
        plots.dots(rows, series, "F1 with gold words", marks),
        "F1 with gold words, by treebank",
    )
    return out


def _bank(study: Study, bank: Treebank, readers: list[str]) -> tuple[pd.DataFrame, dict]:
    """Rows of all models, and what rules reach."""
    study.say(f"{bank.name}: gold words")
    texts, sequences = list(bank.texts), [each.sequence for each in bank.texts]
    stages = [stage for label in readers for stage in study.cut(sequences, label)]
    found = _at_words(word_table(stages, texts, bank.name, shifts=study.limits.word_shifts))
    names = ["ref:words", "ref:fixed:1", *(f"ref:random:{rate}" for rate in RATES)]
    rules = [stage for name in names for stage in cut(sequences, segmenter(name))]
    # One shift: of the rules F1 is wanted, not its significance.
    reached = _at_words(word_table(rules, texts, bank.name, shifts=1)).set_index("model")["f1"]
    constant = float(reached.drop("ref:words").max())
    found = found.assign(
        language=bank.language,
        label=found["model"].astype(str) + " / " + found["stage"].astype(str),
        constant=constant,
    )
    about = {"language": bank.language, "gold": bank.name, "n_bytes": bank.n_bytes}
    about |= {"n_gold": int(found["n_gold"].iloc[0]), "constant": constant, "every": reached["ref:fixed:1"]}
    return found, about | {"unicode": reached["ref:words"]}


def _at_words(found: pd.DataFrame) -> pd.DataFrame:
    return found[(found["units"] == "surface") & (found["place"] == "gap")].reset_index(drop=True)


def _sentences(out: Section, study: Study, found: pd.DataFrame) -> None:
    """For every model: in how many languages it is beyond chance, and above what a constant rate reaches."""
    for label, part in found.groupby("label", sort=False):
        sure = part[part["q_value"] < LEVEL]
        above = part[(part["f1"] > part["constant"]) & (part["q_value"] < LEVEL)]
        beaten = (
            f"; above the best constant rate in {', '.join(sorted(set(above['language'])))}"
            if len(above)
            else ""
        )
        none = "" if len(above) else "; nowhere above the best constant rate"
        out.short(
            f"{label}: agrees with the words of {len(sure)} of {len(part)} treebanks beyond chance, F1* "
            f"{span(part['f1_star'])}{beaten}{none}."
        )
    languages = found["language"].nunique()
    whole = all(bank.whole for bank in study.treebanks)
    size = "each of them whole" if whole else f"at most {study.limits.gold_bytes:,} bytes each"
    out.add(f"{languages} languages, {found['gold'].nunique()} treebanks, {size}.")
