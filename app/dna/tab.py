"""DNA: a record of a FASTA or GenBank file as tracks, the bases below them, and what the cuts have to do with genes."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import links
from app.dna import handlers as dna
from app.dna import meaning, search
from app.dna import sections as genome
from app.dna.genome_view import GenomeView, go_to
from app.evidence import layout as evidence
from app.picture.viewer import SegmentViewer
from app.server import kept, offered
from app.server.session import Session
from app.source import panel as source
from app.source import reading as handlers
from app.source.notes import clear_problem, note
from app.source.run import Run, connect_run, run_buttons
from app.work.quiet import QUIET

HINT = (
    "Pick the phage or upload a FASTA or GenBank file (.gz too), then press Analyse: the genes, the boundary "
    "probability p and the chunks appear here as tracks, and the bases on screen below them."
)
BASES = "The bases of the tracks' region appear here, cut where the model cuts them."
FITTING = "() => (window.innerWidth < 700 ? 20 : 90)"
"""Bases a row at first: as many as a narrow screen shows without scrolling sideways."""
HELP = (
    "p is the boundary probability at each base, its mean where a pixel is many bases; chunks are drawn below 12,000 "
    "bases; with several models the share of them that cut stands above. Drag to move, or use the arrow keys, plus and "
    "minus: the bases below follow. The table under them and its files are those of the first model. On this tab bases "
    "count from 1 and the last one is included, as in genome browsers and GenBank; files other than GFF3 count from 0, "
    "without the last one."
)
PLACE = "gene, tag, 37227 or 1,000-2,000, Enter"


@dataclass(frozen=True)
class Controls:
    """The left column. Each note stands below the control that it speaks of."""

    panel: source.SourcePanel
    panel_note: gr.Textbox
    annotation: gr.File
    annotation_note: gr.Textbox
    record: gr.Dropdown
    models: gr.Dropdown
    run: Run
    find: gr.Textbox
    start: gr.Number
    end: gr.Number
    show: gr.Button
    place_found: gr.Textbox
    place_note: gr.Textbox
    per_row: gr.Dropdown
    group: gr.Dropdown


@dataclass(frozen=True)
class States:
    """What one person has open: the records read, one of them under some models, and the first model's analysis."""

    records: gr.State
    opened: gr.State
    done: gr.State


@dataclass(frozen=True)
class Views:
    """The genome view and the bases below it."""

    tracks: GenomeView
    bases: SegmentViewer


def build(session: Session) -> None:
    """The tab's components and events."""
    states = States(*(kept.state("Analyse") for _ in range(3)))
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            controls = _controls(session)
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            tracks = GenomeView({"hint": HINT}, elem_id="dna-genome")
            gr.Markdown(HELP, elem_classes="help")
            views = Views(tracks, SegmentViewer({"hint": BASES}, elem_id="dna-viewer"))
            with gr.Column(elem_classes="evidence"):
                sections = genome.build()
                below = evidence.build("dna", (controls.start, controls.end))
    _connect_records(session, controls, states)
    ran = _connect_run(session, controls, states, views, below)
    genome.connect(session, sections, states.opened, ran)
    _connect_place(session, controls, states, views, below, (ran, sections.motif.table))


def _controls(session: Session) -> Controls:
    hint = "Paste bases, or FASTA: a line with > and a name, then the bases"
    panel = source.build(session, "dna", "lambda", hint, dna=True)
    panel_note = note("dna-panel-note")
    annotation = gr.File(
        label="Annotation: GFF3, GTF, BED or GenBank",
        type="filepath",
        height=130,
        elem_id="dna-annotation",
        elem_classes="file",
    )
    annotation_note = note("dna-annotation-note")
    # Any value passes: what was picked may belong to the records before these; the handler says so.
    record = gr.Dropdown([], label="Record", elem_id="dna-record", allow_custom_value=True)
    others = offered.models(session, dna=False)
    models = gr.Dropdown(
        [("the best for DNA", handlers.AUTO), *offered.models(session, dna=True), *others],
        value=[handlers.AUTO],
        multiselect=True,
        label=f"Models (1 to {dna.MOST_MODELS})",
        elem_id="dna-model",
    )
    too_many = note("dna-models-note")
    models.input(dna.on_models, models, too_many, queue=False, **QUIET)
    run = run_buttons("Analyse", "dna")
    clear_problem(panel, run)
    place = _place()
    return Controls(
        panel, panel_note, annotation, annotation_note, record, models, run, *place, *_rows_of_bases()
    )


