"""What the DNA tab calls: records and regions in, the viewer and tables over them out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from analysis.annotations import features_of, read_features
from analysis.extract import Analysis
from analysis.inputs import Sequence
from app import files, view
from app import session as limits
from app.handlers import AUTO, PROGRESS, download, read_source, stage_choices, told
from app.job import Job
from app.session import Session
from hnet_core.errors import InputError


@dataclass(frozen=True)
class Records:
    """The DNA that a person brought: records, the genes of an annotation or None, and where both were read."""

    sequences: tuple[Sequence, ...]
    features: pd.DataFrame | None
    origin: tuple[str | None, ...]

    def named(self, name: str) -> Sequence:
        """The record of that name."""
        for sequence in self.sequences:
            if sequence.name == name:
                return sequence
        raise InputError(f"there is no record {name!r} any more; pick one from the list")


@told
def on_records(
    session: Session, source: str, text: str, upload: str | None, sample: str, annotation: str | None
):
    """DNA and perhaps its annotation in; the records to pick from, the first one's genes and region out."""
    if (source == "paste" and not text) or (source == "upload" and not upload):
        return None, gr.update(choices=[], value=None), gr.update(choices=[], value=None), 0, 0
    return _offer(_read(session, source, text, upload, sample, annotation))


def _read(
    session: Session, source: str, text: str, upload: str | None, sample: str, annotation: str | None
) -> Records:
    sequences = read_source(session, source, text, upload, sample, "dna", limits.MAX_DNA_BYTES)
    if annotation:
        genes = read_features(annotation, Path(annotation).name)
    else:
        genes = _own_features(session, source, upload, sample)
    return Records(tuple(sequences), genes, _origin(source, text, upload, sample, annotation))


def _origin(
    source: str, text: str, upload: str | None, sample: str, annotation: str | None
) -> tuple[str | None, ...]:
    """Equal for equal choices, so that nothing is read twice."""
    return source, {"paste": text, "upload": upload, "sample": sample}[source], annotation


def _offer(records: Records):
    """The records to pick from, the first one's genes and its region."""
    names = [(f"{each.name}  ({len(each.data):,} bases)", each.name) for each in records.sequences]
    first = records.sequences[0].name
    return records, gr.update(choices=names, value=first), *_region_of(records, first)


def _own_features(session: Session, source: str, upload: str | None, sample: str) -> pd.DataFrame | None:
    """The annotation that comes with a sample, or inside an uploaded GenBank file."""
    if source == "sample" and session.sample(sample).annotation:
        return read_features(session.sample(sample).annotation)
    if (
        source == "upload"
        and upload
        and Path(upload).name.lower().removesuffix(".gz").endswith((".gb", ".gbk", ".gbff", ".genbank"))
    ):
        return read_features(Path(upload), Path(upload).name)
    return None


def _region_of(records: Records, record: str) -> tuple[dict[str, Any], int, int]:
    sequence, genes = records.named(record), []
    if records.features is not None:
        for each in features_of(records.features, record).itertuples():
            genes.append(
                (f"{each.name}  [{each.start:,}, {each.end:,}) {each.strand}", f"{each.start}-{each.end}")
            )
    return gr.update(choices=genes, value=None), 0, min(len(sequence.data), limits.MAX_SHOWN)


@told
def on_record(records: Records | None, record: str | None):
    """Another record: its genes, and the region back to its start."""
    return _region_of(records, record) if records and record else (gr.update(choices=[]), 0, 0)


@told
def on_gene(gene: str | None):
    """The region of a gene, with 30 bases before and after it as far as there are any."""
    if not gene:
        return gr.skip(), gr.skip()
    first, last = (int(part) for part in gene.split("-"))
    return max(0, first - 30), last + 30


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
    model: str,
    start: float,
    end: float,
    per_row: int,
    group: int,
    progress: gr.Progress = PROGRESS,
):
    """An input, a record, a region and a model in.

    Out: what on_records gives, then the record's analysis, the viewer over the region, stages and first page of
    the table. What was pasted a moment ago may not have been read yet; then it is read here, from its start.
    """
    if records is None or records.origin != _origin(source, text, upload, sample, annotation):
        records = _read(session, source, text, upload, sample, annotation)
        record = None
    offered = (gr.skip(), gr.skip(), gr.skip())
    if record not in [each.name for each in records.sequences]:
        records, *lists, start, end = _offer(records)
        offered, record = (records, *lists), records.sequences[0].name
    sequence = records.named(record)
    if len(sequence.data) > limits.MAX_RECORD:
        raise InputError(
            f"record {record!r}: {len(sequence.data):,} bases, the page takes {limits.MAX_RECORD:,}; "
            "use python -m analysis boundaries"
        )
    _region(sequence, start, end)
    name = session.model_for("dna") if model == AUTO else model
    done = session.analyse([sequence], name, job.report(progress, "finding boundaries"))
    value, first, last = _show_region(done, records, start, end, per_row, group)
    return *offered, first, last, done, value, stage_choices(done), 1


@told
def on_region(
    done: Analysis | None,
    records: Records | None,
    record: str | None,
    start: float,
    end: float,
    per_row: int,
    group: int,
):
    """Another region of the record already analysed: nothing runs again."""
    if done is None or records is None or not record or records.named(record) != done.sequences[0]:
        raise InputError(f"record {record or '(none)'} has not been analysed yet; press Analyse first")
    return _show_region(done, records, start, end, per_row, group)


@told
def on_look(
    done: Analysis | None,
    records: Records | None,
    record: str | None,
    start: float,
    end: float,
    per_row: int,
    group: int,
):
    """on_region after a choice that may come before the first analysis; then nothing changes."""
    if done is None or records is None or not record or records.named(record) != done.sequences[0]:
        return gr.skip(), gr.skip(), gr.skip()
    return _show_region(done, records, start, end, per_row, group)


def _show_region(done: Analysis, records: Records, start: float, end: float, per_row: int, group: int):
    first, last = _region(done.sequences[0], start, end)
    return view.region_value(done, records.features, first, last, int(per_row), int(group)), first, last


def _region(sequence: Sequence, start: float, end: float) -> tuple[int, int]:
    """The region asked for, cut at the record's end."""
    n = len(sequence.data)
    if start is None or end is None or not 0 <= start < min(end, n):
        raise InputError(
            f"region [{start}, {end}): it must lie inside [0, {n:,}) and hold at least one base; "
            "0-based, end not included"
        )
    if min(end, n) - start > limits.MAX_SHOWN:
        raise InputError(
            f"region of {int(min(end, n) - start):,} bases: at most {limits.MAX_SHOWN:,} are shown at once; "
            "choose a shorter one"
        )
    return int(start), int(min(end, n))


@told
def on_region_files(session: Session, done: Analysis | None, start: float, end: float):
    """The CSV of all chunks that overlap the region, at every stage."""
    if done is None:
        return gr.skip()
    first, last = _region(done.sequences[0], start, end)
    return download(session, view.all_chunks(done, first, last), "chunks_region.csv")


@told
def on_region_picture(
    session: Session,
    done: Analysis | None,
    key: str | None,
    records: Records | None,
    start: float,
    end: float,
    per_row: int,
    group: int,
):
    """The file that was picked from the list: tables of the whole record, the picture of the region shown."""
    if done is None or not key:
        return gr.skip()
    features = records.features if records else None
    made = files.make(
        session,
        done,
        key,
        lambda: view.region_value(
            done, features, *_region(done.sequences[0], start, end), int(per_row), int(group)
        ),
    )
    return gr.update(value=made, interactive=True)
