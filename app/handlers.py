"""What the page calls: values of components in, values of components out. What a person can cause is one sentence."""

import functools
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from analysis.boundaries.extract import Analysis
from analysis.files.export import csv_bytes
from analysis.inputs.files import read_file
from analysis.inputs.reading import Sequence, read_input
from app import dictionary, files, view
from app import session as limits
from app.bases import known_region
from app.domain import DOMAINS
from app.job import STOPPED_BEFORE, Jobs, Wish
from app.plots import figures
from app.session import Session
from app.told import told
from hnet_core.checkpoint import model_folder
from hnet_core.errors import InputError

PROGRESS = gr.Progress()
AUTO = "auto"
_CURVE_POINTS = 120
_CURVES = {"bpb": "bits per byte, training", "valid_bpb": "bits per byte, held out"}
NO_FILES = [("other files", "")]
"""The list of files before one is picked."""


def read_source(
    session: Session,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    kind: str = AUTO,
    max_bytes: int = limits.MAX_TEXT_BYTES,
) -> list[Sequence]:
    """The sequences of a pasted text, an uploaded file or a sample, whichever `source` names."""
    if source == "paste":
        if not text:
            raise InputError(
                "the text field is empty; paste something into it, upload a file or pick a sample"
            )
        if len(text) > limits.MAX_PASTE:
            raise InputError(
                f"pasted text: {len(text):,} characters, at most {limits.MAX_PASTE:,} can be pasted; upload a file"
            )
        return read_input(text.encode("utf-8", "surrogatepass"), kind, "pasted text", max_bytes)
    if source == "upload":
        if not upload:
            raise InputError("no file has been uploaded yet; choose one, paste a text or pick a sample")
        return _read_file(Path(upload), kind, max_bytes)
    path = session.sample(sample).path
    return read_input(path, kind, path.name, max_bytes)


def _read_file(path: Path, kind: str, max_bytes: int) -> list[Sequence]:
    """An uploaded file."""
    return read_file(path, kind, path.name, max_bytes)


def on_begin(jobs: Jobs) -> tuple[dict[str, Any], str, int]:
    """A run was asked for: Stop works from now on, what the last one said no longer counts; the number of this one."""
    number = jobs.begin()
    return gr.update(interactive=True), "", number


def on_failure(jobs: Jobs) -> tuple[dict[str, Any], Any]:
    """A run ended without a result. If it is the last one: nothing to stop; why it ended, beside its button."""
    failure = jobs.current.failure
    return (on_end(), failure) if failure else (gr.skip(), gr.skip())


def on_stop(jobs: Jobs) -> Any:
    """Stop the run at its next window of bytes; one whose work has not begun is over at once, and says so."""
    job = jobs.current
    job.stop()
    return gr.skip() if job.begun else STOPPED_BEFORE


def on_over(jobs: Jobs) -> Any:
    """A run has ended with its result: nothing to stop, unless another one has begun since."""
    return on_end() if jobs.current.over else gr.skip()


def on_end() -> dict[str, Any]:
    """A button off: the run has ended, however it did, and there is nothing to stop; or nothing to save yet."""
    return gr.update(interactive=False)


def stage_choices(done: Analysis) -> dict[str, Any]:
    return gr.update(choices=[(f"stage {s}", s) for s in range(done.model.n_stages)], value=0)


@told
def on_page(
    session: Session,
    done: Analysis | None,
    stage: int,
    page: float | None,
    *fields: float | None,
):
    """A page of the chunk table, its number, the line about it, and the CSV of exactly these rows.

    fields: first and last base that limit the table, or nothing; where they are no region, the table stays
    """
    region = known_region(len(done.sequences[0].data), *fields) if done and fields else ()
    if done is None or region is None:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    stage = min(int(stage or 0), done.model.n_stages - 1)
    table, page, line = view.chunk_page(done, stage, page, *region)
    return view.shown_chunks(done, table), page, line, download(session, table, "chunks_shown.csv")


