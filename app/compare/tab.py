"""Compare: 2 to 12 models over the same input, one under the other, and how far they agree."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app import links
from app.compare import agreement
from app.compare import files as compare_files
from app.compare import handlers as compare
from app.evidence import layout as evidence
from app.picture.viewer import SegmentViewer, also, arrived, follow
from app.server import kept, offered, references
from app.server.session import Session
from app.source import panel as source
from app.source.notes import clear_problem, note
from app.source.run import connect_run, go_on, run_buttons
from app.work.quiet import QUIET

LINK = {
    "measure": links.one_of("measure", lambda _: list(agreement.MEASURES)),
    "by": links.one_of("grouping", lambda _: list(agreement.GROUPS)),
}
"""What links of this tab say besides what all do -> how it is read."""
HINT = (
    "Pick an input and two or more models or references, then press Compare: all cut the same text, one under the "
    "other, the line on top says how many of them cut where, and orange marks where they disagree."
)
HELP = (
    "A1 is stage 1 of model A. In brackets what two models with these rates would have by chance. 1st in 2nd is the "
    "share of the first one's cuts that the second makes too; rate is cuts a byte. p is how often chance does as well, "
    "by circular shifts inside each record, ≤ where it is the least that they can give; q is p after "
    "Benjamini-Hochberg over these rows, of the cuts that are shared; \\* marks q below 0.05, \\*\\* below 0.01, "
    "\\*\\*\\* below 0.001. Rows and columns stand in the order of a clustering (average linkage over 1 - kappa): "
    "alike beside alike. Click a cell to see these two alone, where they differ most."
)
GROUP_HELP = (
    "The mean over pairs of different models inside a group, and between two groups, each stage by itself. The "
    "interval covers 95 % of resamples of the training runs; it takes three runs in a group, or two on either side. "
    "Fleiss' kappa is the agreement of all runs of a group at once: 0 at chance where they cut about as often, less "
    "where their rates differ."
)

_WIDTHS = ["46px", "46px", "64px", "80px", "56px", "64px", "88px", "88px", "74px", "74px", "104px", "104px"]
"""Of the agreement table; together no wider than its frame beside the controls on a screen of 1280."""


@dataclass(frozen=True)
class Results:
    """What stands right of the controls."""

    viewer: SegmentViewer
    windows: gr.Dataframe
    measure: gr.Dropdown
    matrix: gr.Dataframe
    table: gr.Dataframe
    by: gr.Dropdown
    groups: gr.Dataframe
    file: gr.DownloadButton
    kind: gr.Dropdown
    made: gr.DownloadButton


@dataclass(frozen=True)
class States:
    """What one person has compared, how far it agrees, the matrix's order, and where a click in a table leads."""

    comparison: gr.State
    agreement: gr.State
    order: gr.State
    jump: gr.JSON


def build(session: Session) -> None:
    """The tab's components and events."""
    states = States(*(kept.state("Compare") for _ in range(3)), gr.JSON(visible=False))
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            panel = source.build(session, "compare", "english", "Paste a text, source code or FASTA records")
            models = gr.Dropdown(
                [*offered.models(session), *references.choices()],
                value=[name for name in session.pair() if name],
                multiselect=True,
                label="Models and references (2 to 12)",
                elem_id="compare-models",
            )
            too_many = note("compare-models-note")
            models.input(compare.on_models, models, too_many, queue=False, **QUIET)
            run = run_buttons("Compare", "compare")
            clear_problem(panel, run)
            stages = [("outermost", 0), ("innermost", -1)]
            stage = gr.Radio(stages, value=0, label="Stage compared", elem_id="compare-stage")
            record = gr.Dropdown(
                [], label="Record shown", visible=False, elem_id="compare-record", allow_custom_value=True
            )
            whole = gr.Button("Show all models", size="sm", elem_id="compare-all")
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="compare-viewer")
            with gr.Column(elem_classes="evidence"):
                results = _results(viewer)
    _connect_run(session, states, panel, models, run, stage, record, results)
    view = {
        "inputs": [states.comparison, record, stage],
        "outputs": [states.comparison, results.viewer, results.windows],
    }
    for event in (stage.input, record.input, whole.click):
        event(compare.on_view, **view, **QUIET)
    _connect_results(session, states, results)
    chosen = {"measure": results.measure, "by": results.by}
    for name, control in chosen.items():
        control.change(None, control, None, js=also("compare-viewer", name), **QUIET)
    fields = {"sample": panel.sample, "models": models, "stage": stage, **chosen}
    links.connect(session, "compare", fields, own=LINK)


