"""Generate: a model with whole weights continues a prompt; its chunks appear as they form."""

from functools import partial

import gradio as gr

from app import links
from app.evidence import layout as evidence
from app.generate import handlers as generate
from app.picture.viewer import SegmentViewer
from app.server import kept, offered
from app.server.session import Session
from app.source.run import connect_run, run_buttons

LINK = {
    "length": links.number("length", 1, generate.MAX_BYTES, whole=True),
    "seed": links.number("seed", 0, generate.MAX_SEED, whole=True),
    "temperature": links.number("temperature", 0, 2),
    "top_p": links.number("top_p", 0.05, 1),
    "example": links.one_of("prompt", lambda _: ["1"]),
}
"""What links of this tab say besides what all do -> how it is read."""
HINT = (
    "Type the beginning of a text, pick a model and press Generate: it writes on byte by byte, "
    "and its chunks appear here as they form. The line above the text marks what the model wrote."
)
HELP = (
    "Temperature 0 always takes the likeliest byte; top-p keeps only the likeliest bytes that together have this "
    "probability; the same seed writes the same text. Steps a byte inside a stage: how often the network inside it "
    "ran, which is what chunking saves."
)


def _models(session: Session) -> gr.Dropdown:
    """Those that can write; English where one of them can."""
    models = offered.models(session, whole=True)
    names = [name for _, name in models]
    fitting = session.model_for("english") if names else None
    first = fitting if fitting in names else next(iter(names), None)
    return gr.Dropdown(models, value=first, label="Model (whole weights)", elem_id="generate-model")


def build(session: Session) -> None:
    """The tab's components and events."""
    done = kept.state("Generate")
    with gr.Row(elem_classes="sheet"):
        with gr.Column(scale=1, min_width=300, elem_classes="controls"):
            prompt = gr.Textbox(
                generate.EXAMPLE,
                label="Prompt",
                lines=4,
                max_lines=10,
                max_length=generate.MAX_PROMPT,
                elem_id="generate-prompt",
                elem_classes="mono",
            )
            model = _models(session)
            with gr.Row(elem_classes="bar"):
                length = gr.Number(300, label="Length in bytes", elem_id="generate-length", min_width=110)
                seed = gr.Number(0, label="Seed", elem_id="generate-seed", min_width=110)
            temperature = gr.Slider(0, 2, 0.8, step=0.05, label="Temperature", elem_id="generate-temperature")
            top_p = gr.Slider(0.05, 1, 0.95, step=0.05, label="Top-p", elem_id="generate-top-p")
            for slider in (temperature, top_p):  # the handler says what is wrong, beside the button
                slider.preprocess = lambda value: value
            run = run_buttons("Generate", "generate")
            gr.Markdown(HELP, elem_classes="help")
        with gr.Column(scale=4, min_width=300, elem_classes="picture"):
            viewer = SegmentViewer({"hint": HINT}, elem_id="generate-viewer")
            with gr.Column(elem_classes="evidence"):
                below = evidence.build("generate")
    ran = connect_run(
        run,
        fn=partial(generate.on_generate, session),
        inputs=[model, prompt, length, temperature, top_p, seed],
        outputs=[done, viewer, below.stage, below.page],
        show_progress="hidden",
    )
    evidence.connect(session, below, done, "generate-viewer")
    evidence.after(session, below, done, ran)
    fields = {"model": model, "length": length, "temperature": temperature, "top_p": top_p, "seed": seed}
    links.connect(session, "generate", fields, own=LINK)
