"""Do boundaries prefer genes, the space between them, or the ends of coding sequences?"""

import pandas as pd

from analysis.findings import plots
from analysis.findings.data import AnnotatedGenome
from analysis.findings.document import (
    LEVEL,
    Section,
    beyond,
    decimal,
    folded,
    percent,
    probability,
    table,
    text,
    whole,
)
from analysis.findings.study import Study
from analysis.genome.features import UPSTREAM, sites
from analysis.genome.profiles import PROFILE_DRAWS, profile_table

WINDOW = 30
"""Bases on either side of a site."""
_SITES = ("start", "stop")

_COLUMNS = {
    "model": ("model / stage", text),
    "feature": ("class", text),
    "n_bases": ("bases", whole),
    "n_boundaries": ("boundaries", whole),
    "value": ("rate", percent),
    "expected": ("chance", percent),
    "ratio": ("rate / chance", decimal(3)),
    "z": ("z", decimal(1)),
    "p_value": ("p", probability),
    "q_value": ("q", probability),
}


def section(study: Study) -> Section:
    """Rates in every class of features, at start and stop codons, and around them base by base."""
    out = Section("Features of genomes")
    if not study.readers("dna") or not study.genomes:
        return out
    out.add(
        "Boundary rate (boundaries a base) in each class of annotated features, both strands together, beside "
        "the rate "
        f"when the boundaries are shifted along the record {study.limits.shifts:,} times; two-sided p, q over "
        "all tests "
        f"of one genome. `upstream`: the last {UPSTREAM} bases before a gene as far as they are intergenic. "
        "Published to set beside, of another model on *B. subtilis* at its stage 2 (dnaHNet, arXiv "
        "2602.10603): start codons 81.3 %, promoters 71.5 %, intergenic 74.6 %, CDS 48.4 %."
    )
    curves: dict[str, dict] = {}
    for genome in study.genomes:
        title = genome.corpus.title
        found = study.enrichment(genome)
        found = found.assign(
            model=found["model"].astype(str) + " / " + found["stage"].astype(str),
            ratio=found["value"] / found["expected"],
        )
        rates = found[
            (found["analysis"] == "feature") & (found["measure"] == "rate") & (found["strand"] == ".")
        ]
        out.add(f"### {title}", f"{genome.corpus.n_bytes:,} bases.")
        out.short(_sentence(title, rates))
        out.add(table(rates, _COLUMNS))
        ends = found[found["analysis"] == "codon_at"]
        if len(ends):
            out.add(
                folded(
                    "At start and stop codons, against the same codon position elsewhere in the gene",
                    _ends(ends),
                )
            )
        around_sites = profiles(study, genome)
        around = _around(around_sites)
        if around:
            out.add(f"{title}, base by base around start and stop codons: {around}")
        if title in [each.corpus.title for each in study.genomes[:2]]:
            curves |= _curves(title, around_sites)
    if curves:
        svg = plots.lines(curves, "bases from the codon's first base", "boundary rate", zero=True)
        out.plot("profiles.svg", svg, "Boundary rate around start and stop codons of forward genes")
    return out


def _sentence(title: str, rates: pd.DataFrame) -> str:
    """Which classes have more or fewer boundaries than chance, for all models or for some."""
    found, made = beyond(rates["q_value"])
    sure = rates[rates["q_value"] < LEVEL]
    named = []
    for feature, part in sure.groupby("feature", sort=True):
        n = rates.loc[rates["feature"] == feature, "model"].nunique()
        more, fewer = int((part["ratio"] > 1).sum()), int((part["ratio"] < 1).sum())
        words = [f"{word} for {k} of {n}" for word, k in (("more", more), ("fewer", fewer)) if k]
        named.append(f"{feature} ({', '.join(words)})")
    listed = f": {'; '.join(named)}" if named else ""
    return f"{title}: beyond chance in {found} of {made} tests (a class for a stage of a model){listed}."


def _ends(found: pd.DataFrame) -> str:
    columns = {"model": ("model / stage", text), "feature": ("codon", text), "strand": ("strand", text)}
    columns |= {"measure": ("position", lambda value: str(value).removeprefix("rate_"))}
    columns |= {
        name: _COLUMNS[name] for name in ("n_boundaries", "value", "expected", "z", "p_value", "q_value")
    }
    return table(found, {"n_bases": ("codons", whole)} | columns)


def profiles(study: Study, genome: AnnotatedGenome) -> pd.DataFrame:
    """schema.PROFILES of every stage of every model at start and stop codons."""
    (record,) = genome.corpus.sequences
    where = {key: at for key, at in sites(genome.features, len(record.data)).items() if key[0] in _SITES}
    draws = PROFILE_DRAWS * study.limits.shifts
    return profile_table(study.marks(genome), where, window=WINDOW, draws=draws)


def _around(profiles: pd.DataFrame) -> str:
    """How many offsets stand out, and the highest."""
    found, made = beyond(profiles["q_value"])
    if not made:
        return ""
    said = f"beyond chance at {found} of {made} offsets (of each model, stage and strand)"
    sure = profiles[profiles["q_value"] < LEVEL]
    if sure.empty:
        return said + "."
    top = sure.loc[(sure["rate"] - sure["expected"]).abs().idxmax()]
    return (
        f"{said}; farthest from it is offset {decimal(0)(top['offset'])} of the {top['site']} codon, strand "
        f"{'forward' if top['strand'] == '+' else 'reverse'}, {top['model']} / {top['stage']}: "
        f"{percent(top['rate'])} "
        f"against {percent(top['expected'])} ({top['n_sites']:,} sites)."
    )


def _curves(title: str, profiles: pd.DataFrame) -> dict[str, dict]:
    """panel -> model -> offsets and rates, forward strand."""
    panels: dict[str, dict] = {}
    forward = profiles[profiles["strand"] == "+"]
    for (site, model, stage), part in forward.groupby(["site", "model", "stage"], sort=False, observed=True):
        curve = part["offset"].to_numpy(), part["rate"].to_numpy()
        panels.setdefault(f"{title}, {site}", {})[f"{model} / {stage}"] = curve
    return panels
