"""Links: what an address may ask of the page, checked; and how a tab takes it over when the page is opened."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from app import references
from app.agreement import GROUPS, MEASURES
from app.generate import MAX_BYTES, MAX_SEED
from app.session import Session
from app.tabs.quiet import QUIET
from app.told import told
from app.viewer import goto
from hnet_core.errors import InputError

TABS = ("explore", "compare", "dna", "generate", "runs", "models")
_WHOLE = ("sample", "run", "example")
"""A link with one of these has an input, so the work begins by itself."""


def read(session: Session, query: Mapping[str, str]) -> dict[str, Any]:
    """What a link asks for, checked; unknown names are left alone.

    Raises InputError for whatever is not one of the values that the page itself would write.
    """
    asked = {name: reader(session, query[name]) for name, reader in _READERS.items() if name in query}
    return {"tab": "explore", **asked} if asked else {}


def _one_of(what: str, known: Callable[[Session], list[str]]) -> Callable[[Session, str], str]:
    def reader(session: Session, text: str) -> str:
        if text not in known(session):
            raise InputError(
                f"the link asks for a {what} that is not here; it may be of another installation"
            )
        return text

    return reader


def _model_names(session: Session) -> list[str]:
    return [name for _, name in session.choices()]


def _models(session: Session, text: str) -> list[str]:
    known = [*_model_names(session), *(name for _, name in references.choices())]
    one = _one_of("model", lambda _: known)
    return [one(session, each) for each in text.split(",")]


def _run(session: Session, text: str) -> str:
    if not re.fullmatch(r"[0-9TZ]{8,40}-[0-9a-f]{8}", text):
        raise InputError("the link asks for a run by a name that no run can have; open it from the Runs tab")
    return text


def _offset(session: Session, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise InputError("the link's offset is no whole number; open it without `at`, `start` and `end`")
    return int(text)


def _first_base(session: Session, text: str) -> int:
    """An offset, as the DNA tab calls the base there: links count from 0, the tab from 1."""
    return _offset(session, text) + 1


def _region(session: Session, text: str) -> list[int]:
    """[start, end): two numbers."""
    found = re.fullmatch(r"([0-9]{1,12})-([0-9]{1,12})", text)
    if not found or int(found[1]) >= int(found[2]):
        raise InputError(
            "the link's region is not two rising offsets such as 120-180; open it without `region`"
        )
    return [int(found[1]), int(found[2])]


def _number(name: str, low: float, high: float, whole: bool = False) -> Callable[[Session, str], float]:
    def reader(session: Session, text: str) -> float:
        try:
            value = int(text) if whole else float(text[:30])
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InputError(
                f"the link's {name} is no {'whole ' if whole else ''}number from {low:g} to {high:,}; "
                f"open it without `{name}`"
            )
        return value

    return reader


def _thresholds(session: Session, text: str) -> list[float | None]:
    """One a stage; None is the trained rule."""
    values: list[float | None] = []
    for each in text[:100].split(","):
        try:
            value = float(each) if each else None
        except ValueError:
            value = math.nan
        if value is not None and not 0 < value < 1:
            raise InputError("the link's threshold is no number between 0 and 1; open it without `threshold`")
        values.append(value)
    return values


_READERS: dict[str, Callable[[Session, str], Any]] = {
    "tab": _one_of("tab", lambda _: list(TABS)),
    "model": _one_of("model", _model_names),
    "models": _models,
    "sample": _one_of("sample", lambda session: [each.name for each in session.samples()]),
    "record": lambda _, text: text[:200],
    "run": _run,
    "with": _run,
    "at": _offset,
    "start": _first_base,
    "end": _offset,
    "region": _region,
    "threshold": _thresholds,
    "stage": lambda session, text: int(_one_of("stage", lambda _: ["0", "-1"])(session, text)),
    "measure": _one_of("measure", lambda _: list(MEASURES)),
    "by": _one_of("grouping", lambda _: list(GROUPS)),
    "length": _number("length", 1, MAX_BYTES, whole=True),
    "seed": _number("seed", 0, MAX_SEED, whole=True),
    "temperature": _number("temperature", 0, 2),
    "top_p": _number("top_p", 0.05, 1),
    "example": _one_of("prompt", lambda _: ["1"]),
}


@told
def on_link(
    session: Session,
    tab: str,
    names: tuple[str, ...],
    check: Callable[[Mapping[str, Any]], None] | None,
    query: Mapping[str, str],
) -> tuple[Any, ...]:
    """The page was opened: values of the tab's fields, and everything for the browser; only the tab asked for answers.

    names  of the link's parts that the fields take, in order
    check  raises InputError for what is not there any more
    """
    given = query.get("tab", "explore")
    if (given if given in TABS else "explore") != tab:
        return *[gr.skip()] * len(names), {}
    asked = read(session, query)
    if check:
        check(asked)
    values = [gr.update(value=asked[name]) if name in asked else gr.skip() for name in names]
    return *values, {**asked, "starts": any(name in asked for name in _WHOLE)} if asked else {}


def connect(
    session: Session,
    tab: str,
    fields: Mapping[str, gr.components.Component] | None = None,
    check: Callable[[Mapping[str, Any]], None] | None = None,
    event: Callable | None = None,
) -> None:
    """An address of this tab fills its fields, opens it, and starts the work where the link has an input.

    fields  part of the link -> the component that takes it
    event   after which it happens; None: when the page is opened
    """
    fields, asked = fields or {}, gr.JSON(visible=False)

    def open_link(request: gr.Request):  # Gradio finds the request by this annotation, not inside a partial
        found = on_link(session, tab, tuple(fields), check, dict(request.query_params) if request else {})
        return found if fields else found[0]  # of one output Gradio wants the value

    load = event or gr.context.Context.root_block.load
    opened = load(open_link, None, [*fields.values(), asked], **QUIET)
    opened.success(None, asked, None, js=goto(), **QUIET)
