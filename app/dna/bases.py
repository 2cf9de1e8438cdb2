"""The bases of a region with the chunks of the models chosen, as the segment viewer's value."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.boundaries.extract import Analysis
from app.dna.tracks import Opened, genes_of
from app.picture import value as view
from app.picture.viewer import Group, viewer_value
from app.source.region import as_words

CODONS = 3
MOST = 20_000
"""Bases in the viewer at once; the tracks above show any number."""


def shown_part(start: int, end: int) -> tuple[int, int]:
    """The middle of a region that is larger than what the viewer takes."""
    room = max(0, end - start - MOST) // 2
    return start + room, min(end, start + room + MOST)


def region_value(opened: Opened, start: int, end: int, per_row: int, group: int) -> dict[str, Any]:
    """The viewer over bases [start, end), or their middle; genes above the bases, codons apart where there are some."""
    first, last = shown_part(start, end)
    record, many = opened.record, len(opened.analyses) > 1
    groups = [
        Group(letter if many else "", each.model.title, view.tracks(each, record.name, first, last))
        for letter, each in zip(opened.letters, opened.analyses, strict=True)
    ]
    bases: dict[str, Any] = {"perRow": per_row, "group": group}
    if group == CODONS:
        bases["gaps"] = base64.b64encode(np.packbits(codon_gaps(opened, first, last)).tobytes()).decode(
            "ascii"
        )
    options: dict[str, Any] = {"compared": [0] * len(groups)} if many else {}
    options |= {"link": _link(opened, start, end), "about": opened.about}
    return viewer_value(
        record.data[first:last],
        groups,
        origin=first,
        bases=bases,
        features=_genes(opened, first, last),
        facts=_facts(opened, first, last),
        notes=_notes(opened, (start, end), (first, last)),
        alerts=_lettered(opened, view.alerts),
        **options,
    )


def _link(opened: Opened, start: int, end: int) -> dict[str, str]:
    """What an address must say to lead here again; the record of a sample only, never what a visitor brought."""
    link = {"tab": "dna", "models": ",".join(each.model.name for each in opened.analyses)}
    if opened.sample:
        link |= {"sample": opened.sample, "record": opened.record.name}
    return {**link, "start": str(start), "end": str(end)}


def codon_gaps(opened: Opened, start: int, end: int) -> np.ndarray:
    """(end - start,) bool: before which bases a codon begins, as read on the forward strand.

    In a gene codons are in its frame, on the reverse strand from their last base on; elsewhere threes are counted from
    the end of the gene before, or from the region's start.
    """
    gaps, n = np.zeros(end - start, bool), end - start
    coding = np.zeros(n, bool)
    if opened.codons is not None:
        inside = slice(*np.searchsorted(opened.codons.base, (start, end)))
        base = opened.codons.base[inside] - start
        coding[base] = True
        leftmost = np.where(opened.codons.reverse[inside], 2, 0)
        gaps[base[opened.codons.position[inside] == leftmost]] = True
    change = np.flatnonzero(np.diff(coding, prepend=coding[:1])) if n else []
    for first, last in zip([0, *change], [*change, n], strict=True):
        if first < n and not coding[first]:
            gaps[first:last:CODONS] = True
    return gaps


def _genes(opened: Opened, start: int, end: int) -> list[dict[str, Any]]:
    return [
        {
            "start": max(0, gene.start - start),
            "end": min(end, gene.end) - start,
            "strand": gene.strand,
            "name": str(gene.name),
            "kind": str(gene.kind),
        }
        for gene in genes_of(opened, start, end).itertuples(index=False)
    ]


def _facts(opened: Opened, start: int, end: int) -> list[tuple[str, str]]:
    shown = [
        ("record", opened.record.name),
        ("bases", f"{opened.length:,}"),
        ("shown below", as_words(start, end)),
    ]
    if len(opened.analyses) == 1:
        return [("model", opened.analyses[0].model.title), *shown, *view.stage_facts(opened.analyses[0])]
    rates = [
        (f"{letter}, stage 0", f"{each.summary['bytes_per_chunk'].iloc[0]:.2f} bases a chunk")
        for letter, each in zip(opened.letters, opened.analyses, strict=True)
    ]
    return [*shown, *rates]


def _lettered(opened: Opened, sentences: Callable[[Analysis], list[str]]) -> list[str]:
    """What is to be said of each model, each sentence once."""
    said = {letter: sentences(each) for letter, each in zip(opened.letters, opened.analyses, strict=True)}
    return view.lettered(said)


def _notes(opened: Opened, asked: tuple[int, int], shown: tuple[int, int]) -> list[str]:
    notes = [*_lettered(opened, view.learned), *opened.notes]
    if shown != asked:
        notes.append(f"The middle {MOST:,} bases of what the tracks show; zoom in to read all of it here.")
    return list(dict.fromkeys(notes))
