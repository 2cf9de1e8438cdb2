"""Three ways into the page: a text, source code, DNA, each one click away from its chunks."""

import gradio as gr

from app.source.panel import SourcePanel
from app.source.reading import AUTO
from app.work.quiet import QUIET

_SAMPLES = {
    "text": ("An English novel", "english"),
    "code": ("A Python module", "python"),
}
"""Id -> what the button says, and its sample."""
_DNA = "The genes of a phage"


def build() -> dict[str, gr.Button]:
    """The three buttons by id."""
    names = {**{name: words for name, (words, _) in _SAMPLES.items()}, "dna": _DNA}
    with gr.Row(elem_classes="entrances"):
        gr.HTML("<p>See the chunks of</p>", padding=False)
        return {
            name: gr.Button(words, size="sm", elem_id=f"enter-{name}", min_width=80, scale=0)
            for name, words in names.items()
        }


def connect(
    buttons: dict[str, gr.Button], panel: SourcePanel, domain: gr.Dropdown, model: gr.Dropdown
) -> None:
    """A sample is picked and its analysis started, as if by hand; DNA has a tab of its own."""
    fields = [panel.source, panel.sample, domain, model]
    for name, (_, sample) in _SAMPLES.items():
        picked = buttons[name].click(
            None, None, fields, js=f"() => ['sample', {sample!r}, 'guess', {AUTO!r}]", **QUIET
        )
        picked.success(None, None, None, js="() => hnet.goto({ tab: 'explore', starts: true })", **QUIET)
    buttons["dna"].click(None, None, None, js="() => hnet.goto({ tab: 'dna', starts: true })", **QUIET)