def _results(viewer: SegmentViewer) -> Results:
    windows = gr.Dataframe(
        label="Where the models shown differ most: places where some cut and others do not, of those where any does "
        "(click a row to go there)",
        interactive=False,
        visible=False,
        max_height=220,
        elem_id="compare-windows",
        buttons=[],
    )
    words = [(words, key) for key, (words, *_) in agreement.MEASURES.items()]
    measure = gr.Dropdown(words, value="f1", label="Agreement of every pair, by", elem_id="compare-measure")
    meaning = gr.Markdown(agreement.HELP["f1"], elem_classes="help", elem_id="compare-meaning")
    measure.change(agreement.on_measure, measure, meaning, queue=False, **QUIET)
    matrix = gr.Dataframe(
        headers=["the row against the column"],
        interactive=False,
        elem_id="compare-matrix",
        buttons=[],
        label="Agreement matrix",
        show_label=False,
    )
    gr.Markdown(HELP, elem_classes="help")
    table = gr.Dataframe(
        headers=["1st", "2nd", *agreement.SHOWN.values()],
        datatype=["str", "str", *["number"] * len(agreement.SHOWN)],
        column_widths=_WIDTHS,
        interactive=False,
        max_height=300,
        elem_id="compare-table",
        buttons=[],
        label="Agreement",
        show_label=False,
    )
    by, groups = _groups()
    with gr.Row(elem_classes="files"):
        file = evidence.download("CSV: agreement, all measures", "compare-csv")
        kind, made = evidence.other_files("compare")
    return Results(viewer, windows, measure, matrix, table, by, groups, file, kind, made)


def _groups() -> tuple[gr.Dropdown, gr.Dataframe]:
    with gr.Accordion("Groups of models", open=False, elem_id="compare-grouped"):
        by = gr.Dropdown(
            list(agreement.GROUPS), value="domain and depth", label="Models grouped by", elem_id="compare-by"
        )
        gr.Markdown(GROUP_HELP, elem_classes="help")
        table = gr.Dataframe(
            interactive=False,
            max_height=300,
            elem_id="compare-groups",
            buttons=[],
            label="Agreement in and between groups",
            show_label=False,
        )
    return by, table


def _connect_run(session, states: States, panel, models, run, stage, record, results: Results) -> None:
    ran = connect_run(
        run,
        ends=False,
        fn=partial(compare.on_compare, session),
        inputs=[*panel.values, models, stage],
        outputs=[states.comparison, results.viewer, record, results.windows],
    )
    ran.success(compare_files.file_choices, states.comparison, [results.kind, results.made], **QUIET)
    agreed = go_on(
        run,
        ran,
        fn=agreement.on_agreement,
        inputs=[states.comparison],
        outputs=[states.agreement, results.table, states.order],
    )
    _connect_agreement(session, states, agreed, results)


def _connect_agreement(session: Session, states: States, agreed, results: Results) -> None:
    """Matrix, groups and file follow the agreement, and the choice of a measure or of groups."""
    both = [states.comparison, states.agreement]
    in_matrix = {"inputs": [*both, results.measure], "outputs": results.matrix, **QUIET}
    in_groups = {"inputs": [*both, results.measure, results.by], "outputs": results.groups, **QUIET}
    for event in (agreed.success, results.measure.input):
        event(agreement.on_matrix, **in_matrix).success(agreement.on_groups, **in_groups)
    results.by.input(agreement.on_groups, **in_groups)
    agreed.success(None, None, None, js=arrived("compare-viewer"), **QUIET)
    agreed.success(partial(compare_files.on_csv, session), both, results.file, **QUIET)


def _connect_results(session: Session, states: States, results: Results) -> None:
    clicked = results.matrix.select(
        compare.on_cell,
        [states.comparison, states.order],
        [states.comparison, results.viewer, results.windows, states.jump],
        **QUIET,
    )
    clicked.success(None, states.jump, None, js=follow("compare-viewer"), **QUIET)
    picked = results.windows.select(compare.on_window, None, states.jump, queue=False, **QUIET)
    picked.success(None, states.jump, None, js=follow("compare-viewer"), **QUIET)
    wanted = [states.comparison, states.agreement, results.measure, results.by, results.kind]
    evidence.connect_files(results.kind, results.made, partial(compare_files.on_file, session), wanted)
