"""What the DNA tab calls to read, analyse and move: records, an annotation and a place in; the views over them out."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import gradio as gr
import pandas as pd

from analysis.boundaries.extract import Analysis
from analysis.inputs.annotations import NOTES, fit_features, read_features
from analysis.inputs.genbank import is_genbank
from analysis.inputs.reading import Sequence, read_input
from analysis.inputs.sources import Source, read_bytes
from app.dna.bases import region_value, shown_part
from app.dna.tracks import Opened, Records, TrackFolder, write_tracks
from app.evidence import files
from app.evidence.handlers import download, stage_choices
from app.evidence.table import all_chunks
from app.server import session as limits
from app.server.session import Session
from app.source.reading import AUTO, PROGRESS, read_source
from app.source.region import as_fields, check_region, known_region
from app.wording.sentences import counted, isolated
from app.work.job import Job, Wish
from app.work.told import told
from hnet_core.errors import HNetError, InputError

MOST_MODELS = 6
FIRST_VIEW = 6000
"""Bases of a new record that are shown first."""
MOST_LISTED = 500
"""Records in the list; of any other the name can be typed."""


def beside(outputs: int, said: int = 0) -> Callable[[Callable], Callable]:
    """What is wrong with a control goes into the sentence beside it, the last output; the others stay as they are.

    outputs: how many others; said: how many more, between them and the last, say what is right and are emptied
    """

    def wrap(handler: Callable) -> Callable:
        @functools.wraps(handler)
        def call(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
            try:
                return handler(*args, **kwargs)
            except HNetError as err:
                return *[gr.skip()] * outputs, *[""] * said, str(err)

        return told(call)

    return wrap


@dataclass(frozen=True)
class Brought:
    """What stands in the input panel: a pasted text, an upload or a sample, whichever `source` names; annotation."""

    source: str
    text: str
    upload: str | None
    sample: str
    annotation: str | None

    @property
    def missing(self) -> bool:
        return (self.source == "paste" and not self.text) or (self.source == "upload" and not self.upload)

    @property
    def origin(self) -> tuple[str | None, ...]:
        """Equal for equal choices, so that nothing is read twice."""
        chosen = {"paste": self.text, "upload": self.upload, "sample": self.sample}[self.source]
        return self.source, chosen, self.annotation


@dataclass(frozen=True)
class Asked:
    """What is to be shown of it: a record from its first to its last base, cut by some models; rows of the bases."""

    records: Records | None
    record: str | None
    models: list[str]
    first: float | None
    last: float | None
    per_row: int
    group: int


@beside(5)
def on_records(session: Session, *brought: str | None):
    """DNA and perhaps its annotation in.

    Out: records, the list to pick from, the first one's region, what is wrong with the annotation, and with the DNA.
    """
    given = Brought(*brought)
    if given.missing:
        return None, gr.update(choices=[], value=None), None, None, "", ""
    records = _read(session, given)
    return *_offer(records), records.problem, ""


@beside(1)
def on_annotation(session: Session, *brought: str | None):
    """Another annotation of the same DNA, or none, in: the record that was picked and its region stay.

    Out: records, what is wrong with the annotation.
    """
    given = Brought(*brought)
    if given.missing:
        return None, ""
    records = _read(session, given)
    return records, records.problem


def _read(session: Session, given: Brought) -> Records:
    if given.source == "upload" and given.upload:
        name = Path(given.upload).name
        data = read_bytes(given.upload, name, limits.MAX_DNA_BYTES)
        sequences = read_input(data, "dna", name, limits.MAX_DNA_BYTES)
    else:
        name, data = (
            "pasted text",
            given.text.encode("utf-8", "surrogatepass") if given.source == "paste" else b"",
        )
        panel = (given.source, given.text, given.upload, given.sample)
        sequences = read_source(session, *panel, "dna", limits.MAX_DNA_BYTES)
    features, notes, problem = None, (), ""
    try:
        if given.annotation:
            features, notes = _fitted(given.annotation, Path(given.annotation).name, sequences)
        elif is_genbank(data):  # it brings its own
            features, notes = _fitted(data, name, sequences, own=True)
        elif given.source == "sample" and (genes := session.sample(given.sample).annotation):
            features, notes = _fitted(genes, genes.name, sequences)
    except HNetError as err:
        problem = str(err) if given.annotation else f"the record's own genes are not shown: {err}"
    return Records(tuple(sequences), features, notes, problem, given.origin)


def _fitted(source: Source, name: str, sequences: list[Sequence], own: bool = False):
    """Features of the sequences, and what was left out; (None, ()) of a file that brings none of its own."""
    features = read_features(source, name, limits.MAX_DNA_BYTES)
    brings_none = own and features.empty and not features.attrs[NOTES]
    return (None, ()) if brings_none else fit_features(features, sequences, name)


def _offer(records: Records):
    """The records, the list to pick from, and the first one's region."""
    listed, n, first = records.sequences[:MOST_LISTED], len(records.sequences), records.sequences[0]
    names = [(f"{isolated(each.name)}  ({counted(len(each.data), 'base')})", each.name) for each in listed]
    more = f": {len(listed)} of {n:,}, or type a name" if len(listed) < n else ""
    return records, gr.update(choices=names, value=first.name, label=f"Record{more}"), *_first_region(first)


