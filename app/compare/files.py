"""What can be taken away from a comparison: tables, tracks for genome browsers, the picture."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pandas as pd

from app.compare.agreement import MEASURES, Agreement, consensus_table, group_table, pairs
from app.evidence import files
from app.picture.comparison import Comparison, about, value_of
from app.picture.standalone import standalone
from app.server.session import Session
from app.work.job import Wish
from app.work.told import told
from hnet_core.errors import InputError

_ANY = [
    ("agreement of every pair, all measures: CSV", "agreement.csv"),
    ("agreement of every pair, all measures: Parquet", "agreement.parquet"),
    ("the matrix as shown, its numbers: CSV", "matrix.csv"),
    ("means of groups, all measures: CSV", "groups.csv"),
    ("means of groups, all measures: Parquet", "groups.parquet"),
    ("consensus, how many models cut where: CSV", "consensus.csv"),
    ("consensus, how many models cut where: Parquet", "consensus.parquet"),
    ("chunks of all models and stages: CSV", "chunks.csv"),
    ("chunks of all models and stages: Parquet", "chunks.parquet"),
    ("p at every position, all models: CSV", "p.csv"),
    ("p at every position, all models: Parquet", "p.parquet"),
]
_DNA = [
    ("chunks of all models and stages: BED", "chunks.bed"),
    ("chunks of all models and stages: GFF3", "chunks.gff3"),
    ("p at every position, all models: bedGraph", "p.bedgraph"),
    ("consensus, share of the models: bedGraph", "consensus.bedgraph"),
    ("consensus, share of the models: bigWig", "consensus.bw"),
]
_LAST = [
    ("the picture: one HTML file, works without network", files.HTML),
    ("where all this comes from: JSON", files.PROVENANCE),
]
_NEEDS_AGREEMENT = ("agreement", "matrix", "groups")


def choices(comparison: Comparison | None) -> list[tuple[str, str]]:
    """(words, key) of the files there are."""
    if comparison is None:
        return []
    dna = all(each.kind == "dna" for each in comparison.analyses[0].sequences)
    return [*_ANY, *(_DNA if dna else []), *_LAST]


def file_choices(comparison: Comparison | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The list of files of a new comparison, and its button without one."""
    listed = [("other files", ""), *choices(comparison)]
    return gr.update(choices=listed, value=""), gr.update(value=None, interactive=False)


@told
def on_csv(session: Session, comparison: Comparison, agreement: Agreement):
    """The agreement table, ready to be saved as CSV."""
    made = files.write(session, [agreement.table], "agreement.csv", about(comparison))
    return gr.update(value=made, interactive=True)


@told
def on_file(
    session: Session,
    wish: Wish,
    comparison: Comparison | None,
    agreement: Agreement | None,
    measure: str,
    by: str,
    key: str | None,
):
    """The file that was picked from the list, ready to be saved."""
    if not key:
        return gr.skip()
    if key not in [each for _, each in choices(comparison)]:
        raise InputError(
            "there is no such file of this comparison; press Compare, then pick one from the list"
        )
    stem = key.partition(".")[0]
    if stem in _NEEDS_AGREEMENT and agreement is None:
        raise InputError("there is no agreement to save yet; wait until the table below the text is there")
    facts = about(comparison, measure=measure, groups_by=by)

    def make() -> str:
        if key == files.HTML:
            return session.keep_file(standalone(value_of(comparison), facts), "comparison.html")
        if key == files.PROVENANCE:
            return files.keep_provenance(session, facts)
        tables = {
            "agreement": lambda: [agreement.table],
            "matrix": lambda: [matrix_numbers(comparison, agreement, measure)],
            "groups": lambda: [group_table(comparison, agreement, by)],
            "consensus": lambda: [_consensus(comparison, key)],
            "chunks": lambda: _parts(comparison, "chunks", wanted),
            "p": lambda: _parts(comparison, "boundaries", wanted),
        }
        lengths = {each.name: len(each.data) for each in comparison.analyses[0].sequences}
        return files.write(session, tables[stem](), key, facts, lengths)

    wanted = functools.partial(wish.check, key)
    return wish.ready(key, make)


def matrix_numbers(comparison: Comparison, agreement: Agreement, measure: str) -> pd.DataFrame:
    """A measure of every pair as plain numbers: model and stage of the row, then a column for each model and stage.

    In the order of the matrix on the page; empty where the page has no number. A column is called MODEL stage N.
    """
    _, mirrored, _ = MEASURES[measure]
    sides = list(agreement.order)
    cells = pd.DataFrame(float("nan"), index=range(len(sides)), columns=range(len(sides)))
    for (first, second), row in zip(pairs(comparison), agreement.table.to_dict("records"), strict=True):
        a, b = sides.index(first), sides.index(second)
        cells.loc[a, b] = row[measure]
        if mirrored:
            cells.loc[b, a] = row[mirrored]
    names = [comparison.analyses[i].model.name for i, _ in sides]
    cells.columns = [f"{name} stage {stage}" for name, (_, stage) in zip(names, sides, strict=True)]
    cells.insert(0, "model", names)
    cells.insert(1, "stage", [stage for _, stage in sides])
    cells.insert(2, "measure", measure)
    return cells


def _parts(comparison: Comparison, table: str, wanted: Callable[[], None]) -> Iterator[pd.DataFrame]:
    """The table of one model after another. wanted: raises once nobody wants them any more"""
    for one in comparison.analyses:
        wanted()
        yield files.named(one, getattr(one, table))


def _consensus(comparison: Comparison, key: str) -> pd.DataFrame:
    """schema.CONSENSUS; for tracks a position's value is the share of the models that cut there."""
    table = consensus_table(comparison)
    if key.endswith((".csv", ".parquet")):
        return table
    return table.rename(columns={"share": "prob"}).assign(stage=0, model="consensus")
