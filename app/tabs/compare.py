"""Compare: two models over the same input, one under the other, and how far they agree."""

from functools import partial

import gradio as gr

from app import handlers
from app.session import Session
from app.tabs import evidence, source
from app.viewer import SegmentViewer

HINT = (
    "Pick an input and two models, then press Compare: both cut the same text, one under the other, "
    "and orange marks where only one of them cuts."
)
HELP = (
    "F1 counts the cuts both models make; by chance is what two models with these rates would have; F1* is 0 there "
    "and 1 at the best their rates allow. A in B is the share of A's cuts that B makes too: the fair measure between a "
    "deeper and a shallower stage. p comes from 1,000 circular shifts."
)


def build(session: Session) -> None:
    """The tab's components and events."""
    both = gr.State(None, time_to_live=3600)
    choices = session.choices()
    first, second = session.pair()
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            panel = source.build(session, "compare", "english", "Paste a text, source code or a FASTA record")
            model_a = gr.Dropdown(choices, value=first, label="Model A", elem_id="compare-a")
            model_b = gr.Dropdown(choices, value=second, label="Model B", elem_id="compare-b")
            run = gr.Button("Compare", variant="primary", elem_id="compare-run")
            stage_a = gr.Radio(
                [("stage 0", 0)], value=0, label="Mark differences between A's", elem_id="compare-stage-a"
            )
            stage_b = gr.Radio([("stage 0", 0)], value=0, label="and B's", elem_id="compare-stage-b")
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="compare-viewer")
            table = gr.Dataframe(
                headers=list(handlers.AGREEMENT_SHOWN.values()),
                datatype="number",
                interactive=False,
                elem_id="compare-table",
                buttons=[],
                label="Agreement",
                show_label=False,
            )
            gr.Markdown(HELP, elem_classes="help")
            with gr.Row(elem_classes="files"):
                file = evidence.download("CSV: agreement, all measures", "compare-csv")
    _connect(session, both, panel, (model_a, model_b), (stage_a, stage_b), viewer, run, table, file)


def _connect(session, both, panel, models, stages, viewer, run, table, file) -> None:
    ran = run.click(
        partial(handlers.on_compare, session),
        [*panel.values, *models],
        [both, viewer, *stages],
        show_progress="minimal",
        show_progress_on=viewer,
        concurrency_id="model",
        concurrency_limit=1,
        api_visibility="private",
    )
    ran.success(
        partial(handlers.on_agreement, session),
        both,
        [table, file],
        show_progress="hidden",
        api_visibility="private",
    )
    for stage in stages:
        stage.input(
            handlers.on_compared_stages,
            [both, *stages],
            viewer,
            show_progress="hidden",
            api_visibility="private",
        )
