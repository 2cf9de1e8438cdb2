"""What the Explore tab calls: one record of an input, one model."""

from typing import Any

import gradio as gr

from analysis.boundaries.extract import Analysis
from analysis.inputs.reading import Sequence
from app.evidence.handlers import stage_choices
from app.kinds.domain import domain_line, kind_of
from app.picture import value as view
from app.server.session import Session
from app.source.reading import AUTO, PROGRESS, read_source
from app.wording.sentences import isolated
from app.work.job import Job
from app.work.told import told
from hnet_core.errors import InputError

MOST_RECORDS = 1_000
"""Records in the list; of more, the first so many."""


@told
def on_analyse(
    session: Session,
    job: Job,
    before: Analysis | None,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    domain: str,
    model: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[Any, ...]:
    """An input and a model in; its records, the list of them, and what `on_record` gives for the first one."""
    progress(0, desc="reading the input")
    kind = "dna" if domain == "dna" else AUTO
    given = read_source(session, source, text, upload, sample, kind)
    listed = [(f"{isolated(each.name)}  ({len(each.data):,})", each.name) for each in given[:MOST_RECORDS]]
    label = f"Record, one of {len(given):,}" + (
        " (the first are listed)" if len(given) > MOST_RECORDS else ""
    )
    records = gr.update(choices=listed, value=given[0].name, visible=len(given) > 1, label=label)
    link = {"sample": sample} if source == "sample" else {}
    return given, records, *_shown(session, job, before, given[0], domain, model, link, progress)


@told
def on_record(
    session: Session,
    job: Job,
    given: list[Sequence] | None,
    record: str,
    domain: str,
    model: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[Any, ...]:
    """Another record of the same input: analysis, the viewer's value, the stages of the table, its first page."""
    for each in given or []:
        if each.name == record:
            return _shown(session, job, None, each, domain, model, {}, progress)
    raise InputError("this record is not in the input any more; press Analyse to read the input again")


def _shown(
    session: Session,
    job: Job,
    before: Analysis | None,
    sequence: Sequence,
    domain: str,
    model: str,
    link: dict[str, str],
    progress: gr.Progress,
) -> tuple[Analysis, dict[str, Any], dict[str, Any], int]:
    domain = "" if domain == "guess" else domain
    name, words = _pick(session, model, domain, sequence)
    job.check()
    progress(0, desc="loading the model")
    session.check_size(len(sequence.data), [name])
    done = session.analyse([sequence], name, job.report(progress, "finding boundaries"))
    progress(1, desc="drawing")
    link = {"tab": "explore", "model": name, **link}
    return done, view.text_value(done, words, link, before, domain), stage_choices(done), 1


def _pick(session: Session, model: str, domain: str, sequence: Sequence) -> tuple[str, str]:
    """(model name, domain in words), from the domain that the person chose, or "" to have it guessed."""
    found, language = kind_of(sequence, domain)
    name = session.model_for(found, language) if model == AUTO else model
    return name, domain_line(found, language, guessed=found != domain)
