"""The button that keeps what a tab shows, and the sentence beside it."""

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from analysis.boundaries.extract import Analysis
from app.saved.store import save
from app.server.session import Session
from app.work.told import told
from hnet_core.errors import HNetError, InputError

SHOWN = {"show_progress": "minimal", "api_visibility": "private"}
"""Arguments of the events of saved runs."""


def line(words: str, bad: bool = False) -> dict[str, Any]:
    """The line that says what happened; bad news in the colour of warnings."""
    return gr.update(value=words, visible=True, elem_classes="status" if bad else "said")


def beside(others: int) -> Callable[[Callable], Callable]:
    """What a handler says last goes into the line, and so does what is wrong; then the others stay as they are."""

    def wrap(handler: Callable) -> Callable:
        @functools.wraps(handler)
        def call(*args: Any) -> Any:
            try:
                *values, words = handler(*args)
                found = (*values, line(words))
            except HNetError as err:
                found = (*[gr.skip()] * others, line(str(err), bad=True))
            return found if others else found[0]

        return told(call)

    return wrap


@beside(0)
def on_save(session: Session, done: Analysis | None):
    """Keep what Explore shows; the line that says so."""
    if done is None:
        raise InputError("there is nothing to save yet; press Analyse on the Explore tab first")
    return (f"Saved as run {save(session, done)}. Everybody who can open this page can open it.",)


def save_button(session: Session, done: gr.State) -> None:
    """On Explore: keep what is shown, where there is a folder for it."""
    if session.runs_dir is None:
        return
    with gr.Row(elem_classes="files"):
        button = gr.Button("Save run", size="sm", elem_id="explore-save", min_width=120)
        line = gr.Textbox(
            label="Saved run",
            show_label=False,
            container=False,
            interactive=False,
            lines=1,
            visible=False,
            elem_id="explore-saved",
            elem_classes="said",
        )
    button.click(partial(on_save, session), done, line, **SHOWN)
