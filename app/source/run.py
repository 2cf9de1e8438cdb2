"""The button that starts a run, the Stop beside it, and how events are wired to them."""

from dataclasses import dataclass

import gradio as gr

from app.server.kept import ANEW
from app.source.stop import on_begin, on_failure, on_over, on_stop
from app.work.job import Jobs
from app.work.told import of_run

UNDER_WAY = {"model": 8, "measure": 2}
"""Runs of a kind that are under way at once. Those with a model take turns; measures have a core each."""


_AT_ONCE = {
    "show_progress": "hidden",
    "queue": False,
    "api_visibility": "private",
    "trigger_mode": "multiple",
}


@dataclass(frozen=True)
class Run:
    """A button that starts work, the one that stops it, the runs asked for, and where their progress is shown.

    number  of the run asked for last, as the browser knows it: it travels with each request
    """

    start: gr.Button
    stop: gr.Button
    jobs: gr.State
    number: gr.Number
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
    jobs, number = gr.State(Jobs()), gr.Number(0, precision=0, visible=False)
    stop.click(on_stop, jobs, status, **_AT_ONCE)
    return Run(start, stop, jobs, number, status)


def connect_run(run: Run, after=None, ends: bool = True, anew: bool = False, kind: str = "model", **event):
    """Bind the work (arguments of Button.click, the job as first input of fn) to both buttons; returns its event.

    after: the event that starts it instead of the button
    ends: there is nothing to stop once the event is over; else more of the run follows (go_on)
    anew: it makes its results anew, so that one which has ended is none to it
    kind: of UNDER_WAY
    """
    start = after or run.start.click
    tab = run.start.elem_id.removesuffix("-run")
    start(None, None, None, js=f"() => hnet.former('{tab}')", **_AT_ONCE)
    begun = start(on_begin, run.jobs, [run.stop, run.status, run.number], **_AT_ONCE)
    return go_on(run, begun, ends, anew, kind, **event)


def go_on(run: Run, before, ends: bool = True, anew: bool = False, kind: str = "measure", **event):
    """What follows on the event `before` in the same run; see connect_run."""
    handler = of_run(event.pop("fn"))
    setattr(handler, ANEW, anew)
    event = {"show_progress": "full", "show_progress_on": run.status, "api_visibility": "private", **event}
    event["inputs"] = [run.jobs, run.number, *event["inputs"]]
    limit = {"concurrency_id": kind, "concurrency_limit": UNDER_WAY[kind]}
    ran = before.success(handler, trigger_mode="multiple", **limit, **event)
    ran.failure(on_failure, run.jobs, [run.stop, run.status], **_AT_ONCE)
    if ends:
        ran.success(on_over, run.jobs, run.stop, **_AT_ONCE)
    return ran
