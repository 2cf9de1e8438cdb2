"""What Explore, Compare and DNA share: the input panel (paste, upload, or pick a sample) and the Stop beside a run."""

from dataclasses import dataclass

import gradio as gr

from app import handlers
from app.job import Job
from app.session import MAX_PASTE, Session


@dataclass(frozen=True)
class SourcePanel:
    """Components whose values handlers.read_source takes, in this order."""

    source: gr.Radio
    text: gr.Textbox
    upload: gr.File
    sample: gr.Dropdown

    @property
    def values(self) -> list[gr.components.Component]:
        return [self.source, self.text, self.upload, self.sample]


def build(session: Session, name: str, sample: str, hint: str, dna: bool | None = None) -> SourcePanel:
    """name: prefix of the element ids; sample: picked at the start; dna: offer only DNA samples (or only others)."""
    offered = [(s.title, s.name) for s in session.samples() if dna is None or (s.domain == "dna") is dna]
    source = gr.Radio(
        [("Sample", "sample"), ("Paste", "paste"), ("Upload", "upload")],
        value="sample",
        label="Input",
        elem_id=f"{name}-source",
    )
    picked = gr.Dropdown(offered, value=sample, label="Sample", elem_id=f"{name}-sample")
    text = gr.Textbox(
        label="Text",
        placeholder=hint,
        lines=8,
        max_lines=14,
        max_length=MAX_PASTE,
        visible=False,
        elem_id=f"{name}-text",
        elem_classes="mono",
    )
    upload = gr.File(
        label="File",
        type="filepath",
        visible=False,
        height=130,
        elem_classes="file",
        elem_id=f"{name}-upload",
    )

    def show(chosen: str):
        return [gr.update(visible=chosen == each) for each in ("sample", "paste", "upload")]

    source.change(
        show, source, [picked, text, upload], show_progress="hidden", queue=False, api_visibility="private"
    )
    return SourcePanel(source, text, upload, picked)


@dataclass(frozen=True)
class Run:
    """A button that starts work with a model, the one that stops it, the work, and where its progress is shown."""

    start: gr.Button
    stop: gr.Button
    job: gr.State
    status: gr.Textbox


def run_buttons(label: str, name: str, ready: bool = True) -> Run:
    """name: prefix of the element ids; ready: there is something to start, and it is what the tab is for."""
    with gr.Row(elem_classes="bar"):
        size = "lg" if ready else "sm"
        look = {"variant": "primary"} if ready else {"interactive": False}
        start = gr.Button(label, elem_id=f"{name}-run", scale=3, min_width=120, size=size, **look)
        stop = gr.Button("Stop", elem_id=f"{name}-stop", interactive=False, scale=1, min_width=70, size=size)
    # A text field: it shows what a person typed or named as text, whatever is in it.
    status = gr.Textbox(
        label="Progress and problems",
        show_label=False,
        container=False,
        interactive=False,
        lines=3,
        max_lines=6,
        elem_id=f"{name}-status",
        elem_classes="status",
    )
    job = gr.State(Job())
    stop.click(handlers.on_stop, job, None, show_progress="hidden", queue=False, api_visibility="private")
    return Run(start, stop, job, status)


def connect_run(run: Run, after=None, ends: bool = True, **event):
    """Bind the work (arguments of Button.click, the job as first input) to both buttons; returns its event.

    after: the event that starts it instead of the button
    ends: there is nothing to stop once the event is over; else the caller says when (handlers.on_end)
    """
    quiet = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    start = after or run.start.click
    start(handlers.on_begin, run.job, [run.stop, run.status], **quiet)
    event = {"show_progress": "full", "show_progress_on": run.status, "api_visibility": "private", **event}
    event["inputs"] = [run.job, *event["inputs"]]
    ran = start(concurrency_id="model", concurrency_limit=1, **event)
    on_failure(run, ran)
    if ends:
        ran.success(handlers.on_end, None, run.stop, **quiet)
    return ran


def on_failure(run: Run, event) -> None:
    """Say beside the buttons why `event` failed, and switch Stop off."""
    event.failure(
        handlers.on_failure,
        run.job,
        [run.stop, run.status],
        show_progress="hidden",
        queue=False,
        api_visibility="private",
    )
