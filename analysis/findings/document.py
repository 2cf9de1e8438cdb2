"""A question of the findings with its answer, and how numbers and small tables are written on the page."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.boundaries.segmentations import Segmentation
from analysis.chance.p_values import shown

LEVEL = 0.05
"""A p- or q-value below this is called beyond chance."""

Format = Callable[[object], str]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Answer:
    """One question of the page.

    said     the answer in sentences that follow from the numbers, the null result first
    more     what else the tables say
    number   a small Markdown table: the number, beside what chance makes
    plot     file name, caption and SVG
    doubt    what would change the answer
    tables   names of the tables that it rests on
    """

    question: str
    said: Sequence[str]
    more: Sequence[str]
    number: str
    plot: tuple[str, str, bytes]
    doubt: str
    tables: Sequence[str]


def table(rows: pd.DataFrame, columns: dict[str, tuple[str, Format]]) -> str:
    """A Markdown table. columns: column -> its heading and how a cell is written; numbers are set right."""
    heads = [head for head, _ in columns.values()]
    rules = ["---" if pd.api.types.is_string_dtype(rows[name]) else "---:" for name in columns]
    lines = [_line(heads), _line(rules)]
    cells = [[write(value) for value in rows[name]] for name, (_, write) in columns.items()]
    lines += [_line(row) for row in zip(*cells, strict=True)]
    return "\n".join(lines)


def name_of(stage: Segmentation) -> str:
    """Model and stage, as tables and plots call them."""
    return f"{stage.name} / {stage.stage}"


def text(value: object) -> str:
    """A cell of words; bars would end it."""
    return str(value).replace("|", "\\|")


def decimal(digits: int) -> Format:
    """Numbers with so many digits behind the point; a dash where there is none."""

    def write(value: object) -> str:
        if _missing(value):
            return "-"
        shown = f"{value:.{digits}f}"
        return shown.replace("-", "−") if float(shown) else shown.removeprefix("-")

    return write


def percent(value: object) -> str:
    """12.3 %"""
    return "-" if _missing(value) else f"{100 * value:.1f} %"


def probability(value: object) -> str:
    """A p- or q-value."""
    return "-" if _missing(value) else shown(value)


def beyond(q_values: Iterable[float]) -> tuple[int, int]:
    """How many of the tests that were made are beyond chance, and how many were made."""
    made = [q for q in q_values if not _missing(q)]
    return sum(q < LEVEL for q in made), len(made)


def of(found: int, made: int, what: str) -> str:
    """'none of 8 stages', '3 of 8 stages', 'all 8 stages'."""
    if not found:
        return f"none of {made:,} {what}"
    return f"all {made:,} {what}" if found == made > 1 else f"{found:,} of {made:,} {what}"


def span(values: Iterable[float], digits: int = 2) -> str:
    """'0.12', or '0.12 to 0.34' from the lowest to the highest."""
    known = [v for v in values if not _missing(v)]
    if not known:
        return "-"
    low, high = decimal(digits)(min(known)), decimal(digits)(max(known))
    return low if low == high else f"{low} to {high}"


def listed(names: Iterable[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
