"""What Explore, Compare and DNA share: the input panel (paste, upload, or pick a sample) and the Stop beside a run."""

from dataclasses import dataclass

import gradio as gr

from app.server.session import Session


@dataclass(frozen=True)
class SourcePanel:
    """Components whose values handlers.read_source takes, in this order."""

    source: gr.Radio
    text: gr.Textbox
    upload: gr.File
    sample: gr.Dropdown

    @property
    def values(self) -> list[gr.components.Component]:
        return [self.source, self.text, self.upload, self.sample]


def build(session: Session, name: str, sample: str, hint: str, dna: bool | None = None) -> SourcePanel:
    """name: prefix of the element ids; sample: picked at the start; dna: offer only DNA samples (or only others)."""
    offered = [(s.title, s.name) for s in session.samples() if dna is None or (s.domain == "dna") is dna]
    source = gr.Radio(
        [("Sample", "sample"), ("Paste", "paste"), ("Upload", "upload")],
        value="sample",
        label="Input",
        elem_id=f"{name}-source",
    )
    picked = gr.Dropdown(offered, value=sample, label="Sample", elem_id=f"{name}-sample")
    text = gr.Textbox(
        label="Text",
        placeholder=hint,
        lines=8,
        max_lines=14,
        visible=False,
        elem_id=f"{name}-text",
        elem_classes="mono",
    )
    upload = gr.File(
        label="File",
        type="filepath",
        visible=False,
        height=130,
        elem_classes="file",
        elem_id=f"{name}-upload",
    )

    def show(chosen: str):
        return [gr.update(visible=chosen == each) for each in ("sample", "paste", "upload")]

    source.change(
        show, source, [picked, text, upload], show_progress="hidden", queue=False, api_visibility="private"
    )
    return SourcePanel(source, text, upload, picked)
