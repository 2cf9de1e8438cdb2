"""Do models that differ in seed, data order or depth cut the same places, more than chance would make them?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd
from scipy.stats import false_discovery_control

from analysis.agreement.controls import beyond_pairs
from analysis.agreement.groups import group_labels, group_table
from analysis.agreement.pairs import agreement_table
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.p_values import is_least, shown
from analysis.findings import plots
from analysis.findings.consensus import consensus_rows
from analysis.findings.data import Corpus
from analysis.findings.document import (
    LEVEL,
    Answer,
    Tables,
    beyond,
    decimal,
    listed,
    percent,
    probability,
    span,
    table,
    text,
)
from analysis.findings.references import controls, references
from analysis.findings.study import Study

SMALL = 0.05
"""F1* beyond pairs of bytes below this is called hardly any."""
MODELS, REFERENCES = "models", "references"
"""Kinds of pairs in the table `agreement`, beside those of analysis.findings.references."""


def tables(study: Study) -> Tables:
    """agreement: every pair of each input. before_training: the same beyond pairs of bytes, of many untrained models.

    consensus: what all models of a depth share. groups: means over pairs.
    """
    inputs = [(corpus, study.stages(corpus)) for corpus in study.texts]
    inputs += [(piece, study.piece_stages(piece)) for piece in study.pieces]
    pairs, blank, shared, groups = [], [], [], []
    for corpus, stages in inputs:
        if not stages:
            continue
        infos = {label: model.info for label, model in study.readers(corpus.domain).items()}
        own, rest = _own(study, corpus, infos, stages), _beside(study, corpus, infos, stages)
        pairs += [_titled(own, corpus), _titled(rest, corpus)]
        blank.append(_titled(pd.DataFrame(_blank(study, corpus, stages)), corpus))
        rows = consensus_rows(infos, stages, study.limits.shifts)
        shared.append(_titled(pd.DataFrame(rows), corpus))
        if len(own):
            means = group_table(own, stages, group_labels(infos, ["depth"]))
            groups.append(_titled(means[means["n_pairs"] > 0], corpus))
    found = {"agreement": pairs, "before_training": blank, "consensus": shared, "groups": groups}
    return {name: _stacked(parts) for name, parts in found.items()}


def _titled(found: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    return found.assign(input=corpus.title)[["input", *found.columns]] if len(found) else pd.DataFrame()


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _own(study: Study, corpus: Corpus, infos, stages: list[Segmentation]) -> pd.DataFrame:
    """Every stage of every model beside those of the others."""
    pairs = [(a, b) for a, b in combinations(stages, 2) if a.name != b.name]
    study.say(f"{corpus.title}: {len(pairs)} pairs of models")
    return _rows(study, corpus, infos, pairs, [MODELS] * len(pairs))


def _beside(study: Study, corpus: Corpus, infos, stages: list[Segmentation]) -> pd.DataFrame:
    """Every stage beside segmentations by rules, and beside controls."""
    rules = [(a, b) for a in stages for b in references(study, corpus)]
    blank = controls(study, corpus, stages)
    parts = [_rows(study, corpus, infos, rules, [REFERENCES] * len(rules))]
    parts.append(_rows(study, corpus, infos, [(a, b) for _, a, b in blank], [kind for kind, _, _ in blank]))
    return _stacked(parts)


def _blank(study: Study, corpus: Corpus, stages: list[Segmentation]) -> Iterator[dict[str, Any]]:
    """F1* beyond pairs of bytes of every stage with that of models of its architecture before training."""
    for labels, seed, others in study.before_training(corpus):
        for stage in (each for each in stages if each.name in labels):
            left = beyond_pairs(stage, others[stage.stage], corpus.sequences)
            yield {"model": stage.name, "stage": stage.stage, "seed": seed, "f1_star_beyond_pairs": left}


def _rows(
    study: Study,
    corpus: Corpus,
    infos: Mapping[str, Mapping[str, Any]],
    pairs: Sequence[tuple[Segmentation, Segmentation]],
    kinds: Sequence[str],
) -> pd.DataFrame:
    """schema.AGREEMENT, behind what kind of pair it is, with F1* beyond pairs of bytes as the last column."""
    if not pairs:
        return pd.DataFrame()
    found = agreement_table(pairs, shifts=study.limits.shifts)
    depths = [[infos[s.name]["n_stages"] if s.name in infos else 0 for s in pair] for pair in pairs]
    about = {"kind": kinds, "depth_a": [a for a, _ in depths], "depth_b": [b for _, b in depths]}
    about["differ"] = [
        _differ(infos[a.name], infos[b.name]) if kind == MODELS else ""
        for kind, (a, b) in zip(kinds, pairs, strict=True)
    ]
    left = [beyond_pairs(a, b, corpus.sequences) for a, b in pairs]
    return pd.concat([pd.DataFrame(about), found.assign(f1_star_beyond_pairs=left)], axis=1)


def _differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """What two models differ in, besides their depth."""
    keys = {"seed": "seed", "data order": "data_seed", "training data": "data"}
    return ", ".join(word for word, key in keys.items() if a.get(key) != b.get(key)) or "input seen"


def answer(found: Tables) -> Answer | None:
    """Pairs of one depth and stage: F1*, what is left of it beyond pairs of bytes, and the same before training."""
    pairs = found["agreement"]
    if pairs.empty:
        return None
    same_depth = (pairs["depth_a"] == pairs["depth_b"]) & (pairs["stage_a"] == pairs["stage_b"])
    alike = pairs[(pairs["kind"] == MODELS) & same_depth]
    dna = set(found["inputs"].loc[found["inputs"]["domain"] == "dna", "input"])
    blank = found["before_training"]
    rows = corrected(pd.DataFrame([summary(each, alike, blank) for each in dict.fromkeys(pairs["input"])]))
    columns = {
        "input": ("input", text),
        "star": ("F1*, median", decimal(2)),
        "significant": ("q < 0.05", text),
        "left": ("F1* beyond pairs of bytes, median", decimal(3)),
        "before": ("of models before training, lowest to highest", text),
        "q": ("q", probability),
    }
    tests = [f"{row.significant} of {row.n} pairs" if row.n else "-" for row in rows.itertuples()]
    told = rows.assign(significant=tests)
    return Answer(
        "Do two trainings cut at the same places?",
        verdicts(rows, dna),
        [*details(rows), *_consensus(found["consensus"])],
        table(told, columns),
        ("agreement.svg", "F1* of models of one depth, and beyond pairs of bytes", _plot(rows, alike, blank)),
        "More trainings of each recipe, not chosen by what they cut, whose median beyond pairs of bytes is above that "
        "of models before training, and not small.",
        ("agreement", "before_training", "consensus", "groups"),
    )


def summary(title: str, alike: pd.DataFrame, blank: pd.DataFrame) -> dict[str, Any]:
    """One input. p: how often models before training, each beside a trained one, leave as much beyond pairs."""
    own, blank = (part[part["input"] == title] for part in (alike, blank))
    median, before = own["f1_star_beyond_pairs"].median(), blank["f1_star_beyond_pairs"].dropna()
    p = (1 + (before >= median).sum()) / (1 + len(before)) if len(own) and len(before) else float("nan")
    about = {"input": title, "n": len(own), "star": own["f1_star"].median(), "left": median, "p": p}
    return about | {
        "before": span(before, 3),
        "significant": beyond(own["q_value"])[0],
        "stars": span(own["f1_star"]),
    }


def corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with q, Benjamini-Hochberg over the inputs."""
    tested, q = rows["p"].notna(), pd.Series(float("nan"), index=rows.index)
    if tested.any():
        q[tested] = false_discovery_control(rows.loc[tested, "p"].to_numpy(float))
    return rows.assign(q=q)


