"""Do models that differ in seed, data order or depth cut the same places, more than chance would make them?"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.agreement.controls import beyond_pairs
from analysis.agreement.groups import cluster_order, group_labels, group_table
from analysis.agreement.pairs import DENSITY_RATIO, agreement_table
from analysis.boundaries.segmentations import Segmentation
from analysis.findings import plots
from analysis.findings.consensus import consensus
from analysis.findings.data import Corpus
from analysis.findings.document import (
    Section,
    beyond,
    decimal,
    name_of,
    probability,
    span,
    table,
    text,
    whole,
)
from analysis.findings.references import UNTRAINED, controls, references
from analysis.findings.study import Study

_SCORES = {
    "f1": ("F1", decimal(3)),
    "f1_chance": ("chance", decimal(3)),
    "f1_max": ("best", decimal(3)),
    "f1_star": ("F1*", decimal(3)),
    "kappa": ("kappa", decimal(3)),
}
_TESTS = {"z": ("z", decimal(1)), "p_value": ("p", probability), "q_value": ("q", probability)}
_CONTAINED = {
    "containment_ab": ("A in B", decimal(3)),
    "containment_ab_chance": ("chance", decimal(3)),
    "containment_ba": ("B in A", decimal(3)),
    "containment_ba_chance": ("chance", decimal(3)),
}
_LEFT = {"left": ("beyond pairs", decimal(3))}
_PAIR = {"a": ("A", text), "b": ("B", text)}


def section(study: Study) -> Section:
    """English, code, DNA and what else there are models for."""
    out = Section("Agreement across seeds, data orders and depths")
    out.add(
        "A boundary is a byte at which a chunk starts; the first byte of a document is not counted. F1 of two "
        "segmentations, beside what it is by chance (`chance`) and at most (`best`) at their two rates; F1* = (F1 - "
        "chance) / (best - chance), 0 at chance, 1 at best. `beyond pairs` is what is left of F1* when chance knows "
        "which two bytes stand at each place, the one before and the one behind: the rest of F1* comes of cutting at "
        "the same pairs of bytes. `A in B` is the share of A's boundaries that B has. z, p "
        "and q (Benjamini-Hochberg over all pairs of one input, references included) come from "
        f"{study.limits.shifts:,} circular shifts inside each document, or from all shifts of a single record. "
        "Spearman: of the two boundary probabilities at every byte that both stages see. `NAME / 1` is stage 1 of "
        "model NAME. Models of one depth differ in how much they have seen, too (the table above)."
    )
    inputs = [(corpus, study.stages(corpus)) for corpus in study.texts]
    inputs += [(piece, study.piece_stages(piece)) for piece in study.pieces]
    scores = [_corpus(out, study, corpus, stages) for corpus, stages in inputs if stages]
    if scores:
        means = pd.concat(scores).groupby("kind", sort=False)[["f1_star", "beyond_pairs"]].mean()
        said = ", ".join(f"{kind} {decimal(3)(mean)}" for kind, mean in means["f1_star"].items())
        left = decimal(3)(means.loc[UNTRAINED, "beyond_pairs"])
        out.short(
            f"Controls, mean F1* over all inputs and stages: {said}; of the last, beyond what pairs of bytes make, "
            f"{left}."
        )
    return out


def _corpus(out: Section, study: Study, corpus: Corpus, stages: list[Segmentation]) -> pd.DataFrame:
    """One input, told in full. Returns the agreement of its models with their controls."""
    infos = {label: model.info for label, model in study.readers(corpus.domain).items()}
    others = references(study, corpus)
    own = [(a, b) for a, b in combinations(stages, 2) if a.name != b.name]
    left = [beyond_pairs(a, b, corpus.sequences) for a, b in own]
    beside = [(a, b) for a in stages for b in others]
    study.say(f"{corpus.title}: {len(own)} pairs of models, {len(beside)} with references")
    found = _table([*own, *beside], study)
    pairs, rules = found.iloc[: len(own)].assign(left=left), found.iloc[len(own) :]
    out.add(
        f"### {corpus.title}",
        f"`{corpus.file}`, {corpus.n_bytes:,} bytes in {_documents(corpus)}.",
    )
    _same_depth(out, corpus, infos, pairs)
    consensus(out, study, corpus, infos, stages)
    _groups(out, infos, stages, pairs)
    _across(out, corpus, infos, pairs)
    if len(rules):
        out.add("With segmentations by rules (precision: share of the model's boundaries that the rule has):")
        precision = {"precision": ("precision", decimal(3)), "recall": ("recall", decimal(3))}
        out.add(table(rules, _PAIR | _SCORES | precision | _TESTS))
    scores = _controls(out, study, corpus, stages)
    slug = corpus.title.lower().replace(".", "").replace(" ", "-")
    out.plot(
        f"agreement-{slug}.svg",
        _plot(corpus, found, [*stages, *others]),
        f"F1* of every pair, {corpus.title}",
    )
    return scores


def _documents(corpus: Corpus) -> str:
    n = len(corpus.sequences)
    return f"{n:,} documents" if n > 1 else "one document"


def _table(pairs: Sequence[tuple[Segmentation, Segmentation]], study: Study) -> pd.DataFrame:
    if not pairs:
        return pd.DataFrame(columns=["a", "b"])
    found = agreement_table(pairs, shifts=study.limits.shifts)
    names = [(name_of(a), name_of(b) if b.name in study.models else b.name) for a, b in pairs]
    return found.assign(a=[a for a, _ in names], b=[b for _, b in names])


def _differs(row, infos) -> str:
    """What two models of one depth differ in."""
    a, b = infos[row.model_a], infos[row.model_b]
    keys = {"seed": "seed", "data order": "data_seed", "training data": "data"}
    named = [word for word, key in keys.items() if a.get(key) != b.get(key)]
    return ", ".join(named) or "input seen"


def _or(differs: Sequence[str]) -> str:
    """All that is named in any pair: a, b or c."""
    *others, last = sorted({word for words in differs for word in words.split(", ")})
    return f"{', '.join(others)} or {last}" if others else last


def _same_depth(out: Section, corpus: Corpus, infos, pairs: pd.DataFrame) -> None:
    alike = [
        row.stage_a == row.stage_b and infos[row.model_a]["n_stages"] == infos[row.model_b]["n_stages"]
        for row in pairs.itertuples()
    ]
    pairs = pairs[np.array(alike, bool)]
    if pairs.empty:
        out.short(
            f"{corpus.title}: no two models of one depth are bundled, so nothing can be said about seeds."
        )
        return
    pairs = pairs.assign(differs=[_differs(row, infos) for row in pairs.itertuples()])
    found, made = beyond(pairs["q_value"])
    out.short(
        f"{corpus.title}, one depth: models that differ in {_or(pairs['differs'])} agree beyond chance (q < 0.05) in "
        f"{found} of {made} pairs; F1* {span(pairs['f1_star'])}, of which beyond what pairs of bytes make "
        f"{span(pairs['left'])}; kappa {span(pairs['kappa'])}, Spearman {span(pairs['spearman'])}."
    )
    more = {"spearman": ("Spearman", decimal(3))}
    out.add(
        table(pairs, _PAIR | {"differs": ("differ in", text)} | _SCORES | _LEFT | _CONTAINED | more | _TESTS)
    )


def _across(out: Section, corpus: Corpus, infos, pairs: pd.DataFrame) -> None:
    deep = [
        infos[row.model_a]["n_stages"] != infos[row.model_b]["n_stages"] or row.stage_a != row.stage_b
        for row in pairs.itertuples()
    ]
    pairs = pairs[np.array(deep, bool)]
    if pairs.empty:
        return
    found, made = beyond(pairs["q_value"])
    apart = int(pairs["rates_differ"].sum())
    warning = (
        f" In {apart} of {made} pairs one side has more than {DENSITY_RATIO:g} times the boundaries of the "
        "other (marked `apart`): there F1 says little, and containment and VI are to be read."
        if apart
        else ""
    )
    out.short(
        f"{corpus.title}, across depths and stages: beyond chance in {found} of {made} pairs; F1* "
        f"{span(pairs['f1_star'])}.{warning}"
    )
    vi = {
        "vi_split": ("VI split", decimal(2)),
        "vi_split_chance": ("chance", decimal(2)),
        "vi_merge": ("VI merge", decimal(2)),
        "vi_merge_chance": ("chance", decimal(2)),
    }
    out.add("VI split: bits a byte by which A splits the chunks of B; VI merge: by which it merges them.")
    pairs = pairs.assign(density=np.where(pairs["rates_differ"], "apart", "alike"))
    columns = _PAIR | {"density": ("rates", text), "f1": _SCORES["f1"], "f1_star": _SCORES["f1_star"]}
    out.add(table(pairs, columns | _LEFT | _CONTAINED | vi | _TESTS))


def _groups(out: Section, infos, stages: list[Segmentation], pairs: pd.DataFrame) -> None:
    """Means over pairs of runs, with an interval where there are runs enough to resample."""
    if pairs.empty:
        return
    labels = group_labels(infos, ["depth"])
    found = group_table(pairs, stages, labels)
    found = found[found["measure"].isin(["f1", "f1_star", "kappa"]) & (found["n_pairs"] > 1)]
    if found.empty:
        return
    found = found.assign(
        one=[f"{g}, stage {s}" for g, s in zip(found["group_a"], found["stage_a"], strict=True)],
        two=[f"{g}, stage {s}" for g, s in zip(found["group_b"], found["stage_b"], strict=True)],
    )
    columns = {
        "one": ("between", text),
        "two": ("and", text),
        "n_pairs": ("pairs of runs", whole),
        "measure": ("measure", text),
        "mean": ("mean", decimal(3)),
        "low": ("low", decimal(3)),
        "high": ("high", decimal(3)),
    }
    out.add(
        "Means over pairs of runs; low and high are the 95 % interval over resampled runs, where they suffice:"
    )
    out.add(table(found, columns))


def _controls(out: Section, study: Study, corpus: Corpus, stages: list[Segmentation]) -> pd.DataFrame:
    made = controls(study, corpus, stages)
    found = agreement_table([(a, b) for _, a, b in made], shifts=study.limits.shifts)
    left = [beyond_pairs(a, b, corpus.sequences) for _, a, b in made]
    found = found.assign(kind=[kind for kind, _, _ in made], beyond_pairs=left)
    rows = []
    for kind, part in found.groupby("kind", sort=False):
        star = part["f1_star"]
        significant, n = beyond(part["q_value"])
        row = {"kind": kind, "n": n, "mean": star.mean(), "low": star.min(), "high": star.max()}
        row |= {"kappa": part["kappa"].mean(), "beyond": significant}
        rows.append(row | {"left": part["beyond_pairs"].mean()})
    shown = pd.DataFrame(rows)
    out.add(
        "Controls against every stage. The first three know nothing of the input and should score about 0. A model "
        "before its training is not ignorant: its router compares each byte with the one before, so it cuts by the "
        "last two bytes, most of all over the four letters of DNA, and agrees or disagrees as a whole with any model "
        "that follows them in part. One such model says nothing, and F1* of several need not average to 0; `beyond "
        "pairs` should, which is F1* less what is due to each place's two bytes (the null rearranges boundaries among "
        f"the places with the same two). {study.limits.untrained} of them from as many seeds:"
    )
    columns = {"kind": ("control", text), "n": ("comparisons", whole), "mean": ("F1* mean", decimal(3))}
    columns |= {
        "low": ("lowest", decimal(3)),
        "high": ("highest", decimal(3)),
        "kappa": ("kappa mean", decimal(3)),
    }
    columns |= {"beyond": ("q < 0.05", whole), "left": ("beyond pairs, mean", decimal(3))}
    out.add(table(shown, columns))
    return found


def _plot(corpus: Corpus, found: pd.DataFrame, stages: list[Segmentation]) -> bytes:
    """F1* of what was compared, alike beside alike."""
    names = {(s.name, s.stage): s for s in stages}
    order = [names[key] for key in cluster_order(stages)]
    place = {(s.name, s.stage): i for i, s in enumerate(order)}
    values = np.full((len(order), len(order)), np.nan)
    for row in found.itertuples():
        i, j = place[row.model_a, row.stage_a], place[row.model_b, row.stage_b]
        values[i, j] = values[j, i] = row.f1_star
    models = set(found["model_a"])
    labels = [name_of(s) if s.name in models else s.name for s in order]
    return plots.matrix(labels, values, f"{corpus.title}: F1* (0 chance, 1 best)")
