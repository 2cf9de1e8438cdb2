"""What the cuts of an open record have to do with its genes, its other strand and its motifs: tables and figures."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from pandas.io.formats.style import Styler

from analysis.chance.circular_shifts import running_sum
from analysis.chance.p_values import is_least, shown
from analysis.genome.enrichment import Cuts, annotate, enrichment_table
from analysis.genome.features import UPSTREAM, sites
from analysis.genome.motifs import motif, motif_rows, occurrences
from analysis.genome.profiles import PROFILE_DRAWS, profile_table
from analysis.genome.strands import consistency_row
from analysis.inputs.bases import reverse_complement
from analysis.inputs.sources import Sequence as Record
from app.dna.handlers import beside
from app.dna.tracks import Opened
from app.evidence.handlers import download
from app.evidence.plots import legend_below, quiet_figure, with_origin
from app.evidence.table import shown_places
from app.picture.origin import where_from
from app.server.session import Session
from app.source.reading import PROGRESS
from app.wording.sentences import counted
from app.wording.styled import styled
from app.work.job import Job
from app.work.told import told
from hnet_core.errors import InputError

DRAWS = 1000
"""Shifts behind every level of chance on the page, as many as python -m analysis enrich takes."""
_SITES = ("start", "stop")
WINDOW = 50
"""Bases either side of a start or stop codon."""
MOST_HITS = 500
"""Places of a motif in the table; its file has them all."""
MOST_MARKED = 5000
"""Places of a motif in the tracks."""
_CLASSES = {
    "feature": "bases of",
    "n_bases": "bases",
    "n_boundaries": "cuts",
    "value": "cuts a base",
    "expected": "by chance",
    "ratio": "ratio",
    "z": "z",
    "q_value": "q",
}
_STRANDS = {"shared": "Jaccard", "expected": "by chance", "z": "z", "p_value": "p"}


def cuts_of(opened: Opened) -> list[Cuts]:
    """Where every stage of every model cuts the record, without the forced start."""
    out = []
    for i, each in enumerate(opened.analyses):
        for stage in range(each.model.n_stages):
            marks = opened.marks(i, stage)
            marks[:1] = False
            out.append(Cuts(each.model.name, stage, (marks,)))
    return out


def shown_names(opened: Opened) -> dict[str, str]:
    """Name of each model -> what the page calls it: its title, after its letter where there are several."""
    many = len(opened.analyses) > 1
    return {
        each.model.name: f"{letter}: {each.model.title}" if many else each.model.title
        for letter, each in zip(opened.letters, opened.analyses, strict=True)
    }


def _on_page(rows: pd.DataFrame, names: Mapping[str, str], least: pd.Series, tested: str) -> Styler:
    """A table of files as the page shows it: models as the page calls them, p- or q-values written out."""
    return styled(rows.assign(model=rows["model"].map(names)), {tested: least})


def _need(opened: Opened | None, annotated: bool = False) -> Opened:
    if opened is None:
        raise InputError("there is no record with boundaries yet; press Analyse first")
    if annotated and (opened.features is None or opened.features.empty):
        raise InputError(
            f"{opened.record.name} has no annotation; give a GFF3, GTF, BED or GenBank file and press Analyse"
        )
    return opened


@told
def on_genes(session: Session, job: Job, opened: Opened | None, progress: gr.Progress = PROGRESS):
    """The table of feature classes, codon positions, profiles at starts and stops, and both tables' whole CSV."""
    opened = _need(opened, annotated=True)
    progress(0, desc="feature classes and codon phase")
    cuts, name = cuts_of(opened), opened.record.name
    genome = annotate(opened.features, [name], [opened.length], UPSTREAM)
    table = enrichment_table(cuts, genome, draws=DRAWS)
    job.check()
    progress(0.7, desc="profiles at starts and stops")
    where = {key: at for key, at in sites(opened.features, opened.length).items() if key[0] in _SITES}
    profiles = profile_table(cuts, where, window=WINDOW, draws=PROFILE_DRAWS * DRAWS)
    classes, least = class_rows(table)
    names = shown_names(opened)
    letters = dict(zip(names, opened.letters, strict=True))
    figures = (
        codon_figure(table, letters),
        *(profile_figure(profiles, site, letters) for site in _SITES),
    )
    with_origin(where_from("page: genes and codons", *opened.analyses, draws=DRAWS, window=WINDOW), *figures)
    tables = ((classes, "classes_shown.csv"), (table, "classes_all.csv"), (profiles, "profiles.csv"))
    return (
        _on_page(classes, names, least, "q"),
        *figures,
        *(download(session, each, file) for each, file in tables),
    )


