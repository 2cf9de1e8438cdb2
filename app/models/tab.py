"""Models: what each bundled model was trained on and how far it has come."""

import gradio as gr

from app import links
from app.models.cards import model_cards
from app.picture.viewer import ModelCards
from app.server.session import Session

HELP = (
    "Bits per byte: how well a model predicts text that it never saw; 8 is knowing nothing, lower is better. Bytes per "
    "chunk: the mean length of its chunks, a figure a stage; target: what the training aimed at. Share of places where "
    "it cuts: of the spaces before words, say, to be read beside `all`, its rate over all bytes. Early: it has not "
    "learned its goal well yet. The curves run over the bytes seen in training."
)


def build(session: Session) -> None:
    """The tab's one component; the cards are read again whenever the page opens."""
    gr.Markdown(HELP, elem_classes="help")
    cards = ModelCards(model_cards(session), elem_id="models-cards")
    gr.context.Context.root_block.load(
        lambda: model_cards(session), None, cards, show_progress="hidden", api_visibility="private"
    )
    links.connect(session, "models")
