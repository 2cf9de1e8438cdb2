"""The genome view: igv.js over the tracks of app/dna/tracks.py, as one component of the page."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr

from app.picture.viewer import script_tag

_ON_LOAD = """
const view = new window.hnet.GenomeView(element, (start, end) => trigger('locus', { start, end }));
window.hnet.genomes[element.closest("[id$='-genome']").id] = view;
view.load(props.value);
watch('value', () => view.load(props.value));
"""


def igv_script() -> Path:
    """igv.js as igv-notebook carries it; found without importing that package, which would import IPython."""
    return Path(find_spec("igv_notebook").submodule_search_locations[0]) / "js" / "igv.min.js"


def go_to(name: str) -> str:
    """JavaScript of an event whose inputs are the first and last base, from 1: show these, and say nothing of it."""
    return f"(first, last) => {{ window.hnet.genomes[{name!r}].goTo(first - 1, last); }}"


class GenomeView(gr.HTML):
    """gr.HTML with a constant, empty template. Its `locus` event brings start and end of the bases on screen.

    value: what app.dna.tracks.write_tracks returns with `start` and `end` of the first view and `about` (what made the
    tracks, for the file that is saved), or {"hint": what to do}
    """

    def __init__(self, value: dict[str, Any], **kwargs: Any) -> None:
        gr.set_static_paths(str(igv_script()))
        kwargs.update(html_template="<div></div>", css_template="", apply_default_css=False)
        scripts = script_tag(("tracks.js", "genome.js"))
        super().__init__({**value, "script": str(igv_script())}, js_on_load=_ON_LOAD, head=scripts, **kwargs)

    def preprocess(self, payload: Any) -> None:
        """The page never sends the value back."""
        return None