def class_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Of schema.ENRICHMENT the boundary rate in every feature class on both strands, as the page shows it.

    returns  the rows, and which of them have the least p that their shifts can give
    """
    rows = table[(table["analysis"] == "feature") & (table["measure"] == "rate") & (table["strand"] == ".")]
    rows = rows.assign(ratio=rows["value"] / rows["expected"])
    rows = rows.reset_index(drop=True)
    out = rows[["model", "stage", *_CLASSES]].rename(columns=_CLASSES)
    least = is_least(rows["p_value"], rows["shifts"], two_sided=True)
    return out.round({"cuts a base": 4, "by chance": 4, "ratio": 3, "z": 1}), least


def codon_figure(table: pd.DataFrame, letters: Mapping[str, str]) -> go.Figure:
    """Cuts a base at the three codon positions, genes of both strands; R's p-value comes from shifts inside genes."""
    rows = table[(table["analysis"] == "codon_phase") & (table["frame"] == 0) & (table["strand"] != ".")]
    figure = quiet_figure(
        "Cuts at the codon positions", "position in the codon, as transcribed", "cuts a base"
    )
    for (model, stage, strand), part in rows.groupby(["model", "stage", "strand"], sort=False):
        rates = part[part["measure"].isin(["rate_1", "rate_2", "rate_3"])]
        rayleigh = part[part["measure"] == "rayleigh_r"].iloc[0]
        p_value = shown(rayleigh["p_value"], is_least(rayleigh["p_value"], rayleigh["shifts"]))
        name = f"{letters[model]}{stage} {strand}  R {rayleigh['value']:.3f}, p {p_value}"
        figure.add_bar(
            x=["1", "2", "3"],
            y=rates["value"],
            name=name,
            customdata=[f"{letters[model]}{stage} {strand}, codon position {i}" for i in (1, 2, 3)],
            hovertemplate="%{customdata}: %{y:.4f} cuts a base<extra></extra>",
        )
    return legend_below(figure, 1)


def profile_figure(profiles: pd.DataFrame, site: str, letters: Mapping[str, str]) -> go.Figure:
    """Cuts a site base by base around one kind of site; a trace for each outermost stage and strand."""
    figure = quiet_figure(
        f"Around {site} codons", "bases from the codon's first, as transcribed", "cuts a site"
    )
    rows = profiles[(profiles["site"] == site) & (profiles["stage"] == 0)]
    for (model, strand), part in rows.groupby(["model", "strand"], sort=False):
        line = {"width": 1.3, "dash": "solid" if strand == "+" else "dot"}
        figure.add_scatter(
            x=part["offset"],
            y=part["rate"],
            name=f"{letters[model]} {strand}",
            mode="lines",
            line=line,
            hovertemplate="%{fullData.name}, base %{x:+d}: %{y:.4f} cuts a site<extra></extra>",
        )
    return legend_below(figure, 4)


