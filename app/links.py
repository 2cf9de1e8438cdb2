"""Links: what an address may ask of the page, checked; and how a tab takes it over when the page is opened."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from app.picture.viewer import goto
from app.server import references
from app.server.session import Session
from app.work.quiet import QUIET
from app.work.told import told
from hnet_core.errors import InputError

TABS = ("explore", "compare", "dna", "generate", "runs", "models")
_WHOLE = ("sample", "run", "example")
"""A link with one of these has an input, so the work begins by itself."""


Reader = Callable[[Session, str], Any]
"""The text of one part of a link -> its value; InputError for what the page itself would not write."""


def read(
    session: Session, query: Mapping[str, str], own: Mapping[str, Reader] | None = None
) -> dict[str, Any]:
    """What a link asks for, checked; unknown names are left alone.

    own  readers of parts that only one tab knows

    Raises InputError for whatever is not one of the values that the page itself would write.
    """
    readers = {**_READERS, **(own or {})}
    asked = {name: reader(session, query[name]) for name, reader in readers.items() if name in query}
    return {"tab": "explore", **asked} if asked else {}


def one_of(what: str, known: Callable[[Session], Sequence[str]]) -> Reader:
    """One of the names that are known."""

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
    one = one_of("model", lambda _: known)
    return [one(session, each) for each in text.split(",")]


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


def number(name: str, low: float, high: float, whole: bool = False) -> Reader:
    """A number from `low` to `high`."""

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


_READERS: dict[str, Reader] = {
    "tab": one_of("tab", lambda _: list(TABS)),
    "model": one_of("model", _model_names),
    "models": _models,
    "sample": one_of("sample", lambda session: [each.name for each in session.samples()]),
    "record": lambda _, text: text[:200],
    "at": _offset,
    "start": _first_base,
    "end": _offset,
    "region": _region,
    "threshold": _thresholds,
    "stage": lambda session, text: int(one_of("stage", lambda _: ["0", "-1"])(session, text)),
}


@told
def on_link(
    session: Session,
    tab: str,
    names: tuple[str, ...],
    check: Callable[[Mapping[str, Any]], None] | None,
    query: Mapping[str, str],
    own: Mapping[str, Reader] | None = None,
) -> tuple[Any, ...]:
    """The page was opened: values of the tab's fields, and everything for the browser; only the tab asked for answers.

    names  of the link's parts that the fields take, in order
    check  raises InputError for what is not there any more
    own    readers of parts that only this tab knows
    """
    given = query.get("tab", "explore")
    if (given if given in TABS else "explore") != tab:
        return *[gr.skip()] * len(names), {}
    asked = read(session, query, own)
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
    own: Mapping[str, Reader] | None = None,
) -> None:
    """An address of this tab fills its fields, opens it, and starts the work where the link has an input.

    fields  part of the link -> the component that takes it
    event   after which it happens; None: when the page is opened
    own     readers of parts that only this tab knows
    """
    fields, asked = fields or {}, gr.JSON(visible=False)

    def open_link(request: gr.Request):  # Gradio finds the request by this annotation, not inside a partial
        found = on_link(
            session, tab, tuple(fields), check, dict(request.query_params) if request else {}, own
        )
        return found if fields else found[0]  # of one output Gradio wants the value

    load = event or gr.context.Context.root_block.load
    opened = load(open_link, None, [*fields.values(), asked], **QUIET)
    opened.success(None, asked, None, js=goto(), **QUIET)