@told
def on_figures(done: Analysis):
    """All chunks may be saved now; the three figures."""
    return (gr.update(interactive=True), *figures(done))


@told
def on_everything(session: Session, done: Analysis | None) -> str:
    """The CSV of all chunks at all stages."""
    if done is None:
        raise InputError("there is nothing to save yet; press Analyse first")
    return session.keep_file(csv_bytes(view.all_chunks(done)), "chunks_all.csv")


@told
def on_dictionary(done: Analysis | None, stage: int):
    """The chunk dictionary of a stage: its first rows, a line about it; it may be saved now."""
    if done is None:
        return gr.skip(), gr.skip(), gr.skip()
    table = _dictionary(done, stage)
    return dictionary.shown(table, done), dictionary.line(table), gr.update(interactive=True)


@told
def on_whole_dictionary(session: Session, done: Analysis | None, stage: int) -> str:
    """The CSV of a whole dictionary."""
    if done is None:
        raise InputError("there is nothing to save yet; press Analyse first")
    return session.keep_file(csv_bytes(_dictionary(done, stage)), "dictionary.csv")


def _dictionary(done: Analysis, stage: int) -> pd.DataFrame:
    return dictionary.dictionary(done, min(int(stage or 0), done.model.n_stages - 1))


def file_choices(done: Analysis | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The list of files of a new analysis, and its button without one."""
    return gr.update(choices=[*NO_FILES, *files.choices(done)], value=""), gr.update(
        value=None, interactive=False
    )


def on_wish(wish: Wish, key: str | None) -> dict[str, Any]:
    """Another file of a list is wanted: what was made for it before is over, and nothing can be saved yet."""
    wish.key = key or ""
    return on_end()


@told
def on_file(session: Session, wish: Wish, done: Analysis | None, key: str | None):
    """The file that was picked from the list, ready to be saved."""
    if done is None or not key:
        return gr.skip()
    picture = functools.partial(view.text_value, done, done.sequences[0].name)
    return wish.ready(key, lambda: files.make(session, done, key, picture))


def on_chunk(event: gr.SelectData) -> dict[str, Any]:
    """A row of the chunk table was clicked: the place to select in the text, as the table counts."""
    return {"start": int(event.row_value[1]), "end": int(event.row_value[2])}


def on_word(event: gr.SelectData) -> dict[str, Any]:
    """A row of the dictionary was clicked: the bytes to look for in the text."""
    return {"hex": str(event.row_value[1])}


def download(session: Session, table: pd.DataFrame, name: str) -> dict[str, Any]:
    return gr.update(value=session.keep_file(csv_bytes(table), name), interactive=True)


def model_cards(session: Session) -> dict[str, Any]:
    """The Models tab's value: title, domain, and what model.json says, in reading order."""
    return {
        "cards": [
            {**view.card(card, DOMAINS), "curves": curves(session, card["name"])} for card in session.cards()
        ]
    }


def curves(session: Session, model: str) -> list[dict[str, Any]]:
    """What training.csv of a model tells over bytes seen, at most _CURVE_POINTS a curve; [] where there is none.

    returns  {"name", "points": [(bytes seen, value)]} of bits per byte and of bytes per chunk of every stage
    """
    try:
        table = pd.read_csv(model_folder(model, session.models_dir) / "training.csv")
        columns = ["bpb", "valid_bpb", *(name for name in table if name.startswith("bytes_per_chunk_"))]
        found = []
        for column in columns:
            part = table[["bytes", column]].dropna() if column in table else table.iloc[:0]
            step = max(1, -(-len(part) // (_CURVE_POINTS - 1)))
            part = part.iloc[[*range(0, len(part) - 1, step), *range(max(0, len(part) - 1), len(part))]]
            if len(part) > 1:
                points = [[float(x), float(y)] for x, y in part.to_numpy()]
                found.append({"name": _CURVES.get(column, column.replace("_", " ")), "points": points})
        return found
    except (OSError, ValueError, KeyError):
        return []
