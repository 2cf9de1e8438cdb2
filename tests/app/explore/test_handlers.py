"""Explore as functions: records, what moved since the last run, what a link may ask for."""

import gradio as gr
import pytest

from app.explore import handlers as explore
from app.work.job import Job

TEXT = "It was the best of times, it was the worst of times. "


def analyse(session, text, before=None, **values):
    values = {"source": "paste", "upload": None, "sample": "english", "model": "english_a"} | values
    return explore.on_analyse(
        session,
        Job(),
        before,
        values["source"],
        text,
        values["upload"],
        values["sample"],
        "guess",
        values["model"],
    )


def test_every_record_of_an_input_can_be_chosen(session, tmp_path):
    path = tmp_path / "three.jsonl"
    path.write_text('{"text": "one two"}\n\n{"text": "three"}\n{"text": "four"}\n')
    given, records, done, *_ = analyse(session, "", source="upload", upload=str(path))
    assert [value for _, value in records["choices"]] == ["three.jsonl:1", "three.jsonl:3", "three.jsonl:4"]
    assert records["visible"] and done.sequences[0].data == b"one two"
    done, value, *_ = explore.on_record(session, Job(), given, "three.jsonl:4", "guess", "english_a")
    assert done.sequences[0].data == b"four" and "sample" not in value["link"]
    with pytest.raises(gr.Error, match="press Analyse"):
        explore.on_record(session, Job(), given, "nope", "guess", "auto")
    assert not analyse(session, TEXT)[1]["visible"]


def test_an_edit_tells_which_boundaries_moved(session):
    before = analyse(session, TEXT * 4)[2]
    done, value = analyse(session, TEXT * 2 + "Something new. " + TEXT * 2, before)[2:4]
    at, size = len(TEXT) * 2, len("Something new. ")
    old, new = (set(each.chunks["start"]) for each in (before, done))
    kept = {start if start < at else start + size for start in old}
    shared = {start for start in new if not at <= start < at + size}
    facts = dict(value["facts"])["moved since the last run, stage 0"]
    added, removed = sorted(shared - kept), sorted(kept - new)
    assert value["moved"] == [{"added": added, "removed": removed}]
    assert facts == f"{len(added)} added, {len(removed)} gone, {len(kept & new)} stayed" and kept & new
    for other in ({"text": "x" * 300}, {"text": TEXT * 4}, {"text": TEXT * 3, "model": "english_b"}):
        assert "moved" not in analyse(session, before=before, **other)[3]


def test_a_link_names_the_model_and_the_sample_and_never_what_was_typed(session):
    assert analyse(session, TEXT)[3]["link"] == {"tab": "explore", "model": "english_a"}
    shown = analyse(session, "", source="sample", model="auto")[3]["link"]
    assert shown == {"tab": "explore", "model": "english_a", "sample": "english"}
