"""The segment viewer: bytes and stages in as one JSON value, drawn by app/static (no markup is ever made from them)."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

STATIC = Path(__file__).resolve().parents[1] / "static"
_SCRIPTS = (
    "segments.js",
    "paint.js",
    "facts.js",
    "inspector.js",
    "minimap.js",
    "search.js",
    "unsure.js",
    "whatif.js",
    "keys.js",
    "rows.js",
    "linked.js",
    "sight.js",
    "address.js",
    "save.js",
    "picture.js",
    "viewer.js",
)
_ON_LOAD = """
const id = element.closest("[id$='-viewer']").id;
const viewer = (window.hnet.viewers[id] = new window.hnet.Viewer(element, id));
viewer.load(props.value);
watch('value', () => viewer.load(props.value));
"""


@dataclass(frozen=True)
class Track:
    """One stage of one model over the bytes shown, [origin, origin + n) of its sequence.

    prob         (K,) float  p of each position the stage sees inside the region
    is_boundary  (K,) bool   whether it starts a chunk
    lead_start, lead_prob, lead_index   first byte, p and number of the chunk that covers the first byte shown
    tail_end     one past the last byte of the chunk that covers the last byte shown
    """

    prob: np.ndarray
    is_boundary: np.ndarray
    lead_start: int
    lead_prob: float
    lead_index: int
    tail_end: int


@dataclass(frozen=True)
class Group:
    """One model's tracks, outermost stage first; `label` is the letter beside its ribbons."""

    label: str
    name: str
    tracks: tuple[Track, ...]


def encoded(array: np.ndarray) -> str:
    """An array's bytes as base64."""
    return base64.b64encode(array.tobytes()).decode("ascii")


def _track_json(track: Track) -> dict[str, Any]:
    prob = np.clip(np.rint(np.asarray(track.prob, np.float64) * 65535), 0, 65535).astype("<u2")
    return {
        "prob": encoded(prob),
        "bits": encoded(np.packbits(np.asarray(track.is_boundary, bool))),
        "lead": {"start": track.lead_start, "prob": track.lead_prob, "index": track.lead_index},
        "tail": track.tail_end,
    }


def viewer_value(data: bytes, groups: list[Group], **options: Any) -> dict[str, Any]:
    """The viewer's JSON: bytes as base64, p as 16 bits, boundaries as one bit a position.

    Stage s + 1 sees exactly the chunk starts of stage s, so no offsets travel.
    options: origin (offset of data[0]), bases {"perRow", "group"}, features [{start, end, strand, name}] relative
    to `data`, compared (stage of A, stage of B), facts [(name, text)], notes [sentence],
    alerts [sentence to be seen], key (what this is), link
    {name: text} of the address that leads here, about (provenance, for figures), syntax (a class a byte, base64),
    moved [{added, removed}] a stage
    """
    stages = [
        {"label": g.label, "name": g.name, "stages": [_track_json(track) for track in g.tracks]}
        for g in groups
    ]
    return {"bytes": base64.b64encode(data).decode("ascii"), "groups": stages, **options}


def viewer_scripts() -> tuple[str, ...]:
    """The files of app/static that make up the viewer, in order."""
    return _SCRIPTS


def follow(name: str) -> str:
    """JavaScript of an event whose one input is where to go: {start, end} in the sequence, or {hex} to look for."""
    return f"at => window.hnet.follow({name!r}, at)"


def attach(name: str) -> str:
    """JavaScript of an event whose one input is {key, bits}: surprisal for the viewer's inspector."""
    return f"found => window.hnet.attach({name!r}, found)"


def arrived(viewer: str) -> str:
    """JavaScript of an event after which tables and plots are of the same run as the picture."""
    return f"() => window.hnet.arrived({viewer.removesuffix('-viewer')!r})"


def goto() -> str:
    """JavaScript of an event whose one input is what a link asks for (app.links.on_link)."""
    return "asked => window.hnet.goto(asked)"


def also(viewer: str, name: str) -> str:
    """JavaScript of an event whose one input is a control's value that links from `viewer` carry under `name`."""
    return f"value => window.hnet.also({viewer!r}, {name!r}, value)"


class SegmentViewer(gr.HTML):
    """gr.HTML with a constant, empty template: the value never meets a template engine."""

    def __init__(self, value: dict[str, Any] | None = None, **kwargs: Any) -> None:
        kwargs.update(html_template="<div></div>", css_template="", apply_default_css=False)
        super().__init__(value, js_on_load=_ON_LOAD, head=script_tag(_SCRIPTS), **kwargs)

    def preprocess(self, payload: Any) -> None:
        """The page never sends the viewer's value back."""
        return None


def script_tag(names: tuple[str, ...]) -> str:
    """The named files of app/static as one inline script; Gradio adds equal scripts once."""
    source = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)
    return f"<script>{source}</script>"


class ModelCards(gr.HTML):
    """The cards of the Models tab, from {"cards": [{title, note, early, facts, goal, curves}]}.

    Texts are set, never interpolated.
    """

    def __init__(self, value: dict[str, Any], **kwargs: Any) -> None:
        show = "window.hnet.showCards(element, props.value);"
        script = f"{show} watch('value', () => {{ {show} }});"
        kwargs.update(html_template="<div></div>", css_template="", apply_default_css=False)
        super().__init__(value, js_on_load=script, head=script_tag(("cards.js",)), **kwargs)
