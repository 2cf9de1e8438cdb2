"""What a run's beginning, end and Stop do to its buttons."""

from typing import Any

import gradio as gr

from app.work.job import STOPPED_BEFORE, Jobs


def on_begin(jobs: Jobs) -> tuple[dict[str, Any], str, int]:
    """A run was asked for: Stop works from now on, what the last one said no longer counts; the number of this one."""
    number = jobs.begin()
    return gr.update(interactive=True), "", number


def on_failure(jobs: Jobs) -> tuple[dict[str, Any], Any]:
    """A run ended without a result. If it is the last one: nothing to stop; why it ended, beside its button."""
    failure = jobs.current.failure
    return (on_end(), failure) if failure else (gr.skip(), gr.skip())


def on_stop(jobs: Jobs) -> Any:
    """Stop the run at its next window of bytes; one whose work has not begun is over at once, and says so."""
    job = jobs.current
    job.stop()
    return gr.skip() if job.begun else STOPPED_BEFORE


def on_over(jobs: Jobs) -> Any:
    """A run has ended with its result: nothing to stop, unless another one has begun since."""
    return on_end() if jobs.current.over else gr.skip()


def on_end() -> dict[str, Any]:
    """A button off: the run has ended, however it did, and there is nothing to stop; or nothing to save yet."""
    return gr.update(interactive=False)
