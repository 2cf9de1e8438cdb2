"""What the page's lists offer: models, domain by domain, and kinds of input."""

import math
from typing import Any

from app.kinds.domain import DOMAINS
from app.server.session import Session


def models(session: Session, dna: bool | None = None, whole: bool = False) -> list[tuple[str, str]]:
    """(words, name) of Session.choices, domain by domain, the fewest bits a byte first; the words give that figure."""
    cards = {card["name"]: card for card in session.cards()}
    listed = sorted(session.choices(dna, whole), key=lambda each: _place(cards[each[1]]))
    return [(_words(title, cards[name].get("bits_per_byte")), name) for title, name in listed]


def _place(card: dict[str, Any]) -> tuple[int, float]:
    """Domains as the page names them, unknown ones last; models without a figure after those with one."""
    order = list(DOMAINS)
    domain = card.get("domain")
    return order.index(domain) if domain in order else len(order), card.get("bits_per_byte") or math.inf


def _words(title: str, bits: float | None) -> str:
    return f"{title} · {bits:.2f} bits/byte" if bits else title


def domains() -> list[tuple[str, str]]:
    """The kinds that an input may be said to be."""
    return [("guess from the input", "guess"), *((label, name) for name, label in DOMAINS.items())]
