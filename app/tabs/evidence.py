"""What stands under the text: the chunk table, its CSV files, and three small plots."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import handlers
from app.session import Session


@dataclass(frozen=True)
class Evidence:
    """Components under the viewer. region: (start, end) fields that limit the table, or () for the whole input."""

    stage: gr.Radio
    page: gr.Number
    line: gr.Textbox
    table: gr.Dataframe
    shown: gr.DownloadButton
    part: gr.DownloadButton | None
    everything: gr.DownloadButton
    plots: tuple[gr.Plot, gr.Plot, gr.Plot]
    region: tuple[gr.Number, ...]


def download(label: str, elem_id: str) -> gr.DownloadButton:
    """A quiet download button, off until there is something to take away."""
    return gr.DownloadButton(label, size="sm", interactive=False, elem_id=elem_id, min_width=120)


def build(name: str, region: tuple[gr.Number, ...] = ()) -> Evidence:
    """name: prefix of the element ids."""
    with gr.Row(elem_classes="bar"):
        stage = gr.Radio(
            [("stage 0", 0)], value=0, label="Chunks of", elem_id=f"{name}-stage", scale=2, min_width=160
        )
        page = gr.Number(
            1, label="Page", precision=0, minimum=1, elem_id=f"{name}-page", scale=1, min_width=90
        )
        line = gr.Textbox(
            label="Shown",
            interactive=False,
            elem_id=f"{name}-line",
            scale=3,
            min_width=200,
            lines=1,
            max_lines=1,
        )
    table = gr.Dataframe(
        headers=["stage", "start", "end", "n_bytes", "prob", "text"],
        datatype=["number"] * 5 + ["str"],
        interactive=False,
        max_height=300,
        elem_id=f"{name}-table",
        column_widths=["70px", "100px", "100px", "90px", "90px", "400px"],
        buttons=[],
        label="Chunk table",
        show_label=False,
    )
    with gr.Row(elem_classes="files"):
        shown = download("CSV: rows shown", f"{name}-csv-shown")
        part = download("CSV: region, all stages", f"{name}-csv-region") if region else None
        everything = download("CSV: all chunks, all stages", f"{name}-csv-all")
    with gr.Row(elem_classes="plots"):
        plots = tuple(
            gr.Plot(show_label=False, container=False, min_width=280, elem_id=f"{name}-plot-{i}")
            for i in range(3)
        )
    return Evidence(stage, page, line, table, shown, part, everything, plots, region)


def connect(session: Session, evidence: Evidence, done: gr.State) -> None:
    """Stage and page answer at once; tables and plots of a new analysis come through `after`."""
    for event in (evidence.stage.input, evidence.page.input):
        event(**_page(session, evidence, done))


def after(session: Session, evidence: Evidence, done: gr.State, event) -> None:
    """Fill table, files and plots once `event` (an analysis, drawn already) has succeeded."""
    filled = event.success(**_page(session, evidence, done))
    filled.success(
        partial(handlers.on_everything, session),
        done,
        [evidence.everything, *evidence.plots],
        show_progress="hidden",
        api_visibility="private",
    )


def page_after(session: Session, evidence: Evidence, done: gr.State, event) -> None:
    """Fill the table again once `event` (another region) has succeeded."""
    event.success(**_page(session, evidence, done))


def _page(session: Session, evidence: Evidence, done: gr.State) -> dict:
    return {
        "fn": partial(handlers.on_page, session),
        "inputs": [done, evidence.stage, evidence.page, *evidence.region],
        "outputs": [evidence.table, evidence.page, evidence.line, evidence.shown],
        "show_progress": "hidden",
        "api_visibility": "private",
    }
