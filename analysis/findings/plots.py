"""Plots of the findings as SVG: the same numbers give the same bytes."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#333333", "#999999")
"""Eight that colour-blind readers tell apart (Okabe and Ito), less its yellow."""
_MARKS = "os^DvPX*"
_STYLE = {
    # Text stays text: small files, and searchable. The salt and the missing date make them reproducible.
    "svg.fonttype": "none",
    "svg.hashsalt": "findings",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a94a3",
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def strips(
    rows: Mapping[str, Mapping[str, Sequence[float]]],
    x: str,
    level: float | None = None,
    ticks: Sequence[str] = (),
) -> bytes:
    """row -> series -> its values, a mark each; the series of a row lie below each other.

    level  a dashed line: where chance is   ticks  series that are drawn as a stroke: references of the whole row
    """

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        series = list(dict.fromkeys(name for each in rows.values() for name in each))
        dots = [name for name in series if name not in ticks]
        for name in series:
            at, values = _places(rows, name, dots)
            i = series.index(name)
            style = {"marker": "|", "ms": 15, "mew": 1.6} if name in ticks else {"ms": 4.5, "alpha": 0.75}
            mark = {} if name in ticks else {"marker": _MARKS[i % len(_MARKS)]}
            axes.plot(values, at, ls="", color=HUES[i % len(HUES)], label=name, **style, **mark)
        if level is not None:
            axes.axvline(level, color="black", lw=0.8, ls="--", label="chance")
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="x", color="#e4e7eb", lw=0.6)
        for i in range(len(rows) - 1):
            axes.axhline(i + 0.5, color="#e4e7eb", lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(x)
        columns = max(1, min(3, len(series) + 1))
        figure.legend(loc="outside lower center", ncols=columns)

    return _svg(draw, (7.2, 1.5 + 0.36 * len(rows)))


def _places(
    rows: Mapping[str, Mapping[str, Sequence[float]]], name: str, dots: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Height and value of every mark of a series."""
    shift = (dots.index(name) - (len(dots) - 1) / 2) * 0.7 / max(len(dots), 1) if name in dots else 0.0
    pairs = [(i + shift, value) for i, each in enumerate(rows.values()) for value in each.get(name, ())]
    known = [(at, round(float(value), 4)) for at, value in pairs if np.isfinite(value)]
    return [at for at, _ in known], [value for _, value in known]


def _svg(draw: Callable[["Figure"], None], size: tuple[float, float]) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    # Trailing blanks are matplotlib's; a repository wants none.
    return b"\n".join(line.rstrip() for line in out.getvalue().splitlines()) + b"\n"
