"""DNA: a record of a FASTA or GenBank file, a region of it, its genes above the bases."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import dna, handlers
from app.session import Session
from app.tabs import evidence, source
from app.viewer import SegmentViewer

HINT = (
    "Pick the phage or upload a FASTA or GenBank file (.gz too), then press Analyse: "
    "the bases appear here, cut where the model cuts them."
)


@dataclass(frozen=True)
class Controls:
    """The left column."""

    panel: source.SourcePanel
    annotation: gr.File
    record: gr.Dropdown
    gene: gr.Dropdown
    start: gr.Number
    end: gr.Number
    per_row: gr.Dropdown
    group: gr.Dropdown
    model: gr.Dropdown
    run: source.Run
    show: gr.Button


@dataclass(frozen=True)
class States:
    """What one person has open: the records read, the analysis of one of them."""

    records: gr.State
    done: gr.State


def build(session: Session) -> None:
    """The tab's components and events."""
    states = States(gr.State(None, time_to_live=3600), gr.State(None, time_to_live=3600))
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            controls = _controls(session)
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="dna-viewer")
            below = evidence.build("dna", (controls.start, controls.end))
    _connect_records(session, controls, states)
    ran = _connect_run(session, controls, states, viewer, below)
    _connect_region(session, controls, states, viewer, below, ran)


def _controls(session: Session) -> Controls:
    hint = "Paste FASTA: a line with > and a name, then the bases"
    panel = source.build(session, "dna", "lambda", hint, dna=True)
    label = "Annotation (GFF3 or GenBank, optional)"
    annotation = gr.File(
        label=label, type="filepath", height=130, elem_id="dna-annotation", elem_classes="file"
    )
    # Any value passes: what was picked may belong to the records before these; the handler says so.
    record = gr.Dropdown([], label="Record", elem_id="dna-record", allow_custom_value=True)
    gene = gr.Dropdown([], label="Go to gene", elem_id="dna-gene")
    half = {"min_width": 110}
    with gr.Row(elem_classes="bar"):
        start = gr.Number(0, label="From (0-based)", precision=0, minimum=0, elem_id="dna-start", **half)
        end = gr.Number(0, label="to (not included)", precision=0, minimum=0, elem_id="dna-end", **half)
    with gr.Row(elem_classes="bar"):
        per_row = gr.Dropdown([30, 60, 90, 120], value=90, label="Bases a row", elem_id="dna-per-row", **half)
        groups = [("tens", 10), ("codons", 3)]
        group = gr.Dropdown(groups, value=10, label="Grouped in", elem_id="dna-group", **half)
    models = [("the best for DNA", handlers.AUTO), *session.choices(dna=True)]
    model = gr.Dropdown(models, value=handlers.AUTO, label="Model", elem_id="dna-model")
    run = source.run_buttons("Analyse", "dna")
    show = gr.Button("Show region", elem_id="dna-show")
    return Controls(panel, annotation, record, gene, start, end, per_row, group, model, run, show)


_QUIET = {"show_progress": "hidden", "api_visibility": "private"}


def _connect_records(session: Session, c: Controls, states: States) -> None:
    """Whatever brings other DNA fills the record list; picking a record fills its genes and region."""
    page, panel = gr.context.Context.root_block, c.panel
    loads = [page.load, panel.sample.input, panel.source.change, panel.upload.upload, panel.text.blur]
    gr.on(
        [*loads, c.annotation.upload, c.annotation.clear],
        partial(dna.on_records, session),
        [*panel.values, c.annotation],
        [states.records, c.record, c.gene, c.start, c.end],
        **_QUIET,
    )
    c.record.input(dna.on_record, [states.records, c.record], [c.gene, c.start, c.end], **_QUIET)


def _connect_run(
    session: Session, c: Controls, states: States, viewer: SegmentViewer, below: evidence.Evidence
):
    ran = source.connect_run(
        c.run,
        fn=partial(dna.on_dna, session),
        inputs=[
            *c.panel.values,
            c.annotation,
            states.records,
            c.record,
            c.model,
            c.start,
            c.end,
            c.per_row,
            c.group,
        ],
        outputs=[
            states.records,
            c.record,
            c.gene,
            c.start,
            c.end,
            states.done,
            viewer,
            below.stage,
            below.page,
        ],
    )
    shown = (states.records, c.start, c.end, c.per_row, c.group)
    evidence.connect(session, below, states.done, "dna-viewer", (dna.on_region_picture, shown))
    evidence.after(session, below, states.done, ran)
    return ran


def _connect_region(
    session: Session, c: Controls, states: States, viewer, below: evidence.Evidence, ran
) -> None:
    """A new region is drawn from the analysis at hand; its table and file follow."""
    place = [states.done, states.records, c.record, c.start, c.end, c.per_row, c.group]
    region = {"inputs": place, "outputs": [viewer, c.start, c.end], **_QUIET}
    chosen = c.gene.input(dna.on_gene, c.gene, [c.start, c.end], **_QUIET)
    events = [
        c.show.click(dna.on_region, **region),
        chosen.success(dna.on_look, **region),
        *(each.input(dna.on_look, **region) for each in (c.per_row, c.group)),
    ]
    for drawn in events:
        evidence.page_after(session, below, states.done, drawn)
    for drawn in (ran, *events):
        drawn.success(
            partial(dna.on_region_files, session), [states.done, c.start, c.end], below.part, **_QUIET
        )
