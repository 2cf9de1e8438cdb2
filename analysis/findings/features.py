"""Do boundaries prefer genes, the space between them, or the ends of coding sequences?"""

from collections.abc import Iterator

import pandas as pd

from analysis.boundaries.extract import boundary_marks
from analysis.findings import plots
from analysis.findings.data import AnnotatedGenome, heads
from analysis.findings.document import (
    LEVEL,
    Answer,
    Tables,
    beyond,
    decimal,
    listed,
    of,
    percent,
    span,
    table,
    text,
)
from analysis.findings.study import Study, by_pairs
from analysis.genome.features import UPSTREAM, sites
from analysis.genome.motifs import DEFAULT_MOTIFS
from analysis.genome.profiles import PROFILE_DRAWS, profile_table
from analysis.genome.strands import consistency_row
from analysis.inputs.bases import reverse_complement

WINDOW = 30
"""Bases on either side of a site."""
_SITES = ("start", "stop")
CLASSES = {"CDS": "coding sequence", "intergenic": "intergenic space", "upstream": "upstream of genes"}
"""Classes that the answer is about; the table has all."""
ONE_WAY = 0.9
"""Share of the tests beyond chance that must go one way to be called a preference."""


def tables(study: Study) -> Tables:
    """features: rates by class. enrichment: all of enrich. profiles: base by base. strands: both strands."""
    genomes = study.genomes if study.readers("dna") else []
    rows = [row for genome in genomes for row in _rates(study, genome)]
    found = [_named(study.enrichment(genome), genome) for genome in genomes]
    around = [_named(profiles(study, genome), genome) for genome in genomes]
    parts = {"enrichment": found, "profiles": around}
    stacked = {
        name: pd.concat(part, ignore_index=True) if part else pd.DataFrame() for name, part in parts.items()
    }
    return {"features": pd.DataFrame(rows), **stacked, "strands": pd.DataFrame(_strands(study))}


def _named(found: pd.DataFrame, genome: AnnotatedGenome) -> pd.DataFrame:
    return found.assign(genome=genome.corpus.title)[["genome", *found.columns]]


def _rates(study: Study, genome: AnnotatedGenome) -> Iterator[dict]:
    """A row a class and stage, both strands together: the rate, by chance, and by pairs of bases alone."""
    found = study.enrichment(genome)
    found = found[(found["analysis"] == "feature") & (found["measure"] == "rate") & (found["strand"] == ".")]
    (record,) = genome.corpus.sequences
    made = {(c.model, c.stage): by_pairs(record.data, c.laid) for c in study.marks(genome)}
    classes = study.annotated(genome).classes
    for row in found.itertuples():
        expected = made[row.model, row.stage]
        inside = sum(float(expected[low:high].sum()) for low, high in classes[row.feature, "."])
        about = {
            "genome": genome.corpus.title,
            "model": row.model,
            "stage": row.stage,
            "feature": row.feature,
        }
        about |= {"n_bases": row.n_bases, "n_boundaries": row.n_boundaries, "rate": row.value}
        about |= {
            "rate_chance": row.expected,
            "rate_pairs": inside / row.n_bases if row.n_bases else float("nan"),
        }
        about |= {"ratio": row.value / row.expected if row.expected else float("nan"), "z": row.z}
        yield about | {"shifts": row.shifts, "p_value": row.p_value, "q_value": row.q_value}


def profiles(study: Study, genome: AnnotatedGenome) -> pd.DataFrame:
    """schema.PROFILES of every stage of every model at start and stop codons."""
    (record,) = genome.corpus.sequences
    where = {key: at for key, at in sites(genome.features, len(record.data)).items() if key[0] in _SITES}
    draws = PROFILE_DRAWS * study.limits.shifts
    return profile_table(study.marks(genome), where, window=WINDOW, draws=draws)


def _strands(study: Study) -> Iterator[dict]:
    """Are a strand and its reverse complement cut alike? The beginning of the first long genome."""
    for piece in study.pieces[:1]:
        data = [each.data for each in heads(piece.sequences, study.limits.piece_bases)]
        turned = [reverse_complement(each) for each in data]
        for label, model in study.readers("dna").items():
            study.say(f"{piece.title}: both strands, {label}")
            strands = [boundary_marks(each, model) for each in (data, turned)]
            for stage, (forward, reverse) in enumerate(zip(*strands, strict=True)):
                row = consistency_row(label, stage, forward, reverse, study.limits.shifts, 0)
                yield {"genome": piece.title, **row}


