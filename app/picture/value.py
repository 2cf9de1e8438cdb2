"""An Analysis as what the page shows: the viewer's value, facts, a page of the chunk table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.boundaries.chunks import CompactTrack
from analysis.boundaries.extract import Analysis
from analysis.files.provenance import input_hash, provenance
from analysis.meaning.edits import Moves, moves, shared_bytes
from app.kinds.domain import foreign
from app.picture.syntax import syntax
from app.picture.viewer import Group, Track, encoded, viewer_value
from app.wording.sentences import counted


def tracks(analysis: Analysis, sequence: str, start: int, end: int) -> tuple[Track, ...]:
    """Every stage of one sequence, cut to bytes [start, end)."""
    return tuple(
        _track(analysis.track(sequence, stage), start, end, _length(analysis, sequence))
        for stage in range(analysis.model.n_stages)
    )


def _track(track: CompactTrack, start: int, end: int, length: int) -> Track:
    prob, is_boundary = track.prob, track.is_boundary
    starts, sure = track.starts, prob[is_boundary]
    inside = slice(
        *(np.searchsorted(track.offsets, (start, end)) if track.offsets is not None else (start, end))
    )
    lead = max(0, int(np.searchsorted(starts, start, side="right")) - 1)
    after = int(np.searchsorted(starts, end))
    return Track(
        prob=prob[inside],
        is_boundary=is_boundary[inside],
        lead_start=int(starts[lead]),
        lead_prob=float(sure[lead]),
        lead_index=lead,
        tail_end=int(starts[after]) if after < len(starts) else length,
    )


def _length(analysis: Analysis, sequence: str) -> int:
    return len(_data(analysis, sequence))


def _data(analysis: Analysis, sequence: str) -> bytes:
    return next(each.data for each in analysis.sequences if each.name == sequence)


def key(analysis: Analysis) -> str:
    """What an analysis is of: the model and a hash of its input."""
    return f"{analysis.model.name} {input_hash(analysis.sequences)}"


def text_value(
    analysis: Analysis,
    kind: str,
    link: dict[str, str] | None = None,
    before: Analysis | None = None,
    domain: str = "",
) -> dict[str, Any]:
    """The viewer over a whole text.

    kind    how its domain came about, for the facts
    link    what an address must say to lead here again
    before  the run before this one, of the same model: what moved since is marked
    domain  what the person says that the text is, else ""
    """
    sequence = analysis.sequences[0]
    n = len(sequence.data)
    group = Group("", analysis.model.title, tracks(analysis, sequence.name, 0, n))
    unit = "bases" if sequence.kind == "dna" else "bytes"
    facts = [
        ("model", analysis.model.title),
        ("input", sequence.name),
        ("kind", kind),
        (unit, f"{n:,}"),
        *stage_facts(analysis),
    ]
    about = provenance("page: analyse", analysis.sequences, {analysis.model.name: analysis.model}, {})
    options: dict[str, Any] = {"key": key(analysis), "link": link or {}, "about": about}
    moved = moved_since(before, analysis) if before else []
    if moved:
        facts += moved_facts(moved)
        options["moved"] = [{"added": m.added.tolist(), "removed": m.removed.tolist()} for m in moved]
    colours = syntax(sequence.data, sequence.name) if sequence.kind == "text" else None
    if colours is not None:
        options["syntax"] = encoded(colours)
    return viewer_value(
        sequence.data,
        [group],
        facts=facts,
        notes=learned(analysis),
        alerts=alerts(analysis, domain),
        **options,
        **rows(sequence.kind),
    )


def moved_since(before: Analysis, now: Analysis) -> list[Moves]:
    """What moved at every stage, where `now` is an edited text of the same model: half of its bytes stayed."""
    old, new = before.sequences[0], now.sequences[0]
    if before.model.name != now.model.name or old.data == new.data:
        return []
    place = shared_bytes(old.data, new.data)
    if 2 * (place >= 0).sum() < max(len(old.data), len(new.data)):
        return []
    return [
        moves(place, before.chunks_of(old.name, stage)["start"], now.chunks_of(new.name, stage)["start"])
        for stage in range(now.model.n_stages)
    ]


def moved_facts(moved: list[Moves]) -> list[tuple[str, str]]:
    """Counts of what moved in the part of the text that both runs share."""
    return [
        (
            f"moved since the last run, stage {stage}",
            f"{len(each.added):,} added, {len(each.removed):,} gone, {each.stayed:,} stayed",
        )
        for stage, each in enumerate(moved)
    ]


def rows(kind: str) -> dict[str, Any]:
    """DNA goes in rows of a fixed number of bases; text as it fits."""
    return {"bases": {"perRow": 90, "group": 10}} if kind == "dna" else {}


def stage_facts(analysis: Analysis) -> list[tuple[str, str]]:
    """Chunks and bytes a chunk of every stage."""
    unit = "bases" if analysis.sequences[0].kind == "dna" else "bytes"
    return [
        (f"stage {row.stage}", f"{counted(row.n_chunks, 'chunk')}, {row.bytes_per_chunk:.2f} {unit} a chunk")
        for row in analysis.summary.itertuples()
    ]


def learned(analysis: Analysis) -> list[str]:
    """How far the model has learned, as its model.json says it, and on what that was measured."""
    note, tests = analysis.model.info.get("note", ""), analysis.model.info.get("tests") or []
    early = analysis.model.info.get("learned") == "early" and not note.lower().startswith("early")
    if "%" in note and tests and tests[0].get("name"):
        note = f"Measured on {tests[0]['name']}: {note[0].lower()}{note[1:]}"
    if early:
        return [f"Early model. {note}".strip()]
    return [note] if note else []


def warnings(analysis: Analysis) -> list[str]:
    """What is odd about the input, as sentences."""
    words = [text.replace(f"model {analysis.model.name} ", "this model ") for text in analysis.warnings]
    return [f"{text[0].upper()}{text[1:]}." for text in words]


def alerts(analysis: Analysis, domain: str = "") -> list[str]:
    """What is odd about the input, or foreign to the model. domain: what the person says that it is, else ""."""
    strange = foreign(analysis.model.info, analysis.sequences[0], domain)
    return [*([strange] if strange else []), *warnings(analysis)]


def notes(analysis: Analysis) -> list[str]:
    """What the model can do, and `alerts`, where there is one list for both."""
    return [*learned(analysis), *alerts(analysis)]


def lettered(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """Letter of each model -> its sentences, as one list: each once, after the letters of those it speaks of."""
    letters: dict[str, list[str]] = {}
    for letter, sentences in notes.items():
        for each in dict.fromkeys(sentences):
            letters.setdefault(each, []).append(letter)
    return [each if len(who) == len(notes) else f"{', '.join(who)}: {each}" for each, who in letters.items()]