@told
def on_strands(session: Session, job: Job, opened: Opened | None, progress: gr.Progress = PROGRESS):
    """Every model over the reverse complement too: how far its cuts fall between the same bases; the table, its CSV."""
    opened = _need(opened)
    record = opened.record
    other = Record(record.name, reverse_complement(record.data), (), record.kind)
    rows, cuts = [], {(each.model, each.stage): each.is_cut for each in cuts_of(opened)}
    for letter, analysis in zip(opened.letters, opened.analyses, strict=True):
        report = job.report(progress, f"model {letter}: reading the other strand")
        mirrored = session.analyse([other], analysis.model.name, report)
        for stage in range(analysis.model.n_stages):
            marks = np.zeros(opened.length, bool)
            marks[mirrored.chunks_of(record.name, stage)["start"].to_numpy()] = True
            marks[:1] = False
            name = analysis.model.name
            rows.append(consistency_row(name, stage, cuts[name, stage], [marks], DRAWS, 0))
    table = pd.DataFrame(rows).rename(columns={"value": "shared"})
    rows = table[["model", "stage", *_STRANDS]].rename(columns=_STRANDS)
    least = is_least(table["p_value"], table["shifts"])
    return _on_page(rows, shown_names(opened), least, "p"), download(session, table, "strands.csv")


@beside(5)
def on_motif(session: Session, opened: Opened | None, text: str):
    """A motif in IUPAC letters in; its first places, what they say, the places for the tracks, two files, no problem.

    A place's `chunks` is the number of chunks of the first model's outermost stage that it lies in.
    """
    opened = _need(opened)
    name, letters = motif(text)
    first = cuts_of(opened)[0]
    hits = motif_hits(opened.record.data, letters, first.is_cut[0])
    if hits.empty:
        raise InputError(
            f"{letters} does not occur on either strand of {opened.record.name}; try another motif"
        )
    first_hits = hits.head(MOST_HITS)
    line = f"{counted(len(hits), 'place')} of {letters}" + (
        f", the first {MOST_HITS} below. " if len(first_hits) < len(hits) else ". "
    )
    data = [opened.record.data]
    for row in motif_rows(first, data, {name: letters}, DRAWS, 0):
        least = is_least(row["p_value"], row["shifts"], two_sided=True)
        line += (
            f"Strand {row['strand']}: a place lies in {row['value']:.3f} chunks, by chance {row['expected']:.3f} "
            f"(z {row['z']:.1f}, p {shown(row['p_value'], least)}). "
        )
    places = hits.head(MOST_MARKED)[["start", "end", "strand"]].values.tolist()
    origin = {"record": opened.record.name, "model": first.model, "stage": first.stage}
    files = [
        download(session, pd.DataFrame(origin, index=each.index).join(each), f"motif_{name}.csv")
        for each, name in ((first_hits, "shown"), (hits, "all"))
    ]
    return shown_places(first_hits, "dna"), line.strip(), {"hits": places}, *files, ""


def motif_hits(data: bytes, letters: str, is_cut: np.ndarray) -> pd.DataFrame:
    """start, end, strand, bases as read on that strand, chunks it lies in; by start; both strands, palindromes once."""
    total, tables = running_sum(is_cut), []
    other = reverse_complement(letters.encode()).decode()
    for strand, read in (("+", letters), ("-", other)):
        if strand == "-" and other == letters:
            continue
        start = occurrences(data, read)
        end = start + len(letters)
        chunks = 1 + total[end] - total[start + 1]
        tables.append(pd.DataFrame({"start": start, "end": end, "strand": strand, "chunks": chunks}))
    hits = pd.concat(tables).sort_values(["start", "strand"], kind="stable", ignore_index=True)
    bases = [
        (data[a:b] if strand == "+" else reverse_complement(data[a:b])).decode("ascii")
        for a, b, strand in zip(hits["start"], hits["end"], hits["strand"], strict=True)
    ]
    hits.insert(3, "bases", bases)
    return hits


def on_hit(event: gr.SelectData) -> tuple[int, int]:
    """A row of the motif table was clicked: the first and last base of the region around it."""
    first, last = int(event.row_value[0]), int(event.row_value[1])
    return max(1, first - WINDOW), last + WINDOW


def on_other(told: int, files: int) -> list[Any]:
    """Another record is open: tables, lines and figures without what they said, and buttons without files."""
    return [None] * told + [gr.update(value=None, interactive=False)] * files