def _place() -> tuple[gr.Textbox, gr.Number, gr.Number, gr.Button, gr.Textbox, gr.Textbox]:
    find = gr.Textbox(
        label="Go to",
        placeholder=PLACE,
        elem_id="dna-find",
        lines=1,
        max_lines=1,
    )
    half = {"min_width": 110}
    with gr.Row(elem_classes="bar"):
        start = gr.Number(None, label="From base", elem_id="dna-start", **half)
        end = gr.Number(None, label="to base", elem_id="dna-end", **half)
    show = gr.Button("Show region", elem_id="dna-show")
    return find, start, end, show, note("dna-place-found", problem=False), note("dna-place-note")


def _rows_of_bases() -> tuple[gr.Dropdown, gr.Dropdown]:
    half = {"min_width": 110}
    groups = [("tens", 10), ("codons, in frame", 3)]
    with gr.Row(elem_classes="bar"):
        per_row = gr.Dropdown(
            [20, 30, 60, 90, 120], value=90, label="Bases a row", elem_id="dna-per-row", **half
        )
        group = gr.Dropdown(groups, value=10, label="Grouped in", elem_id="dna-group", **half)
    return per_row, group


def _connect_records(session: Session, c: Controls, states: States) -> None:
    """Whatever brings other DNA fills the record list; picking a record puts the region at its start."""
    page, panel = gr.context.Context.root_block, c.panel
    page.load(None, None, c.per_row, js=FITTING, **QUIET)
    changes = [
        panel.sample.input,
        panel.source.change,
        panel.upload.upload,
        panel.upload.clear,
        panel.text.blur,
    ]
    reading = {
        "fn": partial(dna.on_records, session),
        "inputs": [*panel.values, c.annotation],
        "outputs": [states.records, c.record, c.start, c.end, c.annotation_note, c.panel_note],
        **QUIET,
    }
    gr.on(changes, **reading)
    gr.on(
        [c.annotation.upload, c.annotation.clear],
        partial(dna.on_annotation, session),
        reading["inputs"],
        [states.records, c.annotation_note],
        **QUIET,
    )
    fields = {"sample": panel.sample, "models": c.models, "record": c.record, "start": c.start, "end": c.end}
    links.connect(session, "dna", fields, event=page.load(**reading).success)
    told = [c.place_found, c.place_note]
    c.record.input(dna.on_record, [states.records, c.record], [c.start, c.end, *told], **QUIET)


def _connect_run(session: Session, c: Controls, states: States, views: Views, below: evidence.Evidence):
    inputs = [*c.panel.values, c.annotation, states.records, c.record, c.models]
    drawn = [states.opened, states.done, views.tracks, views.bases, below.stage, below.page]
    ran = connect_run(
        c.run,
        fn=partial(dna.on_dna, session),
        inputs=[*inputs, c.start, c.end, c.per_row, c.group],
        outputs=[states.records, c.record, c.annotation_note, c.start, c.end, *drawn],
        anew=True,
    )
    shown = (states.opened, c.start, c.end, c.per_row, c.group)
    evidence.connect(session, below, states.done, "dna-viewer", (dna.on_region_picture, shown))
    evidence.after(session, below, states.done, ran)
    return ran


def _connect_place(
    session: Session, c: Controls, states: States, views: Views, below: evidence.Evidence, others: tuple
) -> None:
    """Another place is drawn from the analyses at hand; the genome view, the table and the region's file follow.

    others: the event of a new analysis, and the table of a motif's places
    """
    (ran, places), rows = others, [c.per_row, c.group]
    outputs = [views.bases, c.start, c.end, c.place_found, c.place_note]
    place = {"inputs": [states.opened, c.record, c.start, c.end, *rows], "outputs": outputs, **QUIET}
    seek = [states.records, c.record, c.find, c.start, c.end]
    found = c.find.submit(search.on_find, seek, [c.start, c.end, c.place_found, c.place_note], **QUIET)
    named = {**place, "outputs": outputs[:3]}  # what was found is said already
    picked = places.select(meaning.on_hit, None, [c.start, c.end], queue=False, **QUIET)
    asked = [
        picked.success(dna.on_place, **place),
        c.show.click(dna.on_place, **place),
        found.success(lambda *values: dna.on_place(*values)[:3], **named),
    ]
    for event in asked:
        event.success(None, [c.start, c.end], None, js=go_to("dna-genome"), **QUIET)
    moved = views.tracks.locus(dna.on_locus, [states.opened, c.record, *rows], outputs, **QUIET)
    events = [*asked, moved, *(each.input(dna.on_place, **place) for each in rows)]
    for drawn in events:
        evidence.page_after(session, below, states.done, drawn)
    for drawn in (ran, *events):
        drawn.success(
            partial(dna.on_region_files, session), [states.opened, c.start, c.end], below.part, **QUIET
        )
