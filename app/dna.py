"""What the DNA tab calls to read, analyse and move: records, an annotation and a place in; the views over them out."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import gradio as gr
import pandas as pd

from analysis.annotations import fit_features, read_features
from analysis.extract import Analysis
from analysis.inputs import Sequence
from app import files, view
from app import session as limits
from app.bases import check_region, region_value, shown_part
from app.genome import Opened, Records, TrackFolder, named_features, write_tracks
from app.handlers import AUTO, PROGRESS, download, read_source, stage_choices, told
from app.job import Job, Wish
from app.session import Session
from hnet_core.errors import HNetError, InputError

MOST_MODELS = 6
FIRST_VIEW = 6000
"""Bases of a new record that are shown first."""
MOST_LISTED = 500
"""Records in the list; of any other the name can be typed."""
_AROUND = 30
"""Bases before and after a gene that was asked for."""
_REGION = re.compile(r"(?:.*[:\s\[])?\s*([\d,]+)\s*(?:-|\.\.|,\s|\s)\s*([\d,]+)\s*[)\]]?")
_GENBANK = (".gb", ".gbk", ".gbff", ".genbank")


def beside(outputs: int) -> Callable[[Callable], Callable]:
    """What is wrong with a control goes into the sentence beside it, the last output; the others stay as they are.

    outputs: how many others
    """

    def wrap(handler: Callable) -> Callable:
        @functools.wraps(handler)
        def call(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
            try:
                return handler(*args, **kwargs)
            except HNetError as err:
                return *[gr.skip()] * outputs, str(err)

        return told(call)

    return wrap


@beside(5)
def on_records(
    session: Session, source: str, text: str, upload: str | None, sample: str, annotation: str | None
):
    """DNA and perhaps its annotation in.

    Out: records, the list to pick from, the first one's region, what is wrong with the annotation, and with the DNA.
    """
    if _is_missing(source, text, upload):
        return None, gr.update(choices=[], value=None), 0, 0, "", ""
    records = _read(session, source, text, upload, sample, annotation)
    return *_offer(records), records.problem, ""


@beside(1)
def on_annotation(
    session: Session, source: str, text: str, upload: str | None, sample: str, annotation: str | None
):
    """Another annotation of the same DNA, or none, in: the record that was picked and its region stay.

    Out: records, what is wrong with the annotation.
    """
    if _is_missing(source, text, upload):
        return None, ""
    records = _read(session, source, text, upload, sample, annotation)
    return records, records.problem


def _is_missing(source: str, text: str, upload: str | None) -> bool:
    return (source == "paste" and not text) or (source == "upload" and not upload)


def _read(
    session: Session, source: str, text: str, upload: str | None, sample: str, annotation: str | None
) -> Records:
    sequences = read_source(session, source, text, upload, sample, "dna", limits.MAX_DNA_BYTES)
    given = annotation or _own_annotation(session, source, upload, sample)
    features, notes, problem = None, (), ""
    try:
        if given:
            features, notes = fit_features(
                read_features(given, Path(given).name), sequences, Path(given).name
            )
    except HNetError as err:
        problem = str(err) if annotation else ""  # a record that brings no features of its own needs no word
    origin = _origin(source, text, upload, sample, annotation)
    return Records(tuple(sequences), features, notes, problem, origin)


def _origin(
    source: str, text: str, upload: str | None, sample: str, annotation: str | None
) -> tuple[str | None, ...]:
    """Equal for equal choices, so that nothing is read twice."""
    return source, {"paste": text, "upload": upload, "sample": sample}[source], annotation


def _own_annotation(session: Session, source: str, upload: str | None, sample: str) -> str | Path | None:
    """The annotation that comes with a sample, or inside an uploaded GenBank file."""
    if source == "sample":
        return session.sample(sample).annotation
    if source == "upload" and Path(upload).name.lower().removesuffix(".gz").endswith(_GENBANK):
        return upload
    return None


def _offer(records: Records):
    """The records, the list to pick from, and the first one's region."""
    listed, n, first = records.sequences[:MOST_LISTED], len(records.sequences), records.sequences[0]
    names = [(f"{each.name}  ({len(each.data):,} bases)", each.name) for each in listed]
    more = f": {len(listed)} of {n:,}, or type a name" if len(listed) < n else ""
    return records, gr.update(choices=names, value=first.name, label=f"Record{more}"), *_first_region(first)


def _first_region(sequence: Sequence) -> tuple[int, int]:
    return 0, min(len(sequence.data), FIRST_VIEW)


@beside(2)
def on_record(records: Records | None, record: str | None):
    """Another record: the region back to its start."""
    return (*_first_region(records.named(record)), "") if records and record else (0, 0, "")


