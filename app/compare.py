"""What the Compare tab calls: 2 to 12 models over the same input, their agreement, where two differ most."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from string import ascii_uppercase
from typing import Any

import gradio as gr
import pandas as pd
from scipy.stats import false_discovery_control

from analysis.agreement import compare, differences
from analysis.extract import Analysis
from app import files, view
from app.handlers import PROGRESS, download, read_source, told
from app.job import Job
from app.session import Session
from app.standalone import standalone
from app.viewer import Group, viewer_value
from hnet_core.errors import InputError

MOST_MODELS = 12
MOST_RECORDS = 500
WINDOWS = 10
"""Rows of the table of where two models differ most."""
SHOWN = {
    "f1": "F1",
    "f1_chance": "by chance",
    "f1_star": "F1*",
    "kappa": "kappa",
    "containment_ab": "1st in 2nd",
    "containment_ba": "2nd in 1st",
    "rate_a": "rate 1st",
    "rate_b": "rate 2nd",
    "p_value": "p",
    "q_value": "q",
}
"""Columns of the agreement table on the page, with their headings."""
MEASURES = {
    "f1": ("F1", "f1", "f1_chance"),
    "f1_star": ("F1*: 0 at chance, 1 at the best the rates allow", "f1_star", None),
    "kappa": ("Cohen's kappa", "kappa", None),
    "jaccard": ("Jaccard", "jaccard", None),
    "containment_ab": ("share of the row's cuts in the column", "containment_ba", "containment_ab_chance"),
    "f1_matched": ("F1 at equal rates", "f1_matched", None),
    "spearman": ("Spearman's correlation of p", "spearman", None),
    "f1_tolerant": ("F1 with one byte of tolerance", "f1_tolerant", "f1_tolerant_chance"),
    "boundary_similarity": ("boundary similarity B", "boundary_similarity", "boundary_similarity_chance"),
    "ari": ("adjusted Rand index of the chunks", "ari", "ari_chance"),
    "vi_split": ("bits a byte the row splits the column's chunks", "vi_merge", "vi_split_chance"),
    "pk": ("Pk, an error rate; the column is the reference", None, "pk_chance"),
    "window_diff": ("WindowDiff, an error rate; the column is the reference", None, "window_diff_chance"),
}
"""Column of the agreement table -> (words, the same measure read from the other side or None, its level at chance)."""


@dataclass(frozen=True)
class Comparison:
    """Some models over the same sequences. stage: 0 compares the outermost stages, -1 the innermost ones."""

    analyses: tuple[Analysis, ...]
    record: str
    stage: int = 0
    pair: tuple[int, int, int, int] | None = None
    """(model, its stage, other model, its stage) when only these two are shown."""

    @property
    def shown(self) -> list[tuple[int, int]]:
        """(model, stage compared) of what the viewer holds."""
        if self.pair:
            return [self.pair[:2], self.pair[2:]]
        return [(i, self.stage % each.model.n_stages) for i, each in enumerate(self.analyses)]


@told
def on_compare(
    session: Session,
    job: Job,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    models: list[str],
    stage: int,
    progress: gr.Progress = PROGRESS,
):
    """An input and some models in; the comparison, the viewer's value, the records to choose from, no windows."""
    if not 2 <= len(models or []) <= MOST_MODELS:
        raise InputError(f"{len(models or [])} models picked: a comparison takes two models to {MOST_MODELS}")
    progress(0, desc="reading the input")
    sequences = read_source(session, source, text, upload, sample)
    if len(sequences) > MOST_RECORDS:
        raise InputError(
            f"{len(sequences):,} records, at most {MOST_RECORDS} are compared at once; use python -m analysis compare"
        )
    analyses = []
    for letter, name in zip(ascii_uppercase, models, strict=False):
        job.check()
        progress(0, desc=f"loading model {letter}")
        session.model(name)
        report = job.report(
            progress, f"model {letter} of {ascii_uppercase[len(models) - 1]}: finding boundaries"
        )
        analyses.append(session.analyse(sequences, name, report))
    comparison = Comparison(tuple(analyses), sequences[0].name, int(stage or 0))
    records = [(f"{each.name}  ({len(each.data):,})", each.name) for each in sequences]
    listed = gr.update(choices=records, value=sequences[0].name, visible=len(records) > 1)
    return comparison, value_of(comparison), listed, no_windows()


