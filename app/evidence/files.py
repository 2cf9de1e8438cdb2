"""What can be taken away from an analysis: its tables in every format that fits, and the picture as one HTML file."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.boundaries.extract import Analysis
from analysis.files.export import open_writer
from analysis.files.provenance import Provenance
from app.evidence.table import all_chunks
from app.picture.origin import where_from
from app.picture.standalone import standalone
from app.server.session import Session
from hnet_core.errors import InputError

HTML, PROVENANCE = "html", "provenance.json"
_TABLES: dict[str, tuple[str, Callable[[Analysis], pd.DataFrame], str]] = {
    "chunks.csv": ("chunks, all stages: CSV", lambda done: all_chunks(done), ""),
    "chunks.parquet": ("chunks, all stages: Parquet", lambda done: all_chunks(done), ""),
    "p.csv": ("p at every position: CSV", lambda done: done.boundaries, ""),
    "p.parquet": ("p at every position: Parquet", lambda done: done.boundaries, ""),
    "chunks.bed": ("chunks: BED", lambda done: named(done, done.chunks), "dna"),
    "p.bedgraph": ("p at every position: bedGraph", lambda done: named(done, done.boundaries), "dna"),
    "chunks.gff3": ("chunks: GFF3", lambda done: named(done, done.chunks), "dna"),
}
"""File name -> what the list says, the table, and the kind of input it needs ("" is any)."""
_STAGE_TRACK = "p_stage{}.bw"
"""A bigWig holds one track: one file a stage."""


def named(done: Analysis, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the model's name, which the formats of genome browsers show."""
    return table.assign(model=done.model.name)


def choices(done: Analysis | None) -> list[tuple[str, str]]:
    """(words, key) of what can be made of an analysis."""
    if done is None:
        return []
    kind = done.sequences[0].kind
    tables = [(words, key) for key, (words, _, needs) in _TABLES.items() if needs in ("", kind)]
    stages = range(done.model.n_stages) if kind == "dna" else ()
    tracks = [(f"p of stage {stage}: bigWig", _STAGE_TRACK.format(stage)) for stage in stages]
    last = [
        ("the picture: one HTML file, works without network", HTML),
        ("where all this comes from: JSON", PROVENANCE),
    ]
    return [*tables, *tracks, *last]


def make(session: Session, done: Analysis, key: str, value: Callable[[], dict[str, Any]]) -> str:
    """Path of the file; value: makes the viewer's JSON for the picture."""
    if key not in [each for _, each in choices(done)]:
        raise InputError(f"there is no file {key!r} of this input; pick one from the list")
    facts = where_from("page: analyse", done)
    if key == HTML:
        return session.keep_file(standalone(value(), facts), "segmentation.html")
    if key == PROVENANCE:
        return keep_provenance(session, facts)
    lengths = {each.name: len(each.data) for each in done.sequences}
    return write(session, [_table(done, key)], key, facts, lengths)


def _table(done: Analysis, key: str) -> pd.DataFrame:
    if key in _TABLES:
        return _TABLES[key][1](done)
    stage = next(s for s in range(done.model.n_stages) if key == _STAGE_TRACK.format(s))
    return named(done, done.boundaries[done.boundaries["stage"] == stage])


def write(
    session: Session,
    parts: Iterable[pd.DataFrame],
    name: str,
    facts: Provenance | None = None,
    lengths: Mapping[str, int] | None = None,
) -> str:
    """The parts of a table in the format of the name's suffix; the path of the file.

    facts  go into the file; CSV and bigWig have no place for them, so the list of files has PROVENANCE as well
    """
    path = session.new_file(name)
    with open_writer(path, facts, lengths) as writer:
        for part in parts:
            writer.write(part)
    return str(path)


def keep_provenance(session: Session, facts: Provenance) -> str:
    """The facts as a file of their own."""
    return session.keep_file(json.dumps(facts, indent=2, sort_keys=True).encode() + b"\n", PROVENANCE)
