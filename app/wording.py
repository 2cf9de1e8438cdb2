"""How the page writes counts, p-values, what somebody gave, and text inside a sentence."""

import json
import math
import unicodedata
from typing import Any

P_SHOWN = 0.0001
"""A p-value below is shown as less than this; files have all digits."""
_LONGEST = 60
"""Characters of what somebody gave that a message repeats."""


def counted(n: int, noun: str) -> str:
    """1 chunk, 1,278 chunks."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def p_value(p: float, least: float = 0.0) -> str:
    """Three significant digits, "< 0.0001" below that, "–" for none.

    least: the smallest p that the draws can give; at it the p-value is only known to be as small, which "≤" says
    """
    if p is None or math.isnan(p):
        return "–"
    if p < P_SHOWN:
        return f"< {P_SHOWN:.4f}"
    at_most = "≤ " if p <= least * (1 + 1e-9) else ""
    return f"{at_most}{p:#.3g}"


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