def value_of(comparison: Comparison) -> dict[str, Any]:
    """The viewer over one record with the tracks of the models shown; the stages compared are marked."""
    shown, all_of = comparison.shown, comparison.analyses
    sequence = next(each for each in all_of[0].sequences if each.name == comparison.record)
    n, groups, facts = (
        len(sequence.data),
        [],
        [("input", sequence.name), ("bytes", f"{len(sequence.data):,}")],
    )
    notes: list[str] = []
    for i, stage in shown:
        one, letter = all_of[i], ascii_uppercase[i]
        groups.append(Group(letter, one.model.title, view.tracks(one, sequence.name, 0, n)))
        chunks = len(one.chunks_of(sequence.name, stage))
        facts.append((f"{letter}, stage {stage}", f"{chunks:,} chunks, {n / chunks:.2f} bytes a chunk"))
        notes += [f"{letter}: {note}" for note in view.learned(one)] if len(shown) <= 3 else []
        notes += view.warnings(one)
    rows = view.rows(sequence.kind)
    compared = [stage for _, stage in shown]
    return viewer_value(
        sequence.data, groups, compared=compared, facts=facts, notes=list(dict.fromkeys(notes)), **rows
    )


@told
def on_view(comparison: Comparison | None, record: str | None, stage: int):
    """Another record or stage of what has been compared: nothing runs again; all models are shown."""
    if comparison is None:
        return gr.skip(), gr.skip(), gr.skip()
    names = [each.name for each in comparison.analyses[0].sequences]
    comparison = Comparison(comparison.analyses, record if record in names else names[0], int(stage or 0))
    return comparison, value_of(comparison), no_windows()


@told
def on_agreement(session: Session, job: Job, comparison: Comparison, progress: gr.Progress = PROGRESS):
    """Every stage of every model with every stage of the others: the whole table, the rows shown, its CSV."""
    pairs, rows = list(_pairs(comparison.analyses)), []
    for done, ((i, s), (j, t)) in enumerate(pairs):
        job.check()
        progress((done, len(pairs)), desc="agreement", unit="pairs")
        rows.append(compare(comparison.analyses[i], comparison.analyses[j], s, t))
    table = pd.DataFrame(rows)
    table["q_value"] = false_discovery_control(table["p_value"], method="bh")
    labels = [(label(*first), label(*second)) for first, second in pairs]
    shown = table[list(SHOWN)].rename(columns=SHOWN).round(4)
    shown.insert(0, "1st", [first for first, _ in labels])
    shown.insert(1, "2nd", [second for _, second in labels])
    return table, shown, download(session, table, "agreement.csv")


def _pairs(analyses: Sequence[Analysis]):
    """((model, stage), (other model, stage)); stages of one model are nested by construction and so left out."""
    sides = [[(i, s) for s in range(each.model.n_stages)] for i, each in enumerate(analyses)]
    for first, second in combinations(sides, 2):
        yield from product(first, second)


def label(model: int, stage: int) -> str:
    """A model's letter with a stage: B1."""
    return f"{ascii_uppercase[model]}{stage}"


@told
def on_matrix(comparison: Comparison | None, table: pd.DataFrame | None, measure: str):
    """The matrix of a measure: "value (chance)" for the row against the column, models and stages by their labels."""
    if comparison is None or table is None or measure not in table:
        return gr.skip()
    return matrix(comparison.analyses, table, measure)


