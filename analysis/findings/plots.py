"""Plots of the findings as SVG: the same numbers give the same bytes."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HUES = ("#3f7fc4", "#d98e3f", "#4e9a6d", "#a35fa8", "#8a94a3", "#c2504f", "#1d3f66", "#9aa832")
HUES += ("#57b8c9", "#7a5230", "#e29bb5", "#5b6470")
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
    "axes.titlesize": 9,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def matrix(names: Sequence[str], values: np.ndarray, title: str) -> bytes:
    """Values (n, n) from -1 to 1 between named things, 0 white; NaN is left blank."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        shown = axes.imshow(values, cmap="RdBu", vmin=-1, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                color = "white" if abs(value) > 0.6 else "black"
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
        axes.set_title(title, loc="left")
        figure.colorbar(shown, ax=axes, shrink=0.6).outline.set_visible(False)

    side = 2.6 + 0.42 * len(names)
    return _svg(draw, (side + 0.8, side))


def grouped_bars(panels: Mapping[str, Mapping[str, Sequence[float]]], ticks: Sequence[str], y: str) -> bytes:
    """panel -> series -> a bar at every tick; all panels on one scale."""

    def draw(figure: "Figure") -> None:
        grid = _grid(figure, len(panels), sharey=True)
        series = list(dict.fromkeys(name for each in panels.values() for name in each))
        width = 0.8 / max(len(series), 1)
        for axes, (title, bars) in zip(grid, panels.items(), strict=False):
            for name, heights in bars.items():
                i = series.index(name)
                at = np.arange(len(ticks)) + (i - (len(series) - 1) / 2) * width
                axes.bar(at, heights, width * 0.92, color=HUES[i % len(HUES)], label=name)
            axes.set_xticks(range(len(ticks)), ticks)
            axes.set_title(title, loc="left")
            axes.set_ylabel(y)
        _legend(figure, grid)

    return _svg(draw, _size(len(panels)))


def lines(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    x: str,
    y: str,
    *,
    level: float | None = None,
    zero: bool = False,
    logarithmic: bool = False,
) -> bytes:
    """panel -> series -> (x, y); level: a dashed line across (chance); zero: a dotted line at x = 0."""

    def draw(figure: "Figure") -> None:
        grid = _grid(figure, len(panels))
        series = list(dict.fromkeys(name for each in panels.values() for name in each))
        for axes, (title, curves) in zip(grid, panels.items(), strict=False):
            for name, (at, values) in curves.items():
                mark = "o" if len(at) < 12 else None
                hue = HUES[series.index(name) % len(HUES)]
                axes.plot(at, np.round(values, 4), color=hue, lw=1.2, marker=mark, ms=3, label=name)
            if level is not None:
                axes.axhline(level, color="black", lw=0.8, ls="--", label="chance")
            if zero:
                axes.axvline(0, color="#8a94a3", lw=0.8, ls=":")
            if logarithmic:
                axes.set_xscale("log")
                axes.set_yscale("log")
            axes.set_title(title, loc="left")
            axes.set_xlabel(x)
            axes.set_ylabel(y)
        _legend(figure, grid)

    return _svg(draw, _size(len(panels)))


def dots(
    rows: Sequence[str], series: Mapping[str, Sequence[float]], x: str, marks: Mapping[str, Sequence[float]]
) -> bytes:
    """A line a row, on it a dot for every series and a tick for every mark (references)."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        at = np.arange(len(rows))
        for i, (name, values) in enumerate(marks.items()):
            axes.plot(values, at, "|", ms=13, mew=1.6, color=("#222222", "#9aa3ae")[i % 2], label=name)
        for i, (name, values) in enumerate(series.items()):
            axes.plot(values, at, "o", ms=5, alpha=0.85, color=HUES[i % len(HUES)], label=name)
        axes.set_yticks(at, rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(axis="y", color="#e4e7eb", lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(x)
        _legend(figure, [axes])

    return _svg(draw, (7.2, 1.6 + 0.28 * len(rows)))


def _columns(n: int) -> int:
    """Panels beside each other, so that few places stay empty."""
    return n if n <= 3 else 2 if n == 4 else 4 if n % 4 == 0 else 3


def _grid(figure: "Figure", n: int, sharey: bool = False) -> list["Axes"]:
    """n places for panels; what is over is left empty."""
    columns = _columns(n)
    grid = figure.subplots(-(-n // columns), columns, squeeze=False, sharey=sharey).ravel().tolist()
    for axes in grid[n:]:
        axes.set_visible(False)
    return grid


def _size(n: int) -> tuple[float, float]:
    columns = _columns(n)
    return 0.8 + 2.6 * max(columns, 2), 0.6 + 2.2 * -(-n // columns)


def _legend(figure: "Figure", grid: Sequence["Axes"]) -> None:
    """One legend for all panels, below them."""
    found = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        columns = max(1, min(int(figure.get_figwidth() / 1.8), len(found)))
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)


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
