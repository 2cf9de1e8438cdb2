"""What the Compare tab calls: 2 to 12 models or references over the same input, drawn one under another."""

from dataclasses import replace
from string import ascii_uppercase
from typing import Any

import gradio as gr
import pandas as pd

from analysis.agreement.groups import consensus
from analysis.boundaries.segmentations import positions
from analysis.references.names import is_reference
from app.evidence.table import shown_places
from app.picture.comparison import Comparison, value_of
from app.server import references
from app.server.session import Session
from app.source.reading import PROGRESS, read_source
from app.wording.sentences import counted, isolated
from app.work.job import Job
from app.work.told import told
from hnet_core.errors import InputError

MOST_MODELS = 12
MOST_RECORDS = 500
WINDOWS = 10
"""Rows of the table of where the models shown differ most."""


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
    """An input and some models in; comparison, the viewer's value, the records to choose from, where they differ."""
    if not 2 <= len(models or []) <= MOST_MODELS:
        raise InputError(
            f"{counted(len(models or []), 'model')} picked: a comparison takes 2 to {MOST_MODELS} models and references"
        )
    progress(0, desc="reading the input")
    sequences = read_source(session, source, text, upload, sample)
    if len(sequences) > MOST_RECORDS:
        raise InputError(
            f"{len(sequences):,} records, at most {MOST_RECORDS} are compared at once; use python -m analysis compare"
        )
    session.check_size(sum(len(each.data) for each in sequences), models)
    analyses = []
    for letter, name in zip(ascii_uppercase, models, strict=False):
        job.check()
        if not is_reference(name):
            progress(0, desc=f"loading model {letter}")
            session.model(name)
        report = job.report(
            progress, f"model {letter} of {ascii_uppercase[len(models) - 1]}: finding boundaries"
        )
        analyses.append(references.run(session, sequences, name, report))
    link = {
        "tab": "compare",
        "models": ",".join(models),
        **({"sample": sample} if source == "sample" else {}),
    }
    comparison = Comparison(tuple(analyses), sequences[0].name, int(stage or 0), link=link)
    records = [(f"{isolated(each.name)}  ({len(each.data):,})", each.name) for each in sequences]
    listed = gr.update(choices=records, value=sequences[0].name, visible=len(records) > 1)
    return comparison, value_of(comparison), listed, windows_update(comparison)


@told
def on_view(comparison: Comparison | None, record: str | None, stage: int):
    """Another record or stage of what has been compared: nothing runs again; all models are shown."""
    if comparison is None:
        return gr.skip(), gr.skip(), gr.skip()
    names = [each.name for each in comparison.analyses[0].sequences]
    record = record if record in names else names[0]
    comparison = replace(comparison, record=record, stage=int(stage or 0), pair=None)
    return comparison, value_of(comparison), windows_update(comparison)


@told
def on_cell(comparison: Comparison | None, order: list[tuple[int, int]] | None, event: gr.SelectData):
    """A cell of the matrix was clicked: its two models alone, where they differ most, and the first such place.

    order  (model, stage) of the matrix's rows and columns
    """
    row, column = event.index
    if comparison is None or not order or column == 0 or order[row][0] == order[column - 1][0]:
        raise InputError(
            "pick a cell of two different models; stages of one model are nested by construction"
        )
    first, second = sorted([order[row], order[column - 1]])
    chosen = replace(comparison, pair=(*first, *second))
    table = shown_windows(chosen)
    place = {"start": int(table.iloc[0, 0]), "end": int(table.iloc[0, 1])} if len(table) else None
    return chosen, value_of(chosen), windows_update(chosen), place


def windows(comparison: Comparison) -> pd.DataFrame:
    """The parts of the record where the models shown differ most, most first.

    returns  start, end (bytes), differing: places where some of them cut and others do not, of: places where any does;
             a window is 1/200 of the input, at least 64 bytes
    """
    cuts = [positions(comparison.analyses[i], stage) for i, stage in comparison.shown]
    names = [each.name for each in comparison.analyses[0].sequences]
    table = consensus(cuts, names)
    table = table[table["sequence"].astype(str) == comparison.record]
    n = comparison.length
    size = max(64, n // 200)
    apart = (table["n_models"] < len(cuts)).groupby(table["byte"] // size).agg(["sum", "size"])
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


def windows_update(comparison: Comparison) -> dict[str, Any]:
    """The table of windows, shown."""
    return gr.update(value=shown_windows(comparison), visible=True)


def shown_windows(comparison: Comparison) -> pd.DataFrame:
    """`windows` with places as the page counts them."""
    return shown_places(windows(comparison), comparison.analyses[0].sequences[0].kind)


def on_models(models: list[str] | None) -> str:
    """What is wrong with the number of models picked, as soon as there are too many."""
    n = len(models or [])
    return (
        ""
        if n <= MOST_MODELS
        else f"{n} are picked, at most {MOST_MODELS} are compared at once; take some away."
    )


def on_window(event: gr.SelectData) -> dict[str, Any]:
    """A window was clicked: the place to go to, as the table counts."""
    return {"start": int(event.row_value[0]), "end": int(event.row_value[1])}


def label(model: int, stage: int) -> str:
    """A model's letter with a stage: B1."""
    return f"{ascii_uppercase[model]}{stage}"
