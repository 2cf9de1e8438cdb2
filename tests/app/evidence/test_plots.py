"""The three small figures."""

import numpy as np

from analysis.inputs.reading import Sequence
from app.evidence.plots import figures


def test_figures_add_up(session):
    text = b"It was the best of times, it was the worst of times. " * 20
    done = session.analyse([Sequence("t", text)], "english_b")
    prob, lengths, rates = figures(done)
    assert prob.layout.showlegend  # of two stages
    for figure in (prob, lengths):
        assert np.allclose([sum(bar.y) for bar in figure.data], 1)
    stage = rates.data[0]
    width = len(text) / len(stage.x)
    assert np.isclose(sum(stage.y) * width, len(done.chunks_of("t", 0)))


def test_one_byte_and_a_million_stay_small(session):
    for data in (b"x", b"ab " * 60_000):
        done = session.analyse([Sequence("t", data)], "english_a")
        assert not any(figure.layout.showlegend for figure in figures(done))
        assert all(len(trace.x) <= 400 for figure in figures(done) for trace in figure.data)
