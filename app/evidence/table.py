"""The chunk table: a page of it, as files have it and as the page shows it."""

from collections.abc import Callable

import pandas as pd

from analysis.boundaries.extract import Analysis
from app.wording.readable import cell, visible

PAGE = 100
"""Rows of the chunk table on one page."""


def chunks(analysis: Analysis, stage: int, start: int = 0, end: int | None = None) -> pd.DataFrame:
    """Chunks of one stage of the first sequence that overlap bytes [start, end)."""
    sequence = analysis.sequences[0]
    table = analysis.chunks_of(sequence.name, stage)
    end = len(sequence.data) if end is None else end
    return table[(table["end"] > start) & (table["start"] < end)].reset_index(drop=True)


def with_text(analysis: Analysis, table: pd.DataFrame, read: Callable[[bytes], str] = cell) -> pd.DataFrame:
    """A chunk table of the first sequence with what each chunk reads: for files by `cell`, for the eye by `visible`."""
    data = analysis.sequences[0].data
    spans = zip(table["start"].to_numpy(), table["end"].to_numpy(), strict=True)
    return table.assign(text=[read(data[a:b]) for a, b in spans])


def all_chunks(analysis: Analysis, start: int = 0, end: int | None = None) -> pd.DataFrame:
    """Chunks of every stage of the first sequence that overlap bytes [start, end), with what they read."""
    parts = [chunks(analysis, stage, start, end) for stage in range(analysis.model.n_stages)]
    return with_text(analysis, pd.concat(parts, ignore_index=True))


def chunk_page(
    analysis: Analysis, stage: int, page: float | None, start: int = 0, end: int | None = None
) -> tuple[pd.DataFrame, int, str]:
    """PAGE rows of `chunks` as their file has them, the page's number (from 1), and a line that says which rows.

    page: what stands in the field; the nearest page that there is
    """
    table = chunks(analysis, stage, start, end)
    pages = max(1, -(-len(table) // PAGE))
    page = min(max(1, int(page or 1)), pages)
    first = (page - 1) * PAGE
    part = with_text(analysis, table.iloc[first : first + PAGE]).drop(columns="sequence")
    part = part.assign(prob=part["prob"].astype(float).round(4)).reset_index(drop=True)
    line = f"rows {first + 1:,} to {first + len(part):,} of {len(table):,}; page {page} of {pages}"
    return part, page, line


def shown_chunks(analysis: Analysis, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `chunk_page` as the page shows them: bases counted from 1, and text that leaves a trace of every byte."""
    kind = analysis.sequences[0].kind
    return shown_places(with_text(analysis, table, visible), kind).rename(
        columns={"n_bytes": "bases" if kind == "dna" else "bytes", "prob": "p"}
    )


def shown_places(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Columns start and end as the page counts: those of DNA as first and last base, from 1; others as they are."""
    if kind != "dna":
        return table
    return table.assign(start=table["start"] + 1).rename(columns={"start": "first", "end": "last"})
