"""What can be taken away from an analysis: its tables in every format that fits, and the picture as one HTML file."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from analysis.export import write_table
from analysis.extract import Analysis
from app import view
from app.session import Session
from app.standalone import standalone
from hnet_core.errors import InputError

HTML = "html"
_TABLES: dict[str, tuple[str, Callable[[Analysis], pd.DataFrame], str]] = {
    "chunks.csv": ("chunks, all stages: CSV", lambda done: view.all_chunks(done), ""),
    "chunks.parquet": ("chunks, all stages: Parquet", lambda done: view.all_chunks(done), ""),
    "p.csv": ("p at every position: CSV", lambda done: done.boundaries, ""),
    "p.parquet": ("p at every position: Parquet", lambda done: done.boundaries, ""),
    "chunks.bed": ("chunks: BED", lambda done: named(done, done.chunks), "dna"),
    "p.bedgraph": ("p at every position: bedGraph", lambda done: named(done, done.boundaries), "dna"),
    "chunks.gff3": ("chunks: GFF3", lambda done: named(done, done.chunks), "dna"),
}
"""File name -> what the list says, the table, and the kind of input it needs ("" is any)."""


def named(done: Analysis, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the model's name, which the formats of genome browsers show."""
    return table.assign(model=done.model.name)


def choices(done: Analysis | None) -> list[tuple[str, str]]:
    """(words, key) of what can be made of an analysis."""
    if done is None:
        return []
    kind = done.sequences[0].kind
    tables = [(words, key) for key, (words, _, needs) in _TABLES.items() if needs in ("", kind)]
    return [*tables, ("the picture: one HTML file, works without network", HTML)]


def make(session: Session, done: Analysis, key: str, value: Callable[[], dict[str, Any]]) -> str:
    """Path of the file; value: makes the viewer's JSON for the picture."""
    if key not in [each for _, each in choices(done)]:
        raise InputError(f"there is no file {key!r} of this input; pick one from the list")
    if key == HTML:
        return session.keep_file(standalone(value()), "segmentation.html")
    return write(session, _TABLES[key][1](done), key)


def write(session: Session, table: pd.DataFrame, name: str) -> str:
    """A table in the format of the name's suffix; the path of the file."""
    path = session.new_file(name)
    write_table(table, path)
    return str(path)
