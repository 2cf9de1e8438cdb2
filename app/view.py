"""An Analysis as what the page shows: the viewer's value, facts, a page of the chunk table."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.boundaries.chunks import CompactTrack
from analysis.boundaries.extract import Analysis
from analysis.files.provenance import input_hash, provenance
from analysis.meaning.edits import Moves, moves, shared_bytes
from app.domain import DOMAINS, unseen
from app.readable import cell, visible
from app.syntax import syntax
from app.viewer import Group, Track, encoded, viewer_value
from app.wording import counted

PAGE = 100
"""Rows of the chunk table on one page."""


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
    analysis: Analysis, kind: str, link: dict[str, str] | None = None, before: Analysis | None = None
) -> dict[str, Any]:
    """The viewer over a whole text.

    kind    how its domain came about, for the facts
    link    what an address must say to lead here again
    before  the run before this one, of the same model: what moved since is marked
    """
    sequence = analysis.sequences[0]
    n = len(sequence.data)
    group = Group("", analysis.model.title, tracks(analysis, sequence.name, 0, n))
    unit = "bases" if sequence.kind == "dna" else "bytes"
    facts = [("model", analysis.model.title), ("input", kind), (unit, f"{n:,}"), *stage_facts(analysis)]
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
        sequence.data, [group], facts=facts, notes=notes(analysis), **options, **rows(sequence.kind)
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
    """How far the model has learned, as its model.json says it."""
    note = analysis.model.info.get("note", "")
    if analysis.model.info.get("learned") == "early" and not note.lower().startswith("early"):
        return [f"Early model. {note}".strip()]
    return [note] if note else []


def warnings(analysis: Analysis) -> list[str]:
    """What is odd about the input, as sentences."""
    words = [text.replace(f"model {analysis.model.name} ", "this model ") for text in analysis.warnings]
    return [f"{text[0].upper()}{text[1:]}." for text in words]


def notes(analysis: Analysis) -> list[str]:
    """Sentences under the facts: what the model can do, what is odd about the input."""
    never = unseen(analysis.model.info, analysis.sequences[0])
    return [*learned(analysis), *warnings(analysis), *([never] if never else [])]


def lettered(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """Letter of each model -> its sentences, as one list: each once, after the letters of those it speaks of."""
    letters: dict[str, list[str]] = {}
    for letter, sentences in notes.items():
        for each in dict.fromkeys(sentences):
            letters.setdefault(each, []).append(letter)
    return [each if len(who) == len(notes) else f"{', '.join(who)}: {each}" for each, who in letters.items()]


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


def domain_line(domain: str, language: str, guessed: bool) -> str:
    """The domain of an input in words, or the programming language where it is known."""
    return (language or DOMAINS[domain]) + (" (guessed)" if guessed else "")


def card(info: dict[str, Any], domains: dict[str, str]) -> dict[str, Any]:
    """One model's card: title, how far it has learned, its goal, (name, text) of what model.json tells, in parts."""
    if "error" in info:
        return {
            "title": info["name"],
            "note": info["error"],
            "early": True,
            "facts": [],
            "sections": [],
            "goal": None,
        }
    shares = info.get("boundary_shares") or {}
    facts = [
        ("name", info["name"]),
        ("domain", domains.get(info.get("domain", ""), info.get("domain", ""))),
        ("stages", info.get("n_stages")),
        ("parameters", _number(info.get("n_parameters"))),
        ("bytes seen", _number(info.get("bytes_seen"))),
        ("bits per byte", info.get("bits_per_byte")),
        ("bytes per chunk", " / ".join(f"{value:.2f}" for value in info.get("bytes_per_chunk") or [])),
        ("target", " / ".join(str(value) for value in info.get("target") or [])),
        ("seed, data order", " / ".join(str(info[key]) for key in ("seed", "data_seed") if key in info)),
        *((f"bits per byte, {test['name']}", test["bits_per_byte"]) for test in _other_tests(info)),
    ]
    origin = [
        ("data", ", ".join(map(str, info.get("data") or []))),
        ("licence", info.get("licence")),
        ("date", info.get("date")),
    ]
    cuts = [(_words(name), f"{share:.1%}") for name, share in shares.items()]
    sections = [("share of places where it cuts", cuts), ("data and licence", _said(origin))]
    return {
        "title": info.get("title", info["name"]),
        "note": info.get("note", ""),
        "early": info.get("learned") == "early",
        "facts": _said(facts),
        "sections": [{"name": name, "facts": found} for name, found in sections if found],
        "goal": _goal(info.get("goal")),
    }


def _said(facts: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Those that model.json has, as text."""
    return [(name, str(text)) for name, text in facts if text not in (None, "")]


def _goal(goal: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the model was to learn, what it reached and whether that is enough; None where model.json has no goal."""
    if not goal:
        return None
    words, reached = (str(goal.get(name, "")) for name in ("goal", "reached"))
    return {"words": words, "reached": reached, "met": bool(goal.get("met"))}


def _other_tests(info: dict[str, Any]) -> list[dict[str, Any]]:
    """Tests after the first one, whose figures stand in model.json itself."""
    return [each for each in (info.get("tests") or [])[1:] if {"name", "bits_per_byte"} <= set(each)]


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _words(name: str) -> str:
    """A key of model.json as words: stage0_word_start -> stage 0 word start."""
    return re.sub(r"stage(\d)", r"stage \1", name).replace("_", " ")