def verdicts(rows: pd.DataFrame, dna: Collection[str]) -> list[str]:
    """Beyond pairs of bytes: where not, where so, and what cannot be said. dna: inputs that models of DNA read."""
    known, single = rows[rows["n"] > 0], rows[rows["n"] == 0]
    sure, large = known["q"] < LEVEL, known["left"] >= SMALL
    none, hardly, some = known[~sure], known[sure & ~large], known[sure & large]
    out = []
    if len(none):
        out.append(
            f"**Not beyond pairs of bytes in {listed(none['input'])}.** Once the two bytes around a place are known, "
            "models of one depth agree no more than a model before training agrees with them."
        )
    if len(hardly):
        out.append(
            f"**Hardly in {listed(hardly['input'])}**: more than models before training, but by less than {SMALL:g} on "
            "a scale from 0 (chance) to 1 (best)."
        )
    of_dna = known[known["input"].isin(dna)]
    if len(of_dna) and not set(of_dna["input"]) & set(some["input"]):
        out.append("The models of DNA are weak: they share little more than a preference for pairs of bases.")
    if len(some):
        out.append(
            f"**Yes in {listed(some['input'])}**: beyond pairs of bytes, and more than models before training."
        )
    if len(single):
        out.append(f"Of {listed(single['input'])} nothing can be said: there are no two models of one depth.")
    return out


def details(rows: pd.DataFrame) -> list[str]:
    """How many pairs of models agree, pairs of bytes included."""
    known = rows[rows["n"] > 0]
    said = [f"{row.input} {row.significant} of {row.n} (F1* {row.stars})" for row in known.itertuples()]
    return (
        [f"Pairs of models that agree beyond chance, pairs of bytes included: {', '.join(said)}."]
        if said
        else []
    )


def _consensus(shared: pd.DataFrame) -> list[str]:
    """Of each input the depth with the most models: how much all of them share."""
    if shared.empty:
        return []
    said = []
    for title, part in shared.groupby("input", sort=False):
        row = part.loc[part["n_models"].idxmax()]
        word = "more" if row["p_value"] < LEVEL else "no more"
        p = shown(row["p_value"], is_least(row["p_value"], row["shifts"]))
        chance = f"{percent(row['share_chance'])}, p {p}"
        said.append(
            f"{title} {percent(row['share'])} ({row['n_models']} models; {word} than by chance, {chance})"
        )
    return [f"Of the places where any model of one depth cuts, all of them cut: {', '.join(said)}."]


def _plot(rows: pd.DataFrame, alike: pd.DataFrame, blank: pd.DataFrame) -> bytes:
    parts = {"F1*": (alike, "f1_star"), "F1* beyond pairs of bytes": (alike, "f1_star_beyond_pairs")}
    parts["the same, models before training"] = (blank, "f1_star_beyond_pairs")
    marks = {
        title: {
            name: part.loc[part["input"] == title, column].tolist() for name, (part, column) in parts.items()
        }
        for title in rows["input"]
    }
    return plots.strips(marks, "F1* (0 at chance, 1 at best)", level=0)
