"""Explore: one text or source file, one model, its chunks."""

from functools import partial

import gradio as gr

from app import handlers
from app.session import Session, domain_choices
from app.tabs import evidence, source
from app.viewer import SegmentViewer

HINT = (
    "Pick a sample, paste a text or upload a file, then press Analyse: "
    "the text appears here, cut where the model cuts it."
)


def build(session: Session) -> None:
    """The tab's components and events."""
    done = gr.State(None, time_to_live=3600)
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            panel = source.build(session, "explore", "english", "Paste a text, source code or a FASTA record")
            domain = gr.Dropdown(
                domain_choices(), value="guess", label="Kind of text", elem_id="explore-domain"
            )
            models = [("the one that fits the input", handlers.AUTO), *session.choices()]
            model = gr.Dropdown(models, value=handlers.AUTO, label="Model", elem_id="explore-model")
            run = source.run_buttons("Analyse", "explore")
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="explore-viewer")
            below = evidence.build("explore")
    ran = source.connect_run(
        run,
        fn=partial(handlers.on_analyse, session),
        inputs=[*panel.values, domain, model],
        outputs=[done, viewer, below.stage, below.page],
    )
    evidence.connect(session, below, done, "explore-viewer")
    evidence.after(session, below, done, ran)
