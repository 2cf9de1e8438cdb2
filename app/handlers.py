"""What the page calls: values of components in, values of components out. What a person can cause is one sentence."""

import functools
import html
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from analysis.agreement import compare
from analysis.export import csv_bytes
from analysis.extract import Analysis
from analysis.inputs import Sequence, read_input
from app import session as limits
from app import view
from app.domain import DOMAINS, guess_domain
from app.plots import figures
from app.session import Session
from hnet_core.errors import HNetError, InputError

PROGRESS = gr.Progress()
AUTO = "auto"
AGREEMENT_SHOWN = {
    "stage_a": "stage A",
    "stage_b": "stage B",
    "f1": "F1",
    "f1_chance": "by chance",
    "f1_star": "F1*",
    "kappa": "kappa",
    "containment_ab": "A in B",
    "containment_ba": "B in A",
    "rate_a": "rate A",
    "rate_b": "rate B",
    "p_value": "p",
}
"""Columns of the agreement table on the page, with their headings."""


def told(handler: Callable) -> Callable:
    """The handler with every failure as one sentence on the page; Gradio reads messages as HTML, so escape them."""

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise
        except HNetError as err:
            raise gr.Error(html.escape(str(err)), print_exception=False) from err
        except Exception as err:
            logging.getLogger(__name__).exception("a request failed")
            kind = type(err).__name__
            raise gr.Error(
                f"The software failed on this request ({kind}); its terminal shows why.",
                print_exception=False,
            ) from err

    return call


def read_source(
    session: Session,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    kind: str = AUTO,
    max_bytes: int = limits.MAX_TEXT_BYTES,
) -> list[Sequence]:
    """The sequences of a pasted text, an uploaded file or a sample, whichever `source` names."""
    if source == "paste":
        if not text:
            raise InputError(
                "the text field is empty; paste something into it, upload a file or pick a sample"
            )
        if len(text) > limits.MAX_PASTE:
            raise InputError(
                f"pasted text: {len(text):,} characters, at most {limits.MAX_PASTE:,} can be pasted; upload a file"
            )
        return read_input(text.encode("utf-8", "surrogatepass"), kind, "pasted text", max_bytes)
    if source == "upload":
        if not upload:
            raise InputError("no file has been uploaded yet; choose one, paste a text or pick a sample")
        return read_input(Path(upload), kind, Path(upload).name, max_bytes)
    path = session.sample(sample).path
    return read_input(path, kind, path.name, max_bytes)


def report(progress: gr.Progress, words: str) -> Callable[[int, int], None]:
    return lambda done, total: progress((done, total), desc=words, unit="bytes")


def _first(sequences: list[Sequence]) -> Sequence:
    """The first sequence; says so when there are more."""
    if len(sequences) == 1:
        return sequences[0]
    note = f"the first of {len(sequences):,} records; the DNA tab shows the others"
    return replace(sequences[0], warnings=(*sequences[0].warnings, note))


def _pick(session: Session, model: str, domain: str, sequence: Sequence) -> tuple[str, str]:
    """(model name, domain in words), from what the person chose or left to be guessed."""
    guessed = domain == "guess" or sequence.kind == "dna"
    if guessed:
        domain = "dna" if sequence.kind == "dna" else guess_domain(sequence.data, sequence.name)
        domain = "text" if domain == "dna" and sequence.kind == "text" else domain
    return (session.model_for(domain) if model == AUTO else model), view.domain_line(domain, guessed)


@told
def on_analyse(
    session: Session,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    domain: str,
    model: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[Analysis, dict[str, Any], dict[str, Any], int]:
    """An input and a model in; analysis, the viewer's value, the stages of the table, its first page out."""
    sequence = _first(read_source(session, source, text, upload, sample))
    name, words = _pick(session, model, domain, sequence)
    done = session.analyse([sequence], name, report(progress, "reading boundaries"))
    return done, view.text_value(done, words), stage_choices(done), 1


def stage_choices(done: Analysis) -> dict[str, Any]:
    return gr.update(choices=[(f"stage {s}", s) for s in range(done.model.n_stages)], value=0)


@told
def on_page(
    session: Session, done: Analysis | None, stage: int, page: int, start: int = 0, end: int | None = None
):
    """A page of the chunk table, its number, the line about it, and the CSV of exactly these rows."""
    if done is None:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    stage = min(int(stage or 0), done.model.n_stages - 1)
    table, page, line = view.chunk_page(done, stage, page, start, end)
    return table, page, line, download(session, table, "chunks_shown.csv")


@told
def on_everything(session: Session, done: Analysis):
    """The CSV of all chunks at all stages, and the three figures."""
    return (download(session, view.all_chunks(done), "chunks_all.csv"), *figures(done))


def download(session: Session, table: pd.DataFrame, name: str) -> dict[str, Any]:
    return gr.update(value=session.keep_file(csv_bytes(table), name), interactive=True)


@told
def on_compare(
    session: Session,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    model_a: str,
    model_b: str,
    progress: gr.Progress = PROGRESS,
):
    """An input and two models in; both analyses, the viewer's value, the stages to choose from out."""
    if not model_a or not model_b:
        raise InputError("two models are needed; pick one for A and one for B")
    sequence = _first(read_source(session, source, text, upload, sample))
    a = session.analyse([sequence], model_a, report(progress, "model A"))
    b = session.analyse([sequence], model_b, report(progress, "model B"))
    return (a, b), view.compare_value(a, b, 0, 0), stage_choices(a), stage_choices(b)


@told
def on_agreement(session: Session, both: tuple[Analysis, Analysis]):
    """The agreement of every stage of A with every stage of B, and its CSV with all columns."""
    a, b = both
    rows = [compare(a, b, s, t) for s in range(a.model.n_stages) for t in range(b.model.n_stages)]
    table = pd.DataFrame(rows)
    shown = table[list(AGREEMENT_SHOWN)].rename(columns=AGREEMENT_SHOWN)
    return shown.round(4), download(session, table, "agreement.csv")


@told
def on_compared_stages(both: tuple[Analysis, Analysis] | None, stage_a: int, stage_b: int):
    """The viewer with the differences of two other stages marked."""
    if both is None:
        raise InputError("there is nothing to compare yet; press Compare first")
    return view.compare_value(*both, int(stage_a or 0), int(stage_b or 0))


def model_cards(session: Session) -> dict[str, Any]:
    """The Models tab's value: title, domain, and what model.json says, in reading order."""
    return {"cards": [view.card(card, DOMAINS) for card in session.cards()]}
