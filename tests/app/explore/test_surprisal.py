"""Surprisal on the page: the bits of the whole model, or one sentence on why there are none."""

import base64

import gradio as gr
import numpy as np
import pytest

from analysis.files.provenance import KEY
from analysis.inputs.reading import Sequence
from analysis.meaning.surprisal import surprisals
from app.explore import surprisal
from app.picture import value as view
from app.work.job import Job

TEXT = b"It was the best of times, it was the worst of times. " * 4


@pytest.fixture(scope="module")
def done(session):
    return session.analyse([Sequence("t", TEXT)], "english_b")


def test_bits_reach_the_viewer_as_the_model_gives_them(session, done):
    value, figure, line, _ = surprisal.on_automatic(session, Job(), done)
    want = surprisals(session.whole_model("english_b"), [TEXT])[0].bits
    read = np.frombuffer(base64.b64decode(value["bits"]), "<u2") / value["steps"]
    assert np.abs(read - want).max() <= 0.5 / value["steps"] + 1e-6
    assert value["key"] == view.text_value(done, "")["key"]
    assert line.startswith(f"{want.mean():.2f} bits per byte") and "AUROC" in line and "Stage 1" in line
    assert done.model.info["weights_sha256"] in figure.layout.meta[KEY]
    for stage, trace in enumerate(figure.data):
        table = done.boundaries_of("t", stage)
        assert trace.customdata.tolist() == table["byte"].tolist()
        assert np.allclose(trace.x, want[table["byte"]]) and np.allclose(trace.y, table["prob"])


def test_long_input_waits_for_the_button_and_too_long_is_refused(session, done, monkeypatch):
    monkeypatch.setattr(surprisal, "AUTOMATIC", 10)
    value, _, line, button = surprisal.on_automatic(session, Job(), done)
    assert value is None and "press the button" in line and button["interactive"]
    monkeypatch.setattr(surprisal, "LARGEST", 10)
    with pytest.raises(gr.Error, match="at most 10"):
        surprisal.on_surprisal(session, Job(), done)


def test_boundary_weights_alone_are_one_sentence(session, done, monkeypatch):
    monkeypatch.setattr(session, "_has_all_weights", lambda name: name == "code_a")
    value, _, line, button = surprisal.on_automatic(session, Job(), done)
    assert value is None and "boundary weights" in line and "Python, 1 stage" in line
    assert not button["interactive"]
    with pytest.raises(gr.Error, match="boundary weights"):
        surprisal.on_surprisal(session, Job(), done)


def test_nothing_analysed_yet_is_said(session):
    with pytest.raises(gr.Error, match="press Analyse"):
        surprisal.on_surprisal(session, Job(), None)
