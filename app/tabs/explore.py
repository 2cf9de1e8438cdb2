"""Explore: one text or source file, one model, its chunks."""

from functools import partial

import gradio as gr

from app import explore, handlers, surprisal
from app.session import Session, domain_choices
from app.tabs import evidence, runs, source
from app.tabs.quiet import QUIET
from app.viewer import SegmentViewer, attach, goto

HINT = (
    "Pick a sample, paste a text or upload a file, then press Analyse: "
    "the text appears here, cut where the model cuts it."
)
SURPRISAL = (
    "Surprisal is how many bits a byte cost the model: -log2 of the probability it gave to the byte that came. "
    "Click a point to go to its byte; hover the text to read bits beside p."
)


def build(session: Session) -> None:
    """The tab's components and events."""
    done, given = gr.State(None, time_to_live=3600), gr.State(None, time_to_live=3600)
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            panel = source.build(session, "explore", "english", "Paste a text, source code or a FASTA record")
            domain = gr.Dropdown(
                domain_choices(), value="guess", label="Kind of text", elem_id="explore-domain"
            )
            models = [("the one that fits the input", handlers.AUTO), *session.choices()]
            model = gr.Dropdown(models, value=handlers.AUTO, label="Model", elem_id="explore-model")
            record = gr.Dropdown([], label="Record", visible=False, elem_id="explore-record")
            run = source.run_buttons("Analyse", "explore")
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="explore-viewer")
            below = evidence.build("explore")
            runs.save_button(session, done)
            bits = _surprisal()
    shown = [done, viewer, below.stage, below.page]
    ran = source.connect_run(
        run,
        fn=partial(explore.on_analyse, session),
        inputs=[done, *panel.values, domain, model],
        outputs=[given, record, *shown],
    )
    picked = record.input(
        partial(explore.on_record, session),
        [run.job, given, record, domain, model],
        shown,
        concurrency_id="model",
        show_progress="full",
        show_progress_on=run.status,
        api_visibility="private",
    )
    source.on_failure(run, picked)
    evidence.connect(session, below, done, "explore-viewer")
    for event in (ran, picked):
        evidence.after(session, below, done, event)
        _connect_surprisal(session, run, done, bits, event.success, surprisal.on_automatic)
    _connect_surprisal(session, run, done, bits, bits[3].click, surprisal.on_surprisal)
    _connect_link(session, panel, model)


def _surprisal() -> tuple[gr.JSON, gr.Plot, gr.Markdown, gr.Button]:
    """Bits for the viewer, the figure, the line about it, the button for a long input."""
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
            button = gr.Button("Compute surprisal", size="sm", interactive=False, elem_id="explore-bits-run")
            gr.Markdown(SURPRISAL, elem_classes="help")
    return gr.JSON(visible=False), figure, line, button


def _connect_surprisal(
    session: Session, run: source.Run, done: gr.State, bits: tuple, event, handler
) -> None:
    made = event(
        partial(handler, session),
        [run.job, done],
        list(bits),
        show_progress="minimal",
        show_progress_on=bits[2],
        api_visibility="private",
    )
    made.success(None, bits[0], None, js=attach("explore-viewer"), **QUIET)


def _connect_link(session: Session, panel: source.SourcePanel, model: gr.Dropdown) -> None:
    """An address that names a sample, a model, a place or a tab opens the page there."""
    asked = gr.JSON(visible=False)

    def open_link(request: gr.Request):  # Gradio finds the request by this annotation, not inside a partial
        return explore.on_link(session, request)

    opened = gr.context.Context.root_block.load(
        open_link, None, [panel.source, panel.sample, model, asked], **QUIET
    )
    opened.success(None, asked, None, js=goto(), **QUIET)
