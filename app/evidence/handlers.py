"""What the evidence under a picture calls: pages of chunks, figures, the dictionary, files to take away."""

import functools
from typing import Any

import gradio as gr
import pandas as pd

from analysis.boundaries.extract import Analysis
from analysis.files.export import csv_bytes
from app.evidence import dictionary, files
from app.evidence.plots import figures
from app.evidence.table import all_chunks, chunk_page, shown_chunks
from app.picture import value as view
from app.server.session import Session
from app.source.region import known_region
from app.source.stop import on_end
from app.work.job import Wish
from app.work.told import told
from hnet_core.errors import InputError

NO_FILES = [("other files", "")]
"""The list of files before one is picked."""


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
    table, page, line = chunk_page(done, stage, page, *region)
    return shown_chunks(done, table), page, line, download(session, table, "chunks_shown.csv")


@told
def on_figures(done: Analysis):
    """All chunks may be saved now; the three figures."""
    return (gr.update(interactive=True), *figures(done))


@told
def on_everything(session: Session, done: Analysis | None) -> str:
    """The CSV of all chunks at all stages."""
    if done is None:
        raise InputError("there is nothing to save yet; press Analyse first")
    return session.keep_file(csv_bytes(all_chunks(done)), "chunks_all.csv")


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