def answer(found: Tables) -> Answer | None:
    """Rates in coding sequence, between genes and upstream of them, beside chance and pairs of bases."""
    rows = found["features"]
    rows = rows[rows["feature"].isin(CLASSES)] if len(rows) else rows
    if rows.empty:
        return None
    rows = rows.assign(pairs=rows["rate_pairs"] / rows["rate_chance"])
    by_genome = rows[rows["feature"] == "CDS"].groupby("genome", sort=False)
    shown = by_genome.agg(ratio=("ratio", "median"), pairs=("pairs", "median"))
    shown["tests"] = [_ways(part) for _, part in by_genome]
    columns = {
        "genome": ("genome", text),
        "ratio": ("rate in coding sequence / by chance, median", decimal(3)),
        "pairs": ("by pairs of bases alone", decimal(3)),
        "tests": ("q < 0.05", text),
    }
    return Answer(
        "Do boundaries prefer genes, or the space between them?",
        verdict(rows),
        [*_ends(found["profiles"]), *_motifs(found["enrichment"]), *_both(found["strands"])],
        table(shown.reset_index(), columns),
        ("features.svg", "Rate over chance in three classes of every genome", _plot(rows)),
        f"One direction in at least {percent(ONE_WAY)} of the tests beyond chance, in two or more genomes, at a rate "
        "that pairs of bases alone do not make. Another model (dnaHNet stage 2 on *B. subtilis*, arXiv 2602.10603) "
        "cuts at 81.3 % of start codons, 71.5 % of promoters, 74.6 % of intergenic and 48.4 % of coding sequence.",
        ("features", "enrichment", "profiles", "strands"),
    )


def _ways(part: pd.DataFrame) -> str:
    sure = part[part["q_value"] < LEVEL]
    more, fewer = int((sure["ratio"] > 1).sum()), int((sure["ratio"] < 1).sum())
    return f"more in {more}, fewer in {fewer} of {len(part)} stages"


def verdict(rows: pd.DataFrame) -> list[str]:
    """Whether tests beyond chance go one way."""
    sure = rows[rows["q_value"] < LEVEL]
    said, ways = [], []
    for feature, name in CLASSES.items():
        part, of_it = rows[rows["feature"] == feature], sure[sure["feature"] == feature]
        if part.empty:
            continue
        more, fewer = int((of_it["ratio"] > 1).sum()), int((of_it["ratio"] < 1).sum())
        said.append(f"{name}: more boundaries than chance in {more}, fewer in {fewer} of {len(part)} tests")
        if more + fewer > LEVEL * len(part) and max(more, fewer) >= ONE_WAY * (more + fewer):
            ways.append(f"{'more' if more > fewer else 'fewer'} in {name}")
    if ways:
        head = f"**Yes: {listed(ways)}**, in at least {percent(ONE_WAY)} of the tests beyond chance."
    else:
        head = (
            "**No common preference.** Some stages have more boundaries there than by chance, others fewer."
        )
        if len(sure) <= LEVEL * len(rows):
            head = "**No.** No more tests are beyond chance than chance makes."
    return [head, f"Over all genomes and stages (q < {LEVEL}), {'; '.join(said)}."]


def _ends(around: pd.DataFrame) -> list[str]:
    """Start and stop codons, base by base."""
    found, made = beyond(around["q_value"]) if len(around) else (0, 0)
    if not made:
        return []
    return [
        f"Within {WINDOW} bases of start and stop codons, {of(found, made, 'offsets')} are beyond chance."
    ]


def _motifs(found: pd.DataFrame) -> list[str]:
    found = found[found["analysis"] == "motif"] if len(found) else found
    if found.empty:
        return []
    fewer = found[found["value"] < found["expected"]]
    return [
        f"Motifs ({', '.join(DEFAULT_MOTIFS)}) are cut into fewer chunks than by chance in "
        f"{of(beyond(fewer['q_value'])[0], beyond(found['q_value'])[1], 'tests')}."
    ]


def _both(found: pd.DataFrame) -> list[str]:
    if found.empty:
        return []
    significant, made = beyond(found["p_value"])
    said = f"Jaccard {span(found['value'])}, by chance {span(found['expected'])}"
    return [
        f"A strand and its reverse complement are cut alike beyond chance by {of(significant, made, 'stages')} "
        f"(p < {LEVEL}; {said})."
    ]


def _plot(rows: pd.DataFrame) -> bytes:
    panels = {}
    for (genome, feature), part in rows.groupby(["genome", "feature"], sort=False):
        panels[f"{genome}, {feature}"] = {
            "every stage": part["ratio"].tolist(),
            "by pairs of bases alone": part["pairs"].tolist(),
        }
    return plots.strips(
        panels, f"rate / rate by chance (upstream: the last {UPSTREAM} bases before a gene)", level=1
    )
