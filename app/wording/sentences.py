"""How the page writes counts, numbers, what somebody gave, and text inside a sentence."""

import json
import math
import unicodedata
from typing import Any

_LONGEST = 60
"""Characters of what somebody gave that a message repeats."""


def counted(n: int, noun: str) -> str:
    """1 chunk, 1,278 chunks."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def number(value: float | None) -> str:
    """A number that somebody typed, as people write it: 99,999,999 and 1.5; "nothing" for an empty field."""
    if value is None:
        return "nothing"
    if not math.isfinite(value):
        return str(value)
    return f"{int(value):,}" if value == int(value) else f"{value:,.10g}"


def given(value: Any) -> str:
    """What a program gave, as JSON on one line, cut where it is long. Always valid Unicode."""
    try:
        words = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        words = f"a {type(value).__name__}"
    words = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def isolated(text: str) -> str:
    """Text that may run from right to left, so that it moves nothing beside it; other text as it is."""
    runs_left = any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text)
    return f"\u2068{text}\u2069" if runs_left else text


def run_title(row: Any) -> str:
    """A saved run (a row of saved.store.listed) in a list as narrow as a field: what tells it from others comes first.

    The time of day and the end of its name, then model and input.
    """
    return f"{row.date[5:]} {row.run[-4:]}  {row.model}  {isolated(row.input)}"