def matrix(analyses: Sequence[Analysis], table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """See on_matrix; `table` has the rows of on_agreement."""
    sides = [label(i, s) for i, each in enumerate(analyses) for s in range(each.model.n_stages)]
    cells = pd.DataFrame("", index=sides, columns=sides)
    _, mirrored, chance = MEASURES[measure]
    back = chance.replace(measure, mirrored) if chance and mirrored else chance
    for ((i, s), (j, t)), row in zip(_pairs(analyses), table.to_dict("records"), strict=True):
        cells.loc[label(i, s), label(j, t)] = _cell(row, measure, chance)
        if mirrored:
            cells.loc[label(j, t), label(i, s)] = _cell(row, mirrored, back)
    return cells.reset_index(names="")


def _cell(row: dict[str, Any], measure: str, chance: str | None) -> str:
    if pd.isna(row[measure]):
        return "–"
    return f"{row[measure]:.3f}" + (f" ({row[chance]:.3f})" if chance and not pd.isna(row[chance]) else "")


@told
def on_cell(comparison: Comparison | None, event: gr.SelectData):
    """A cell of the matrix was clicked: the two models alone, and where they differ most."""
    sides = [(i, s) for i, each in enumerate(comparison.analyses) for s in range(each.model.n_stages)]
    row, column = event.index
    if column == 0 or sides[row][0] == sides[column - 1][0]:
        raise InputError(
            "pick a cell of two different models; stages of one model are nested by construction"
        )
    first, second = sorted([sides[row], sides[column - 1]])
    chosen = Comparison(comparison.analyses, comparison.record, comparison.stage, (*first, *second))
    return chosen, value_of(chosen), gr.update(value=windows(chosen), visible=True)


def windows(comparison: Comparison) -> pd.DataFrame:
    """The parts of the record shown where the two models of the pair differ most, most first.

    returns  start, end (bytes), differing boundaries, boundaries of either; a window is 1/200 of the input, at least
             64 bytes
    """
    i, s, j, t = comparison.pair
    table = differences(comparison.analyses[i], comparison.analyses[j], s, t)
    table = table[table["sequence"].astype(str) == comparison.record]
    n = next(len(each.data) for each in comparison.analyses[i].sequences if each.name == comparison.record)
    size = max(64, n // 200)
    apart = (table["in_a"] != table["in_b"]).groupby(table["byte"] // size).agg(["sum", "size"])
    apart = (
        apart[apart["sum"] > 0]
        .sort_values(["sum", "size"], ascending=[False, True], kind="stable")
        .head(WINDOWS)
    )
    start = apart.index.to_numpy() * size
    return pd.DataFrame(
        {
            "start": start,
            "end": (start + size).clip(max=n),
            "differing": apart["sum"].to_numpy(),
            "of": apart["size"].to_numpy(),
        }
    )


def no_windows() -> dict[str, Any]:
    """The table of windows, gone: it belongs to a pair."""
    return gr.update(value=None, visible=False)


def on_window(event: gr.SelectData) -> dict[str, Any]:
    """A window was clicked: the bytes to go to."""
    return {"start": int(event.row_value[0]), "end": int(event.row_value[1])}


FILES = [
    ("chunks of all models and stages: CSV", "chunks.csv"),
    ("chunks of all models and stages: Parquet", "chunks.parquet"),
    ("p at every position, all models: Parquet", "p.parquet"),
    ("agreement, all measures: Parquet", "agreement.parquet"),
    ("the picture: one HTML file, works without network", files.HTML),
]


@told
def on_file(session: Session, comparison: Comparison | None, table: pd.DataFrame | None, key: str | None):
    """The file that was picked from the list, ready to be saved."""
    if comparison is None or not key or (key == "agreement.parquet" and table is None):
        raise InputError("there is nothing to save yet; press Compare and wait for the agreement table")
    if key == files.HTML:
        made = session.keep_file(standalone(value_of(comparison)), "comparison.html")
    elif key == "agreement.parquet":
        made = files.write(session, table, key)
    else:
        parts = [each.chunks if key.startswith("chunks") else each.boundaries for each in comparison.analyses]
        named = [files.named(one, part) for one, part in zip(comparison.analyses, parts, strict=True)]
        made = files.write(session, pd.concat(named, ignore_index=True), key)
    return gr.update(value=made, interactive=True)
