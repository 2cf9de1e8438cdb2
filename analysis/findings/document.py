"""Sections of the findings as Markdown: tables, numbers, and sentences that follow from q-values."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from analysis.boundaries.segmentations import Segmentation
from analysis.chance.p_values import shown

LEVEL = 0.05
"""A q-value below this is called beyond chance."""

Format = Callable[[object], str]


@dataclass
class Section:
    """One finding.

    blocks  paragraphs and tables, in order   shorts  sentences for the summary on top
    plots   file name -> SVG
    """

    title: str
    blocks: list[str] = field(default_factory=list)
    shorts: list[str] = field(default_factory=list)
    plots: dict[str, bytes] = field(default_factory=dict)

    def add(self, *blocks: str) -> None:
        """Put paragraphs or tables at the end."""
        self.blocks += blocks

    def short(self, sentence: str) -> None:
        """A sentence here and in the summary."""
        self.blocks.append(sentence)
        self.shorts.append(sentence)

    def plot(self, name: str, svg: bytes, caption: str) -> None:
        """A picture beside the document, with what it shows."""
        self.plots[name] = svg
        self.blocks.append(f"![{caption}](findings/{name})")

    def markdown(self, number: int) -> str:
        """The section under its heading."""
        return "\n\n".join([f"## {number}. {self.title}", *self.blocks]) + "\n"


def table(rows: pd.DataFrame, columns: dict[str, tuple[str, Format]]) -> str:
    """A Markdown table. columns: column -> its heading and how a cell is written; numbers are set right."""
    heads = [head for head, _ in columns.values()]
    rules = ["---" if pd.api.types.is_string_dtype(rows[name]) else "---:" for name in columns]
    lines = [_line(heads), _line(rules)]
    cells = [[write(value) for value in rows[name]] for name, (_, write) in columns.items()]
    lines += [_line(row) for row in zip(*cells, strict=True)]
    return "\n".join(lines)


def folded(summary: str, body: str) -> str:
    """A long table that is shown on demand."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def name_of(stage: Segmentation) -> str:
    """Model and stage, as tables and plots call them."""
    return f"{stage.name} / {stage.stage}"


def text(value: object) -> str:
    """A cell of words; bars would end it."""
    return str(value).replace("|", "\\|")


def code(value: object) -> str:
    """A cell of content, as it is."""
    shown = str(value).replace("|", "\\|")
    return f"`` {shown} ``" if shown else ""


def decimal(digits: int) -> Format:
    """Numbers with so many digits behind the point; a dash where there is none."""

    def write(value: object) -> str:
        if _missing(value):
            return "-"
        shown = f"{value:.{digits}f}"
        return shown.replace("-", "−") if float(shown) else shown.removeprefix("-")

    return write


def whole(value: object) -> str:
    """1,234"""
    return "-" if _missing(value) else f"{int(value):,}"


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


def span(values: Sequence[float], digits: int = 2) -> str:
    """'0.12', or '0.12 to 0.34' from the lowest to the highest."""
    known = [v for v in values if not _missing(v)]
    if not known:
        return "-"
    low, high = decimal(digits)(min(known)), decimal(digits)(max(known))
    return low if low == high else f"{low} to {high}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
