"""Curves of trainings against the bytes they have seen, as SVG files that are the same whenever the figures are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

Curve = Mapping[str, Sequence[float | None]]
STYLES = ("-", "--", ":", "-.")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#333333", "#999999")
"""Eight that colour-blind readers tell apart (Okabe and Ito), less its yellow."""


def draw(path: Path, curves: Mapping[str, Curve], panels: Sequence[tuple[str, str]]) -> None:
    """One panel for each of `panels`, (column, label of the axis), with a line for every curve that has the column.

    curves  label -> columns as in training.csv; empty places (None) are passed over
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings = {"svg.hashsalt": "results", "svg.fonttype": "none", "font.size": 8, "axes.spines.top": False}
    panels = [panel for panel in panels if any(_points(curve, panel[0]) for curve in curves.values())]
    with pyplot.rc_context({**settings, "axes.spines.right": False}):
        figure, axes = pyplot.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.4), layout="constrained")
        handles = {}
        for axis, (column, label) in zip([axes] if len(panels) == 1 else axes, panels, strict=True):
            for i, (name, curve) in enumerate(curves.items()):
                line = _line(axis, curve, column, i)
                if line is not None:
                    handles.setdefault(name, line)
            axis.set(xlabel="MB seen", title=label)
            axis.grid(alpha=0.25)
            _leave_out_the_start(axis, [_points(curve, column) for curve in curves.values()], column)
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, frameon=False)
        partial = path.with_name(f".{path.name}.partial")
        figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    partial.replace(path)


def _points(curve: Curve, column: str) -> list[tuple[float, float]]:
    """(MB, value) where there is a value."""
    pairs = zip(curve["bytes"], curve.get(column, ()), strict=False)
    return [(n / 1e6, v) for n, v in pairs if v is not None]


def _line(axis, curve: Curve, column: str, number: int):
    """Draw one column of a curve; None where there is nothing to draw."""
    points = _points(curve, column)
    if not points:
        return None
    style = {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": STYLES[number // len(COLOURS) % len(STYLES)],
    }
    marker = "." if len(points) < 20 else ""
    (line,) = axis.plot(*zip(*points, strict=True), linewidth=1.2, marker=marker, **style)
    return line


def _leave_out_the_start(axis, curves: Sequence[Sequence[tuple[float, float]]], column: str) -> None:
    """The first steps have 8 bits a byte, and chunks of any length; what is to be compared is near where curves end."""
    ends = [points[-1][1] for points in curves if points]
    if column.endswith("bpb"):
        axis.set_ylim(min(ends) - 0.05, min(ends) + 1.0)
    elif column.startswith("bytes_per_chunk"):
        axis.set_ylim(0, 2 * max(ends))
    else:
        axis.set_ylim(0, 1)
