"""The quiet evidence under the text: three small Plotly figures over one analysis."""

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from analysis.boundaries.extract import Analysis
from analysis.files.provenance import KEY, Provenance, as_text, provenance
from app.wording.sentences import counted

_HUES = ("#3f7fc4", "#8a94a3", "#1d3f66", "#b9c3cf")
"""One a stage: blue first, then greys and dark blue."""
_BINS = 400
_LONGEST = 40
_POINTS = 4_000


def figures(analysis: Analysis) -> tuple[go.Figure, go.Figure, go.Figure]:
    """p of all positions, chunk lengths, boundary rate along the input; all stages in each."""
    return _finished(analysis, _probabilities(analysis), _lengths(analysis), _rates(analysis))


def with_origin(about: Provenance, *figures: go.Figure) -> tuple[go.Figure, ...]:
    """The figures with where they come from, which static/figures.js writes into the files."""
    for figure in figures:
        figure.update_layout(meta={KEY: as_text(about)})
    return figures


def _finished(analysis: Analysis, *figures: go.Figure) -> tuple[go.Figure, ...]:
    """With where they come from; a legend only where there are stages to tell apart."""
    for figure in figures:
        figure.update_layout(showlegend=analysis.model.n_stages > 1)
    return with_origin(_about(analysis), *figures)


def _about(analysis: Analysis) -> Provenance:
    return provenance("page: figure", analysis.sequences, {analysis.model.name: analysis.model}, {})


def quiet_figure(title: str, x: str, y: str) -> go.Figure:
    """An empty small figure in the page's look: title, what x and y are."""
    grid = {"gridcolor": "rgba(128,128,128,.22)", "zeroline": False}
    return go.Figure(
        layout={
            "title": {"text": title, "font": {"size": 13}, "x": 0.02, "y": 0.97},
            "xaxis": {"title": {"text": x, "font": {"size": 11}}, **grid},
            "yaxis": {"title": {"text": y, "font": {"size": 11}}, "rangemode": "tozero", **grid},
            "margin": {"l": 46, "r": 10, "t": 34, "b": 40},
            "height": 230,
            "bargap": 0.06,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 11},
            "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.14},
            "showlegend": True,
            "colorway": _HUES,
        }
    )


def legend_below(figure: go.Figure, across: int) -> go.Figure:
    """The legend under the figure, `across` names a line, with room of its own: names may be long and models many."""
    lines = -(-len(figure.data) // across)
    legend = {
        "orientation": "h" if across > 1 else "v",
        "x": 0,
        "xanchor": "left",
        "y": -0.32,
        "yanchor": "top",
    }
    return figure.update_layout(legend=legend, height=figure.layout.height + 19 * lines + 8)


def _unit(analysis: Analysis) -> str:
    return "base" if analysis.sequences[0].kind == "dna" else "byte"


def _counted_from(analysis: Analysis) -> int:
    """What the page calls the first position: bases count from 1, bytes from 0."""
    return int(_unit(analysis) == "base")


def _stages(analysis: Analysis) -> list[int]:
    return list(range(analysis.model.n_stages))


def _probabilities(analysis: Analysis) -> go.Figure:
    figure = quiet_figure("Boundary probability", "p", "share of positions")
    name = analysis.sequences[0].name
    edges = np.linspace(0, 1, 41)
    for stage in _stages(analysis):
        prob = analysis.boundaries_of(name, stage)["prob"].to_numpy()
        counts, _ = np.histogram(prob, edges)
        words = [f"p {low:.3f} to {high:.3f}" for low, high in pairwise(edges)]
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / max(1, len(prob)),
            name=f"stage {stage}",
            customdata=words,
            hovertemplate="%{fullData.name}, %{customdata}: %{y:.2%} of the positions<extra></extra>",
        )
    figure.add_vline(x=0.5, line_width=1, line_dash="dot", line_color="rgba(128,128,128,.8)")
    return figure


def _lengths(analysis: Analysis) -> go.Figure:
    unit = _unit(analysis)
    figure = quiet_figure("Chunk lengths", f"{unit}s (the last bar: {_LONGEST} and more)", "share of chunks")
    name = analysis.sequences[0].name
    for stage in _stages(analysis):
        lengths = analysis.chunks_of(name, stage)["n_bytes"].to_numpy()
        counts = np.bincount(np.minimum(lengths, _LONGEST), minlength=_LONGEST + 1)[1:]
        words = [counted(n, unit) for n in range(1, _LONGEST)] + [f"{_LONGEST} {unit}s and more"]
        figure.add_bar(
            x=np.arange(1, _LONGEST + 1),
            y=counts / max(1, len(lengths)),
            name=f"stage {stage}",
            customdata=words,
            hovertemplate="%{fullData.name}, %{customdata}: %{y:.2%} of the chunks<extra></extra>",
        )
    return figure


def _rates(analysis: Analysis) -> go.Figure:
    unit = _unit(analysis)
    figure = quiet_figure("Boundary rate along the input", unit, f"chunks a {unit}")
    sequence = analysis.sequences[0]
    n = len(sequence.data)
    edges = np.linspace(0, n, min(_BINS, max(1, n // 16)) + 1)
    for stage in _stages(analysis):
        starts = analysis.chunks_of(sequence.name, stage)["start"].to_numpy()
        counts, _ = np.histogram(starts, edges)
        figure.add_scatter(
            x=edges[:-1] + _counted_from(analysis),
            y=counts / np.diff(edges),
            name=f"stage {stage}",
            mode="lines",
            line={"width": 1.3},
            hovertemplate=f"%{{fullData.name}}, from {unit} %{{x:,.0f}}: %{{y:.3f}} chunks a {unit}<extra></extra>",
        )
    return figure


def surprisal(analysis: Analysis, bits: np.ndarray) -> go.Figure:
    """p of a position against the bits of its byte; of many positions every k-th, so that _POINTS are drawn at most.

    bits  (n,) surprise at each byte of the first sequence; customdata of a point is its byte, or its base from 1
    """
    unit = _unit(analysis)
    figure = quiet_figure("p against surprisal", f"bits of the {unit}", "p")
    name = analysis.sequences[0].name
    for stage in _stages(analysis):
        table = analysis.boundaries_of(name, stage)
        table = table.iloc[:: max(1, -(-len(table) * analysis.model.n_stages // _POINTS))]
        byte = table["byte"].to_numpy()
        figure.add_scatter(
            x=bits[byte],
            y=table["prob"],
            customdata=byte + _counted_from(analysis),
            name=f"stage {stage}",
            mode="markers",
            marker={"size": 4, "opacity": 0.45},
            hovertemplate=f"{unit} %{{customdata}}<br>%{{x:.2f}} bits, p %{{y:.4f}}<extra></extra>",
        )
    return _finished(analysis, figure)[0]
