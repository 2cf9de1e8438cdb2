"""Do boundaries keep step with the codons of genes that no model has seen?"""

from collections.abc import Sequence

import pandas as pd

from analysis.findings import plots
from analysis.findings.document import (
    Section,
    beyond,
    decimal,
    percent,
    probability,
    span,
    table,
    text,
    whole,
)
from analysis.findings.study import Study

PUBLISHED = ("dnaHNet stage 1, *B. subtilis* (arXiv 2602.10603)", 0.065, 0.426, 0.584)
"""Rates at the first, second and third codon position, forward genes."""


def section(study: Study) -> Section:
    """Rates at the codon positions, by strand, on every annotated genome."""
    out = Section("Codon phase")
    if not study.readers("dna") or not study.genomes:
        return out
    out.add(
        "Boundary rate at the first, second and third position of the codons of annotated genes, counted in the "
        "direction of transcription; a boundary belongs to the base that starts a chunk, so a cut between two codons "
        "shows at position 1 of forward and at position 3 of reverse genes. R is Rayleigh's, 0 where the three are "
        f"alike. Null: {study.limits.shifts:,} times, the boundaries of every gene turned inside that gene by "
        "an amount of its own, which keeps their spacing and a rhythm of three, and loses how it lies to the "
        "reading frame. q (Benjamini-Hochberg) is over all tests of one genome, the next section's included; "
        "the textbook p takes every boundary for independent, which they are not."
    )
    panels = {}
    for genome in study.genomes:
        found = study.enrichment(genome)
        found = found[(found["analysis"] == "codon_phase") & (found["frame"] == 0) & (found["strand"] != ".")]
        rows = pd.DataFrame(list(_rows(found)))
        if rows.empty:
            continue
        title = genome.corpus.title
        n_bases, n_seen = int(rows.groupby("strand")["n_bases"].first().sum()), genome.corpus.n_bytes
        out.add(f"### {title}", f"{n_seen:,} bases, {n_bases:,} of them with one codon position.")
        significant, made = beyond(rows["q_chi"])
        out.short(
            f"{title}: the rates at the three codon positions differ beyond chance (chi-square, q < 0.05) in "
            f"{significant} of {made} tests (a stage of a model on a strand); R {span(rows['r'], 3)}, by chance "
            f"{span(rows['r_chance'], 3)}. {_strongest(rows)}"
        )
        out.add(table(_with_target(rows, title), _COLUMNS))
        for name in ("forward", "reverse"):
            part = rows[rows["strand"] == name]
            if len(part):
                panels[f"{title}, {name}"] = {
                    r.model: [r.rate_1, r.rate_2, r.rate_3] for r in part.itertuples()
                }
    if panels:
        out.plot(
            "codon-phase.svg",
            plots.grouped_bars(panels, ("1", "2", "3"), "boundaries a base"),
            "Boundary rate by codon position",
        )
    return out


_COLUMNS = {
    "model": ("model / stage", text),
    "strand": ("genes", text),
    "n_boundaries": ("boundaries", whole),
    "rate_1": ("position 1", percent),
    "rate_2": ("2", percent),
    "rate_3": ("3", percent),
    "chance": ("all, chance", percent),
    "r": ("R", decimal(3)),
    "r_chance": ("chance", decimal(3)),
    "q_r": ("q of R", probability),
    "chi": ("chi-square", decimal(0)),
    "z_chi": ("z", decimal(1)),
    "p_chi": ("p", probability),
    "q_chi": ("q", probability),
    "textbook": ("textbook p", probability),
}


def _rows(found: pd.DataFrame) -> Sequence[dict]:
    """A row a model, stage and strand, from the five measures of each."""
    for (model, stage, strand), part in found.groupby(
        ["model", "stage", "strand"], sort=False, observed=True
    ):
        by = {row.measure: row for row in part.itertuples()}
        if "chi_square" not in by:
            continue
        chi, r = by["chi_square"], by["rayleigh_r"]
        row = {"model": f"{model} / {stage}", "strand": {"+": "forward", "-": "reverse"}[strand]}
        row |= {
            "n_bases": chi.n_bases,
            "n_boundaries": chi.n_boundaries,
            "chance": chi.n_boundaries / chi.n_bases,
        }
        row |= {name: by[name].value for name in ("rate_1", "rate_2", "rate_3")}
        row |= {"r": r.value, "r_chance": r.expected, "q_r": r.q_value, "chi": chi.value, "z_chi": chi.z}
        yield row | {"p_chi": chi.p_value, "q_chi": chi.q_value, "textbook": chi.p_asymptotic}


def _strongest(rows: pd.DataFrame) -> str:
    """Who keeps step best, if anybody does."""
    kept = rows[(rows["q_r"] < 0.05) & (rows["q_chi"] < 0.05)]
    if kept.empty:
        return "No model is in step with the codons beyond chance."
    best = kept.loc[kept["r"].idxmax()]
    rates = " / ".join(percent(best[f"rate_{k}"]).removesuffix(" %") for k in (1, 2, 3))
    return f"Farthest goes {best['model']} on {best['strand']} genes: {rates} %."


def _with_target(rows: pd.DataFrame, title: str) -> pd.DataFrame:
    """The published rates of another model on another bacterium as the last line, for the bacteria."""
    if title.startswith(("Yeast", "Phage")):
        return rows
    name, *rates = PUBLISHED
    target = {
        "model": name,
        "strand": "forward",
        **dict(zip(("rate_1", "rate_2", "rate_3"), rates, strict=True)),
    }
    return pd.concat([rows, pd.DataFrame([target])], ignore_index=True)