def _first_region(sequence: Sequence) -> tuple[int, int]:
    return as_fields(0, min(len(sequence.data), FIRST_VIEW))


@beside(2, said=1)
def on_record(records: Records | None, record: str | None):
    """Another record: the region back to its start, and nothing said."""
    return (*_first_region(records.named(record)), "", "") if records and record else (None, None, "", "")


@told
def on_dna(session: Session, job: Job, progress: gr.Progress = PROGRESS, *panel: Any):
    """An input, a record, a region and some models in: the fields of Brought, then those of Asked.

    Out: records, their list, the problem of the annotation, first and last base, what is open now, the first model's
    analysis, genome view, base view, stages and first page of the table. What was pasted a moment ago may not have
    been read yet; then it is read here, from its start.
    """
    given, asked = Brought(*panel[:5]), Asked(*panel[5:])
    offered = (gr.skip(), gr.skip(), gr.skip())
    records, record, first, last = asked.records, asked.record, asked.first, asked.last
    if records is None or records.origin != given.origin:
        same = records is not None and records.origin[:2] == given.origin[:2]  # but for its annotation
        records = _read(session, given)
        offered, record = (records, gr.skip(), records.problem), record if same else None
    if record not in [each.name for each in records.sequences]:
        *lists, first, last = _offer(records)
        offered, record = (*lists, records.problem), records.sequences[0].name
    sequence = records.named(record)
    if len(sequence.data) > limits.MAX_RECORD:
        raise InputError(
            f"record {record!r}: {len(sequence.data):,} bases, the page takes {limits.MAX_RECORD:,}; "
            "use python -m analysis boundaries"
        )
    region = check_region(len(sequence.data), first, last)
    analyses = _analyses(session, job, sequence, asked.models, progress)
    progress(1, desc="drawing the tracks")
    known = given.sample if given.source == "sample" and not given.annotation else ""
    opened = Opened(analyses, records.features_of(record), records.notes, TrackFolder(), known)
    tracks = {
        **write_tracks(opened),
        "start": region[0],
        "end": region[1],
        "about": {**opened.about, "record": record},
    }
    value = region_value(opened, *region, int(asked.per_row), int(asked.group))
    return *offered, *as_fields(*region), opened, analyses[0], tracks, value, stage_choices(analyses[0]), 1


def on_models(models: list[str] | None) -> str:
    """What is wrong with the number of models picked, as soon as there are too many."""
    n = len(models or [])
    return (
        ""
        if n <= MOST_MODELS
        else f"{n} are picked, at most {MOST_MODELS} are drawn at once; take some away."
    )


def _analyses(
    session: Session, job: Job, sequence: Sequence, models: list[str], progress: gr.Progress
) -> tuple[Analysis, ...]:
    if not 1 <= len(models or []) <= MOST_MODELS:
        raise InputError(
            f"{counted(len(models or []), 'model')} picked: the DNA tab takes one to {MOST_MODELS}"
        )
    names = dict.fromkeys(session.model_for("dna") if name == AUTO else name for name in models)
    session.check_size(len(sequence.data), [*names])
    out = []
    for letter, name in zip(ascii_uppercase, names, strict=False):
        words = (
            f"model {letter} of {len(names)}: finding boundaries" if len(names) > 1 else "finding boundaries"
        )
        out.append(session.analyse([sequence], name, job.report(progress, words)))
    return tuple(out)


@beside(3, said=1)
def on_place(
    opened: Opened | None,
    record: str | None,
    first: float | None,
    last: float | None,
    per_row: int,
    group: int,
):
    """The base view over a region of the record that is open: nothing runs again. Before the first run: nothing."""
    if opened is None or opened.record.name != record:
        return gr.skip(), gr.skip(), gr.skip(), "", ""
    region = check_region(opened.length, first, last)
    return region_value(opened, *region, int(per_row), int(group)), *as_fields(*region), "", ""


def on_locus(opened: Opened | None, record: str | None, per_row: int, group: int, event: gr.EventData):
    """on_place for the bases [start, end) that the genome view shows now."""
    return on_place(opened, record, *as_fields(int(event.start), int(event.end)), per_row, group)


@told
def on_region_files(session: Session, opened: Opened | None, first: float | None, last: float | None):
    """The CSV of all chunks that overlap the bases shown, at every stage of every model."""
    region = known_region(opened.length, first, last) if opened else None
    if region is None:
        return gr.skip()
    start, end = shown_part(*region)
    parts = [files.named(each, all_chunks(each, start, end)) for each in opened.analyses]
    return download(session, pd.concat(parts, ignore_index=True), "chunks_region.csv")


@told
def on_region_picture(
    session: Session,
    wish: Wish,
    done: Analysis | None,
    key: str | None,
    opened: Opened | None,
    first: float | None,
    last: float | None,
    per_row: int,
    group: int,
):
    """The file that was picked from the list: tables of the whole record, the picture of the region shown."""
    if done is None or not key:
        return gr.skip()
    place = functools.partial(check_region, opened.length, first, last)

    def picture() -> dict[str, Any]:
        return region_value(opened, *place(), int(per_row), int(group))

    return wish.ready(key, lambda: files.make(session, done, key, picture))
