"""What stands under the text: the chunk table, the files to take away, three small plots, the chunk dictionary."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import gradio as gr

from app.evidence.handlers import (
    NO_FILES,
    file_choices,
    on_chunk,
    on_dictionary,
    on_everything,
    on_figures,
    on_file,
    on_page,
    on_whole_dictionary,
    on_wish,
    on_word,
)
from app.picture.viewer import arrived, follow
from app.server.session import Session
from app.work.job import Wish
from app.work.quiet import QUIET

_PLACES = {
    "byte": "start and end count bytes from 0, the end not included (of DNA: bases from 1, the last one included)",
    "base": "first and last count bases from 1, the last one included; the files' start and end count from 0, the end "
    "not included",
}
_TABLE_HELP = (
    "{}; p is how sure the model was of the cut that begins the chunk. Click a row to see it in the {}."
)
_PLOTS_HELP = (
    "Boundary probability: how p is spread over all positions; right of the dotted line, 0.5, the model cuts. Chunk "
    "lengths: the share of chunks with so many {0}s. Boundary rate: chunks a {0} along the {1}; a valley is a "
    "stretch of long chunks. Point at a figure to see its places in the {1}, click to walk through them."
)


@dataclass(frozen=True)
class Evidence:
    """Components under the viewer. region: (start, end) fields that limit the table, or () for the whole input."""

    stage: gr.Radio
    page: gr.Number
    line: gr.Textbox
    table: gr.Dataframe
    shown: gr.DownloadButton
    part: gr.DownloadButton | None
    everything: "Made"
    kind: gr.Dropdown
    file: gr.DownloadButton
    plots: tuple[gr.Plot, gr.Plot, gr.Plot]
    words: gr.Dataframe
    words_line: gr.Markdown
    words_file: "Made"
    jump: gr.JSON
    region: tuple[gr.Number, ...]


def download(label: str, elem_id: str) -> gr.DownloadButton:
    """A quiet download button, off until there is something to take away."""
    return gr.DownloadButton(label, size="sm", interactive=False, elem_id=elem_id, min_width=120)


@dataclass(frozen=True)
class Made:
    """A button whose file is made when it is pressed, not before: most are never wanted."""

    button: gr.Button
    file: gr.DownloadButton


def made(label: str, elem_id: str) -> Made:
    """A quiet button, off until there is something to take away."""
    button = gr.Button(label, size="sm", interactive=False, elem_id=elem_id, min_width=120)
    return Made(button, gr.DownloadButton(visible=False))


def connect_made(made: Made, make: Callable, inputs: list) -> None:
    """make: values of `inputs` in, the file out."""
    there = made.button.click(make, inputs, made.file, show_progress="hidden", api_visibility="private")
    save = (
        f"file => hnet.saveFile(file.url, file.orig_name, document.querySelector('#{made.button.elem_id}'))"
    )
    there.success(None, made.file, None, js=save, **QUIET)


def other_files(name: str) -> tuple[gr.Dropdown, gr.DownloadButton]:
    """The list of all other files, and the button that saves the one picked."""
    kind = gr.Dropdown(
        NO_FILES,
        value="",
        label="Other files",
        show_label=False,
        container=False,
        min_width=280,
        elem_id=f"{name}-kind",
        elem_classes="other",
    )
    return kind, download("Save file", f"{name}-file")


def connect_files(kind: gr.Dropdown, file: gr.DownloadButton, make: Callable, inputs: list) -> None:
    """Make the file that is picked, and stop making the one before. Until it is there, nothing can be saved.

    make  gets the Wish, then the values of `inputs`
    """
    wish = gr.State(Wish())
    picked = kind.input(on_wish, [wish, kind], file, queue=False, **QUIET)
    picked.success(make, [wish, *inputs], file, show_progress="minimal", api_visibility="private")


def build(name: str, region: tuple[gr.Number, ...] = ()) -> Evidence:
    """name: prefix of the element ids."""
    unit, what = ("base", "record") if region else ("byte", "text")
    stage, page, line, table = _table(name, unit)
    gr.Markdown(_TABLE_HELP.format(_PLACES[unit], "bases" if region else what), elem_classes="help")
    with gr.Row(elem_classes="files"):
        shown = download("CSV: rows shown", f"{name}-csv-shown")
        part = download("CSV: region, all stages", f"{name}-csv-region") if region else None
        everything = made("CSV: all chunks, all stages", f"{name}-csv-all")
        kind, file = other_files(name)
    with gr.Row(elem_classes="plots"):
        plots = tuple(
            gr.Plot(show_label=False, container=False, min_width=280, elem_id=f"{name}-plot-{i}")
            for i in range(3)
        )
    gr.Markdown(_PLOTS_HELP.format(unit, what), elem_classes="help")
    words, words_line, words_file = _dictionary(name, unit)
    jump = gr.JSON(visible=False)
    return Evidence(
        stage,
        page,
        line,
        table,
        shown,
        part,
        everything,
        kind,
        file,
        plots,
        words,
        words_line,
        words_file,
        jump,
        region,
    )


def _table(name: str, unit: str) -> tuple[gr.Radio, gr.Number, gr.Textbox, gr.Dataframe]:
    with gr.Row(elem_classes="bar"):
        stage = gr.Radio(
            [("stage 0", 0)], value=0, label="Chunks of", elem_id=f"{name}-stage", scale=2, min_width=160
        )
        page = gr.Number(1, label="Page", elem_id=f"{name}-page", scale=1, min_width=90)
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
        headers=[
            "stage",
            *(("first", "last") if unit == "base" else ("start", "end")),
            f"{unit}s",
            "p",
            "text",
        ],
        datatype=["number"] * 5 + ["str"],
        interactive=False,
        max_height=300,
        elem_id=f"{name}-table",
        column_widths=["70px", "100px", "100px", "90px", "90px", "400px"],
        buttons=[],
        label="Chunk table",
        show_label=False,
    )
    return stage, page, line, table


def _dictionary(name: str, unit: str) -> tuple[gr.Dataframe, gr.Markdown, Made]:
    with gr.Accordion("Chunk dictionary", open=False, elem_id=f"{name}-dictionary"):
        line = gr.Markdown(
            "The chunks of the stage chosen above, most frequent first; share is of all chunks, mean p that "
            "of the cuts that begin them.",
            elem_classes="help",
        )
        words = gr.Dataframe(
            headers=["text", "hex", f"{unit}s", "count", "share", "mean p"],
            datatype=["str", "str", "number", "number", "str", "number"],
            interactive=False,
            max_height=300,
            elem_id=f"{name}-words",
            column_widths=["240px", "240px", "90px", "90px", "90px", "110px"],
            buttons=[],
            label="Chunk dictionary",
            show_label=False,
        )
        file = made("CSV: whole dictionary", f"{name}-csv-words")
    return words, line, file


def connect(session: Session, evidence: Evidence, done: gr.State, viewer: str, picture: tuple = ()) -> None:
    """Stage and page answer at once; tables and plots of a new analysis come through `after`.

    viewer   element id of the viewer that a click in a table moves
    picture  (handler of the list of files, its inputs after the analysis and the choice) where it is not the text's
    """
    for event in (evidence.stage.input, evidence.page.input):
        event(**_page(session, evidence, done))
    evidence.stage.input(**_words(evidence, done))
    make, inputs = picture or (on_file, ())
    connect_files(evidence.kind, evidence.file, partial(make, session), [done, evidence.kind, *inputs])
    connect_made(evidence.everything, partial(on_everything, session), [done])
    connect_made(evidence.words_file, partial(on_whole_dictionary, session), [done, evidence.stage])
    picks = ((evidence.table, on_chunk), (evidence.words, on_word))
    for table, handler in picks:
        picked = table.select(handler, None, evidence.jump, queue=False, **QUIET)
        picked.success(None, evidence.jump, None, js=follow(viewer), **QUIET)


def after(session: Session, evidence: Evidence, done: gr.State, event) -> None:
    """Fill table, files, plots and dictionary once `event` (an analysis, drawn already) has succeeded."""
    filled = event.success(**_page(session, evidence, done))
    event.success(file_choices, done, [evidence.kind, evidence.file], **QUIET)
    drawn = filled.success(on_figures, done, [evidence.everything.button, *evidence.plots], **QUIET)
    drawn.success(**_words(evidence, done))
    tab = evidence.table.elem_id.removesuffix("-table")
    drawn.success(None, None, None, js=arrived(tab), **QUIET)


def page_after(session: Session, evidence: Evidence, done: gr.State, event) -> None:
    """Fill the table again once `event` (another region) has succeeded."""
    event.success(**_page(session, evidence, done))


def _page(session: Session, evidence: Evidence, done: gr.State) -> dict:
    return {
        "fn": partial(on_page, session),
        "inputs": [done, evidence.stage, evidence.page, *evidence.region],
        "outputs": [evidence.table, evidence.page, evidence.line, evidence.shown],
        **QUIET,
    }


def _words(evidence: Evidence, done: gr.State) -> dict:
    return {
        "fn": on_dictionary,
        "inputs": [done, evidence.stage],
        "outputs": [evidence.words, evidence.words_line, evidence.words_file.button],
        **QUIET,
    }
