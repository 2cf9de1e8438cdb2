"""Explore: one text or source file, one model, its chunks."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import links
from app.evidence import layout as evidence
from app.explore import entrances, opening, surprisal
from app.explore import handlers as explore
from app.picture.viewer import SegmentViewer, attach
from app.saved.button import save_button
from app.server import kept, offered
from app.server.session import Session
from app.source import panel as source
from app.source import reading as handlers
from app.source.notes import clear_problem
from app.source.run import Run, connect_run, run_buttons
from app.work.quiet import QUIET

HINT = (
    "Pick a sample, paste a text or upload a file, then press Analyse: "
    "the text appears here, cut where the model cuts it."
)
SURPRISAL = (
    "Surprisal is how many bits a byte cost the model: -log2 of the probability it gave to the byte that came. "
    "Click a point to go to its byte; hover the text to read bits beside p."
)


@dataclass(frozen=True)
class Inputs:
    """The left column."""

    panel: source.SourcePanel
    domain: gr.Dropdown
    model: gr.Dropdown
    record: gr.Dropdown
    run: Run


def build(session: Session) -> None:
    """The tab's components and events."""
    done, given = kept.state("Analyse"), kept.state("Analyse")
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            panel = source.build(session, "explore", "english", "Paste a text, source code or a FASTA record")
            domain = gr.Dropdown(
                offered.domains(), value="guess", label="Kind of input", elem_id="explore-domain"
            )
            models = [("the one that fits the input", handlers.AUTO), *offered.models(session)]
            model = gr.Dropdown(models, value=handlers.AUTO, label="Model", elem_id="explore-model")
            record = gr.Dropdown([], label="Record", visible=False, elem_id="explore-record")
            run = run_buttons("Analyse", "explore")
            clear_problem(panel, run)
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            ways = entrances.build()
            viewer = SegmentViewer(opening.kept(session) or {"hint": HINT}, elem_id="explore-viewer")
            with gr.Column(elem_classes="evidence"):
                below = evidence.build("explore")
                save_button(session, done)
                bits = _surprisal()
    _connect(session, Inputs(panel, domain, model, record, run), ways, viewer, below, bits, (done, given))


def _connect(session: Session, left: Inputs, ways, viewer, below, bits: "Bits", states: tuple) -> None:
    """states: the analysis shown, and the records of the input."""
    (done, given), panel, domain, model = states, left.panel, left.domain, left.model
    record, run = left.record, left.run
    entrances.connect(ways, panel, domain, model)
    shown = [done, viewer, below.stage, below.page]
    ran = connect_run(
        run,
        fn=partial(explore.on_analyse, session),
        inputs=[done, *panel.values, domain, model],
        outputs=[given, record, *shown],
        anew=True,
    )
    picked = connect_run(
        run,
        record.input,
        fn=partial(explore.on_record, session),
        inputs=[given, record, domain, model],
        outputs=shown,
    )
    evidence.connect(session, below, done, "explore-viewer")
    for event in (ran, picked):
        evidence.after(session, below, done, event)
        _connect_surprisal(session, done, bits, surprisal.on_automatic, event.success)
    _connect_surprisal(session, done, bits, surprisal.on_surprisal)
    links.connect(session, "explore", {"sample": panel.sample, "model": model})


@dataclass(frozen=True)
class Bits:
    """Bits for the viewer, the figure, the line about it, and what starts and stops the work."""

    found: gr.JSON
    figure: gr.Plot
    line: gr.Textbox
    run: Run


def _surprisal() -> Bits:
    with gr.Row(elem_classes="plots"):
        figure = gr.Plot(show_label=False, container=False, min_width=280, elem_id="explore-plot-3", scale=1)
        with gr.Column(scale=2, min_width=280):
            line = gr.Textbox(
                "Press Analyse; for a short input surprisal follows by itself.",
                label="p against surprisal",
                interactive=False,
                lines=3,
                max_lines=8,
                elem_id="explore-bits",
            )
            run = run_buttons("Compute surprisal", "explore-bits", ready=False)
            gr.Markdown(SURPRISAL, elem_classes="help")
    return Bits(gr.JSON(visible=False), figure, line, run)


def _connect_surprisal(session: Session, done: gr.State, bits: Bits, handler, after=None) -> None:
    made = connect_run(
        bits.run,
        after,
        fn=partial(handler, session),
        inputs=[done],
        outputs=[bits.found, bits.figure, bits.line, bits.run.start],
    )
    made.success(None, bits.found, None, js=attach("explore-viewer"), **QUIET)
