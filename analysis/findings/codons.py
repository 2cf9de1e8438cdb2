"""Do boundaries keep step with the codons of genes that no model has seen?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.findings import plots
from analysis.findings.document import (
    LEVEL,
    Answer,
    Tables,
    beyond,
    decimal,
    of,
    percent,
    table,
    text,
)
from analysis.findings.study import Study, by_pairs
from analysis.genome.codon_phase import rayleigh
from analysis.genome.enrichment import Genome

PUBLISHED = (0.065, 0.426, 0.584)
"""Rates at the codon positions, forward genes of B. subtilis, of dnaHNet stage 1 (arXiv 2602.10603)."""


def tables(study: Study) -> Tables:
    """codon_phase: rates at the three codon positions of every stage, by genome and strand; all genes, all frames."""
    rows = [row for genome in study.genomes if study.readers("dna") for row in _genome(study, genome)]
    return {"codon_phase": pd.DataFrame(rows)}


def _genome(study: Study, genome) -> Iterator[dict]:
    found = study.enrichment(genome)
    found = found[(found["analysis"] == "codon_phase") & (found["frame"] == 0) & (found["strand"] != ".")]
    (record,) = genome.corpus.sequences
    made = {(c.model, c.stage): by_pairs(record.data, c.laid) for c in study.marks(genome)}
    for row in wide(found):
        pairs = made[row["model"], row["stage"]]
        r_pairs = _r_of_pairs(study.annotated(genome), pairs, row["strand"] == "-")
        yield {"genome": genome.corpus.title, **row, "r_pairs": r_pairs}


def wide(found: pd.DataFrame) -> Iterator[dict]:
    """A row a model, stage and strand, from the five measures of each."""
    keys = ["model", "stage", "strand"]
    for key, part in found.groupby(keys, sort=False, observed=True):
        by = {row.measure: row for row in part.itertuples()}
        if "chi_square" not in by:
            continue
        chi, r = by["chi_square"], by["rayleigh_r"]
        row = dict(zip(keys, key, strict=True)) | {"n_bases": chi.n_bases, "n_boundaries": chi.n_boundaries}
        row |= {name: by[name].value for name in ("rate_1", "rate_2", "rate_3")}
        row |= {"r": r.value, "r_chance": r.expected, "r_q_value": r.q_value, "chi_square": chi.value}
        row |= {"z": chi.z, "shifts": chi.shifts, "p_value": chi.p_value, "q_value": chi.q_value}
        yield row | {"p_asymptotic": chi.p_asymptotic}


def _r_of_pairs(annotated: Genome, rate: np.ndarray, reverse: bool) -> float:
    """R of boundaries that fall by the two bases at each place alone, at the model's rates."""
    codons = annotated.codons
    here = codons.reverse == reverse
    counts = np.bincount(codons.position[here], weights=rate[codons.base[here]], minlength=3)
    return float(rayleigh(counts))


def answer(found: Tables) -> Answer | None:
    """R by genome beside what chance and pairs of bases make, and whether models prefer one position."""
    rows = found["codon_phase"]
    if rows.empty:
        return None
    shown = rows.groupby("genome", sort=False).agg(
        r=("r", "median"), r_chance=("r_chance", "median"), r_pairs=("r_pairs", "median")
    )
    tests = rows.groupby("genome", sort=False)["q_value"].apply(lambda q: of(*beyond(q), "tests"))
    columns = {
        "genome": ("genome", text),
        "r": ("R, median", decimal(3)),
        "r_chance": ("by chance", decimal(3)),
        "r_pairs": ("by pairs of bases alone", decimal(3)),
        "tests": ("rates differ, q < 0.05", text),
    }
    return Answer(
        "Do boundaries keep step with codons?",
        verdict(rows),
        _preferred(rows),
        table(shown.assign(tests=tests).reset_index(), columns),
        ("codon_phase.svg", "R of every stage by genome and strand", _plot(rows)),
        "Models that all prefer the same position, with an R far above what their pairs of bases make; the published "
        f"rates of another model (dnaHNet stage 1 on *B. subtilis*, {' / '.join(percent(r) for r in PUBLISHED)}) make "
        f"an R of {decimal(2)(float(rayleigh(np.array(PUBLISHED))))}.",
        ("codon_phase", "enrichment"),
    )


def verdict(rows: pd.DataFrame) -> list[str]:
    """Whether rates differ by codon position, and how much of that pairs of bases make."""
    significant, made = beyond(rows["q_value"])
    tests = f"{of(significant, made, 'tests')} (a stage on a strand of a genome; q < {LEVEL})"
    if significant <= made * LEVEL:
        return [f"**No.** Rates differ by codon position in {tests}, no more than chance makes."]
    r, chance, pairs = (rows[name].median() for name in ("r", "r_chance", "r_pairs"))
    common = _position(rows)
    word = f"Yes, all at position {common}" if common else "In part: models prefer different positions"
    share = "all" if pairs >= r else percent(pairs / r)
    return [
        f"**{word}.** Rates at the three codon positions differ in {tests}, by an R of {decimal(3)(r)} in the median "
        f"(by chance {decimal(3)(chance)}; 1 would be all cuts at one position).",
        f"Codon positions differ in their bases: cuts by pairs of bases alone would make {share} of that R.",
    ]


def _favourite(rows: pd.DataFrame) -> pd.Series:
    """The codon position, 1 to 3, at which each row's rate is highest."""
    return rows[["rate_1", "rate_2", "rate_3"]].to_numpy().argmax(axis=1) + 1


def _position(rows: pd.DataFrame) -> int:
    """The position that every stage prefers on forward genes; 0 where there is none."""
    found = set(_favourite(rows[rows["strand"] == "+"]))
    return int(found.pop()) if len(found) == 1 else 0


def _preferred(rows: pd.DataFrame) -> list[str]:
    """How many stages prefer which position, on forward genes."""
    rows = rows[rows["strand"] == "+"]
    if rows.empty:
        return []
    said = []
    for genome, part in rows.groupby("genome", sort=False):
        counts = np.bincount(_favourite(part), minlength=4)[1:]
        said.append(f"{genome} {' / '.join(map(str, counts))}")
    return [f"Stages whose rate is highest at position 1 / 2 / 3 of forward genes: {', '.join(said)}."]


def _plot(rows: pd.DataFrame) -> bytes:
    names = {"+": "forward genes", "-": "reverse genes"}
    panels = {}
    for (genome, strand), part in rows.groupby(["genome", "strand"], sort=False):
        panels[f"{genome}, {names[strand]}"] = {
            "R": part["r"].tolist(),
            "by pairs of bases alone": part["r_pairs"].tolist(),
            "by chance": [part["r_chance"].median()],
        }
    return plots.strips(panels, "R (0: the three codon positions are alike)", ticks=("by chance",))
