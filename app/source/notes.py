"""Sentences beside controls: where they stand, and when they go."""

import gradio as gr

from app.source.panel import SourcePanel
from app.source.run import Run
from app.work.quiet import QUIET


def note(name: str, problem: bool = True) -> gr.Textbox:
    """A line for one sentence about the control above it; a text field, since that shows text as text.

    problem: it says what went wrong, in the colour of warnings
    """
    return gr.Textbox(
        label="About the control above",
        show_label=False,
        container=False,
        interactive=False,
        placeholder=" ",
        lines=1,
        max_lines=5,
        elem_id=name,
        elem_classes=["status", "note", *([] if problem else ["found"])],
    )


def clear_problem(panel: SourcePanel, run: Run) -> None:
    """Another input is chosen: what was wrong with the one before no longer stands below the button."""
    changes = [
        panel.source.input,
        panel.sample.input,
        panel.upload.upload,
        panel.upload.clear,
        panel.text.input,
    ]
    gr.on(changes, None, None, run.status, js="() => ''", **QUIET)
