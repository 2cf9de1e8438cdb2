"""What the Runs tab calls: list what is kept, open it again, compare two, delete one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from analysis.agreement.pairs import compare as agreement
from analysis.chance.p_values import is_least, shown
from analysis.files.runs import made_elsewhere
from app.evidence.handlers import stage_choices
from app.picture import value as view
from app.picture.comparison import Comparison, value_of
from app.saved.button import beside
from app.saved.store import COLUMNS, MOST_TOLD, by_name, found_runs, remove, reopen, run_folder, table_of
from app.server.session import Session
from app.wording.sentences import run_title
from app.work.told import told
from hnet_core.errors import InputError


def _run_name(session: Session, text: str) -> str:
    """Of a link."""
    if not re.fullmatch(r"[0-9TZ]{8,40}-[0-9a-f]{8}", text):
        raise InputError("the link asks for a run by a name that no run can have; open it from the Runs tab")
    return text


LINK = {"run": _run_name, "with": _run_name}
"""What links of this tab say besides what all do -> how it is read."""


@told
def on_list(session: Session):
    """The table of runs, the two lists to choose from, and which folders are left out because they are no whole run."""
    found = found_runs(session)
    table = table_of(found.whole)
    choices = [(run_title(row), row.run) for row in table.itertuples()]
    told = "\n".join(f"Left out: {by_name(session, sentence)}" for sentence in found.left_out[:MOST_TOLD])
    more = len(found.left_out) - MOST_TOLD
    told += f"\nand {more:,} more" if more > 0 else ""
    lists = gr.update(choices=choices)
    return table, lists, lists, gr.update(value=told, visible=bool(told))


@beside(4)
def on_open(session: Session, name: str | None):
    """A run again: analysis, the viewer's value, the stages of the table, its first page, a line."""
    done = reopen(session, _picked(name))
    value = view.text_value(done, f"{done.sequences[0].name} (saved run)", {"tab": "runs", "run": name})
    elsewhere = made_elsewhere(run_folder(session, name))
    words = f"Run {name}, as it was saved; nothing was computed again.{elsewhere}"
    return done, value, stage_choices(done), 1, words


@beside(1)
def on_compare(session: Session, name: str | None, other: str | None):
    """Two runs of one input, one under the other: the viewer's value, and how far their outermost stages agree."""
    if not name or not other or name == other:
        raise InputError("a comparison takes two different runs; pick the second one in `compared with`")
    first, second = reopen(session, name), reopen(session, other)
    if [each.data for each in first.sequences] != [each.data for each in second.sequences]:
        raise InputError(
            "these two runs are of different inputs; only runs of the same input can be compared"
        )
    if [each.name for each in first.sequences] != [each.name for each in second.sequences]:
        second = replace(second, sequences=first.sequences)  # the same texts under other names
    found = agreement(first, second, 0, 0)
    p_value = shown(found["p_value"], is_least(found["p_value"], found["shifts"]))
    words = (
        f"Outermost stages: F1 {found['f1']:.3f}, {found['f1_chance']:.3f} by chance; "
        f"kappa {found['kappa']:.3f}; p {p_value} by circular shifts."
        + "".join(made_elsewhere(run_folder(session, each)) for each in (name, other))
    )
    link = {"tab": "runs", "run": name, "with": other}
    return value_of(Comparison((first, second), first.sequences[0].name, link=link)), words


@beside(2)
def on_delete(session: Session, name: str | None, sure: bool):
    """Delete the run that is picked, once the box is ticked; the box without its tick, no run picked, the line."""
    name = _picked(name)
    if not sure:
        raise InputError("deleting a run cannot be undone; tick `yes, delete it for good` first")
    remove(session, name)
    return False, gr.update(value=None), f"Run {name} is deleted."


def check_link(session: Session, asked: Mapping[str, Any]) -> None:
    """InputError where a run that a link asks for is not here."""
    for name in ("run", "with"):
        if name in asked:
            run_folder(session, asked[name])


def on_row(event: gr.SelectData) -> str:
    """A row of the list was clicked: the run it names."""
    return str(event.row_value[COLUMNS.index("run")])


def _picked(name: str | None) -> str:
    if not name:
        raise InputError("no run is picked; click one in the list")
    return name
