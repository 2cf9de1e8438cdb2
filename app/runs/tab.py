"""Runs: analyses that were kept in the folder given at start-up; open, compare, delete."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import links
from app.evidence import layout as evidence
from app.picture.viewer import SegmentViewer
from app.runs.handlers import LINK, check_link, on_compare, on_delete, on_list, on_open, on_row
from app.saved import store as saved
from app.saved.button import SHOWN, line
from app.server import kept
from app.server.session import Session
from app.work.quiet import QUIET

HINT = "Pick a run in the list and press Open: the text and its chunks appear here, as they were saved."
EMPTY = (
    "Runs are kept in the folder given at the start; everybody who can open this page sees them. To add one, "
    "analyse something on the Explore tab and press `Save run` there. Click a row to pick it."
)


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
        links.connect(session, "runs", check=partial(check_link, session), own=LINK)
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
        event(partial(on_list, session), None, lists, **QUIET)
    fields = {"run": controls.picked, "with": controls.other}
    links.connect(session, "runs", fields, partial(check_link, session), own=LINK)


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
    controls.table.select(on_row, None, controls.picked, queue=False, **QUIET)
    for event in (controls.table.select, controls.picked.input, controls.other.input):
        event(partial(line, ""), None, controls.line, queue=False, **QUIET)
    opened = controls.open.click(
        partial(on_open, session),
        controls.picked,
        [done, viewer, below.stage, below.page, controls.line],
        **SHOWN,
    )
    evidence.connect(session, below, done, "runs-viewer")
    evidence.after(session, below, done, opened)
    controls.compare.click(
        partial(on_compare, session),
        [controls.picked, controls.other],
        [viewer, controls.line],
        **SHOWN,
    )
    deleted = controls.delete.click(
        partial(on_delete, session),
        [controls.picked, controls.sure],
        [controls.sure, controls.picked, controls.line],
        **SHOWN,
    )
    lists = [controls.table, controls.picked, controls.other, controls.left_out]
    deleted.success(partial(on_list, session), None, lists, **QUIET)
