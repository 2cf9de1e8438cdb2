"""What the Explore tab calls: one record of an input, one model; and what a link that leads here may say."""

import math
import re
from collections.abc import Mapping
from typing import Any

import gradio as gr

from analysis.extract import Analysis
from analysis.inputs import Sequence
from app import view
from app.domain import guess_domain
from app.handlers import AUTO, PROGRESS, read_source, stage_choices, told
from app.job import Job
from app.session import Session
from hnet_core.errors import InputError

MOST_RECORDS = 1_000
"""Records in the list; of more, the first so many."""
TABS = ("explore", "compare", "dna", "generate", "runs", "models")


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
    given = read_source(session, source, text, upload, sample)
    listed = [(f"{each.name}  ({len(each.data):,})", each.name) for each in given[:MOST_RECORDS]]
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
    name, words = _pick(session, model, domain, sequence)
    job.check()
    progress(0, desc="loading the model")
    session.model(name)
    done = session.analyse([sequence], name, job.report(progress, "finding boundaries"))
    progress(1, desc="drawing")
    link = {"tab": "explore", "model": name, **link}
    return done, view.text_value(done, words, link, before), stage_choices(done), 1


def _pick(session: Session, model: str, domain: str, sequence: Sequence) -> tuple[str, str]:
    """(model name, domain in words), from what the person chose or left to be guessed."""
    guessed = domain == "guess" or sequence.kind == "dna"
    if guessed:
        domain = "dna" if sequence.kind == "dna" else guess_domain(sequence.data, sequence.name)
        domain = "text" if domain == "dna" and sequence.kind == "text" else domain
    return (session.model_for(domain) if model == AUTO else model), view.domain_line(domain, guessed)


def goal(session: Session, query: Mapping[str, str]) -> dict[str, Any]:
    """What a link asks for, checked: tab, model, sample, run, at (byte offset), threshold (one a stage, or None).

    Raises InputError for whatever is not one of the values that the page itself would write.
    """
    known = {
        "tab": TABS,
        "model": [name for _, name in session.choices()],
        "sample": [each.name for each in session.samples()],
    }
    asked: dict[str, Any] = {}
    for name, allowed in known.items():
        if name in query:
            if query[name] not in allowed:
                raise InputError(
                    f"the link asks for a {name} that is not here; it may be of another installation"
                )
            asked[name] = query[name]
    if "run" in query:
        if not re.fullmatch(r"[0-9TZ]{8,40}-[0-9a-f]{8}", query["run"]):
            raise InputError(
                "the link asks for a run by a name that no run can have; open it from the Runs tab"
            )
        asked["run"] = query["run"]
    if "at" in query:
        if not re.fullmatch(r"[0-9]{1,12}", query["at"]):
            raise InputError("the link's offset is no whole number of bytes; open it without `at`")
        asked["at"] = int(query["at"])
    if "threshold" in query:
        asked["threshold"] = _thresholds(query["threshold"])
    return asked


def _thresholds(text: str) -> list[float | None]:
    values: list[float | None] = []
    for each in text[:100].split(","):
        try:
            value = float(each) if each else None
        except ValueError:
            value = math.nan
        if value is not None and not 0 < value < 1:
            raise InputError("the link's threshold is no number between 0 and 1; open it without `threshold`")
        values.append(value)
    return values


@told
def on_link(session: Session, request: gr.Request) -> tuple[Any, ...]:
    """The page was opened: source, sample and model that its address asks for, and the rest for the browser."""
    asked = goal(session, dict(request.query_params)) if request else {}
    if "run" in asked:  # the Runs tab sees to it
        asked = {}
    source = gr.update(value="sample") if "sample" in asked else gr.skip()
    sample = gr.update(value=asked["sample"]) if "sample" in asked else gr.skip()
    return source, sample, gr.update(value=asked["model"]) if "model" in asked else gr.skip(), asked
