"""Models: what each bundled model was trained on and how far it has come."""

import gradio as gr

from app import handlers
from app.session import Session
from app.viewer import ModelCards


def build(session: Session) -> None:
    """The tab's one component; the cards are read again whenever the page opens."""
    cards = ModelCards(handlers.model_cards(session), elem_id="models-cards")
    gr.context.Context.root_block.load(
        lambda: handlers.model_cards(session), None, cards, show_progress="hidden", api_visibility="private"
    )
