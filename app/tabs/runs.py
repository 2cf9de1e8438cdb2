"""Runs: analyses that were kept in the folder given at start-up; open, compare, delete."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import kept, links, saved
from app.session import Session
from app.tabs import evidence
from app.tabs.quiet import QUIET
from app.viewer import SegmentViewer

HINT = "Pick a run in the list and press Open: the text and its chunks appear here, as they were saved."
EMPTY = (
    "Runs are kept in the folder given at the start; everybody who can open this page sees them. To add one, "
    "analyse something on the Explore tab and press `Save run` there. Click a row to pick it."
)
_SHOWN = {"show_progress": "minimal", "api_visibility": "private"}


@dataclass(frozen=True)
class Controls:
    """The list, what is picked in it, what can be done with that, and the sentence about it."""

    table: gr.Dataframe
    left_out: gr.Textbox
    picked: gr.Dropdown
    other: gr.Dropdown
    open: gr.Button
    compare: gr.Button
    sure: gr.Checkbox
    delete: gr.Button
    line: gr.Textbox


def build(session: Session) -> None:
    """The tab's components and events; without a folder for runs, how to start with one."""
    if session.runs_dir is None:
        gr.Markdown(saved.NO_FOLDER, elem_id="runs-none", elem_classes="help")
        links.connect(session, "runs", check=partial(saved.check_link, session))
        return
    tab, done = gr.context.Context.block, kept.state("Open")
    gr.Markdown(EMPTY, elem_classes="help")
    listed = _list()
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            controls = _controls(*listed)
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="runs-viewer")
            below = evidence.build("runs")
    _connect(session, controls, viewer, below, done)
    lists = [controls.table, controls.picked, controls.other, controls.left_out]
    for event in (tab.select, gr.context.Context.root_block.load):
        event(partial(saved.on_list, session), None, lists, **QUIET)
    fields = {"run": controls.picked, "with": controls.other}
    links.connect(session, "runs", fields, partial(saved.check_link, session))


def _list() -> tuple[gr.Dataframe, gr.Textbox]:
    table = gr.Dataframe(
        headers=saved.COLUMNS,
        datatype=["str", "str", "str", "number", "str"],
        interactive=False,
        max_height=260,
        elem_id="runs-list",
        column_widths=["170px", "240px", "300px", "90px", "290px"],
        buttons=[],
        label="Saved runs",
        show_label=False,
    )
    left_out = gr.Textbox(
        label="Folders that are no whole run",
        show_label=False,
        container=False,
        interactive=False,
        lines=1,
        visible=False,
        elem_id="runs-left-out",
        elem_classes=["status", "note"],
    )
    return table, left_out


def _controls(table: gr.Dataframe, left_out: gr.Textbox) -> Controls:
    picked = gr.Dropdown([], value=None, label="Run", elem_id="runs-picked")
    opened = gr.Button("Open", variant="primary", elem_id="runs-open")
    other = gr.Dropdown([], value=None, label="compared with", elem_id="runs-other")
    compare = gr.Button("Compare", elem_id="runs-compare")
    sure = gr.Checkbox(False, label="yes, delete it for good", elem_id="runs-sure")
    delete = gr.Button("Delete", variant="stop", elem_id="runs-delete")
    line = gr.Textbox(
        label="What happened",
        show_label=False,
        container=False,
        interactive=False,
        lines=2,
        max_lines=6,
        elem_id="runs-line-said",
        elem_classes="said",
    )
    return Controls(table, left_out, picked, other, opened, compare, sure, delete, line)


def _connect(
    session: Session, controls: Controls, viewer: SegmentViewer, below: evidence.Evidence, done
) -> None:
    controls.table.select(saved.on_row, None, controls.picked, queue=False, **QUIET)
    for event in (controls.table.select, controls.picked.input, controls.other.input):
        event(partial(saved.line, ""), None, controls.line, queue=False, **QUIET)
    opened = controls.open.click(
        partial(saved.on_open, session),
        controls.picked,
        [done, viewer, below.stage, below.page, controls.line],
        **_SHOWN,
    )
    evidence.connect(session, below, done, "runs-viewer")
    evidence.after(session, below, done, opened)
    controls.compare.click(
        partial(saved.on_compare, session),
        [controls.picked, controls.other],
        [viewer, controls.line],
        **_SHOWN,
    )
    deleted = controls.delete.click(
        partial(saved.on_delete, session),
        [controls.picked, controls.sure],
        [controls.sure, controls.picked, controls.line],
        **_SHOWN,
    )
    lists = [controls.table, controls.picked, controls.other, controls.left_out]
    deleted.success(partial(saved.on_list, session), None, lists, **QUIET)


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
    button.click(partial(saved.on_save, session), done, line, **_SHOWN)
