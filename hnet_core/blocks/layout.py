"""Layouts: 'T1m4' is one T block and then four m blocks."""

import re

from hnet_core.blocks import KINDS
from hnet_core.errors import ConfigError

MAX_BLOCKS = 512
_RUN = re.compile(r"([A-Za-z])([0-9]{1,1000})")


def parse_layout(text: str) -> tuple[tuple[str, int], ...]:
    """'T1m4' -> (('T', 1), ('m', 4)): block kinds and how many of each, in order."""
    runs = tuple((kind, int(n)) for kind, n in _RUN.findall(text)) if isinstance(text, str) else ()
    letters = [letter for kind in KINDS for letter in (kind, kind.upper())]
    wrong = not runs or "".join(f"{k}{n}" for k, n in runs) != text or any(n < 1 for _, n in runs)
    if wrong or any(kind not in letters for kind, _ in runs):
        raise ConfigError(
            f"layout {text!r} must be runs such as 'm4' or 'T1m4' of the block kinds {', '.join(letters)}"
        )
    if sum(n for _, n in runs) > MAX_BLOCKS:
        raise ConfigError(f"layout {text!r} asks for more than {MAX_BLOCKS} blocks in one network")
    return runs