@beside(2)
def on_find(records: Records | None, record: str | None, text: str, start: float, end: float):
    """A gene's name, its locus tag or a region in; start and end of it out, and what was found.

    A name that is asked for again leads to the next feature of that name.
    """
    if records is None or not record:
        raise InputError("there is no record yet; pick a sample, paste FASTA or upload a file")
    sequence, text = records.named(record), text.strip()
    if not text:
        raise InputError("write a gene, a locus tag or a region such as 1000-2000, then press Enter")
    match = _REGION.fullmatch(text)
    if match:
        first, last = (int(part.replace(",", "")) for part in match.groups())
        if last > len(sequence.data):
            raise InputError(
                f"region [{first:,}, {last:,}) reaches beyond the {len(sequence.data):,} bases of {record}; "
                "choose one that ends there or before"
            )
        return *check_region(len(sequence.data), first, last), ""
    found = named_features(records.features_of(record), text)
    if found.empty:
        without = " (no annotation was given)" if records.features is None else ""
        raise InputError(f"no feature of {record} is named {text!r}{without}; try another name or a region")
    places = list(dict.fromkeys(zip(found["start"], found["end"], strict=True)))
    around = [(max(0, a - _AROUND), min(len(sequence.data), b + _AROUND)) for a, b in places]
    at = (around.index((start, end)) + 1) % len(around) if (start, end) in around else 0
    row = found[(found["start"] == places[at][0]) & (found["end"] == places[at][1])].iloc[0]
    more = f", {at + 1} of {len(places)}; Enter again for the next" if len(places) > 1 else ""
    words = f"{row['kind']} {row['name']} [{row['start']:,}, {row['end']:,}) {row['strand']}{more}"
    return *around[at], words


@told
def on_dna(
    session: Session,
    job: Job,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    annotation: str | None,
    records: Records | None,
    record: str | None,
    models: list[str],
    start: float,
    end: float,
    per_row: int,
    group: int,
    progress: gr.Progress = PROGRESS,
):
    """An input, a record, a region and some models in.

    Out: records, their list, the problem of the annotation, start, end, what is open now, the first model's analysis,
    genome view, base view, stages and first page of the table. What was pasted a moment ago may not have been read
    yet; then it is read here, from its start.
    """
    offered = (gr.skip(), gr.skip(), gr.skip())
    origin = _origin(source, text, upload, sample, annotation)
    if records is None or records.origin != origin:
        same = records is not None and records.origin[:2] == origin[:2]  # but for its annotation
        records = _read(session, source, text, upload, sample, annotation)
        offered, record = (records, gr.skip(), records.problem), record if same else None
    if record not in [each.name for each in records.sequences]:
        *lists, start, end = _offer(records)
        offered, record = (*lists, records.problem), records.sequences[0].name
    sequence = records.named(record)
    if len(sequence.data) > limits.MAX_RECORD:
        raise InputError(
            f"record {record!r}: {len(sequence.data):,} bases, the page takes {limits.MAX_RECORD:,}; "
            "use python -m analysis boundaries"
        )
    first, last = check_region(len(sequence.data), start, end)
    analyses = _analyses(session, job, sequence, models, progress)
    progress(1, desc="drawing the tracks")
    known = sample if source == "sample" and not annotation else ""
    opened = Opened(analyses, records.features_of(record), records.notes, TrackFolder(), known)
    tracks = {
        **write_tracks(opened),
        "start": first,
        "end": last,
        "about": {**opened.about, "record": record},
    }
    value = region_value(opened, first, last, int(per_row), int(group))
    return *offered, first, last, opened, analyses[0], tracks, value, stage_choices(analyses[0]), 1


def _analyses(
    session: Session, job: Job, sequence: Sequence, models: list[str], progress: gr.Progress
) -> tuple[Analysis, ...]:
    if not 1 <= len(models or []) <= MOST_MODELS:
        raise InputError(f"{len(models or [])} models picked: the DNA tab takes one to {MOST_MODELS}")
    names = dict.fromkeys(session.model_for("dna") if name == AUTO else name for name in models)
    session.check_size(len(sequence.data), [*names])
    out = []
    for letter, name in zip(ascii_uppercase, names, strict=False):
        words = (
            f"model {letter} of {len(names)}: finding boundaries" if len(names) > 1 else "finding boundaries"
        )
        out.append(session.analyse([sequence], name, job.report(progress, words)))
    return tuple(out)


@beside(3)
def on_place(opened: Opened | None, record: str | None, start: float, end: float, per_row: int, group: int):
    """The base view over a region of the record that is open: nothing runs again. Before the first run: nothing."""
    if opened is None or opened.record.name != record:
        return gr.skip(), gr.skip(), gr.skip(), ""
    first, last = check_region(opened.length, start, end)
    return region_value(opened, first, last, int(per_row), int(group)), first, last, ""


def on_locus(opened: Opened | None, record: str | None, per_row: int, group: int, event: gr.EventData):
    """on_place for the bases that the genome view shows now."""
    return on_place(opened, record, int(event.start), int(event.end), per_row, group)


@told
def on_region_files(session: Session, opened: Opened | None, start: float, end: float):
    """The CSV of all chunks that overlap the bases shown, at every stage of every model."""
    if opened is None:
        return gr.skip()
    first, last = shown_part(*check_region(opened.length, start, end))
    parts = [files.named(each, view.all_chunks(each, first, last)) for each in opened.analyses]
    return download(session, pd.concat(parts, ignore_index=True), "chunks_region.csv")


@told
def on_region_picture(
    session: Session,
    wish: Wish,
    done: Analysis | None,
    key: str | None,
    opened: Opened | None,
    start: float,
    end: float,
    per_row: int,
    group: int,
):
    """The file that was picked from the list: tables of the whole record, the picture of the region shown."""
    if done is None or not key:
        return gr.skip()
    place = functools.partial(check_region, opened.length, start, end)

    def picture() -> dict[str, Any]:
        return region_value(opened, *place(), int(per_row), int(group))

    return wish.ready(key, lambda: files.make(session, done, key, picture))
