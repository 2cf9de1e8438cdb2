"""Generation as functions: what is drawn equals what the model wrote and what the analysis says of it."""

import base64
import shutil

import gradio as gr
import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from app.generate import handlers as generate
from app.server.session import Session
from app.work.job import Job
from hnet_core.checkpoint import load_model
from hnet_core.errors import CheckpointError
from hnet_core.generate import generate as written_by

PROMPT = "It was \u4e2d"


def pictures(session, job=None, **changed):
    values = {
        "model": "english_b",
        "prompt": PROMPT,
        "n_bytes": 40,
        "temperature": 1.0,
        "top_p": 0.9,
        "seed": 3,
    }
    values |= changed
    return generate.on_generate(session, job or Job(), *values.values())


@pytest.mark.parametrize("prompt", [PROMPT, ""])
def test_the_last_picture_is_what_the_model_wrote(session, models_dir, prompt):
    *_, (done, value, stages, page) = pictures(session, prompt=prompt)
    model = load_model("english_b", models_dir=models_dir).model
    options = {"max_bytes": 40, "temperature": 1.0, "top_p": 0.9, "seed": 3}
    wrote = list(written_by(model, prompt.encode(), **options))
    data = prompt.encode() + bytes(each.byte for each in wrote)
    assert base64.b64decode(value["bytes"]) == done.sequences[0].data == data
    steps = sum(each.boundary[0] for each in wrote) / len(wrote)
    assert dict(value["facts"])["steps a byte inside stage 0"] == f"{steps:.3f}"
    assert (len(stages["choices"]), page) == (2, 1)
    for stage, read in enumerate(value["groups"][0]["stages"]):
        table = done.boundaries_of("generated", stage)
        prob = np.frombuffer(base64.b64decode(read["prob"]), "<u2") / 65535
        assert len(prob) == len(table) and np.abs(prob - table["prob"]).max() < 1e-3
        bits = np.unpackbits(np.frombuffer(base64.b64decode(read["bits"]), np.uint8))[: len(table)]
        assert bits.astype(bool).tolist() == table["is_boundary"].tolist()


def test_a_stop_keeps_what_was_written(session, monkeypatch):
    monkeypatch.setattr(generate, "EVERY", 0.001)
    job = Job()
    running = pictures(session, job, n_bytes=4000)
    first = next(running)[1]
    job.stop()
    *_, (done, value, *_) = running
    assert value["bytes"].startswith(first["bytes"].rstrip("=")[:-1]) and len(done.sequences[0].data) < 4000
    assert dict(value["facts"])["written"].endswith("stopped")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "nope"}, "no model named"),
        ({"model": None}, "no model with whole weights"),
        ({"n_bytes": 0}, "Length in bytes: 0 was given; give a whole number from 1 to 4,000"),
        ({"n_bytes": 1.5}, "Length in bytes: 1.5 was given"),
        ({"n_bytes": 99_999_999}, "Length in bytes: 99,999,999 was given"),
        ({"n_bytes": 1e8}, "Length in bytes: 100,000,000 was given"),
        ({"n_bytes": None}, "Length in bytes: the field is empty"),
        ({"n_bytes": ""}, "Length in bytes: the field is empty"),
        ({"temperature": 5}, "Temperature: 5 was given; give a number from 0 to 2"),
        ({"top_p": 0}, "Top-p: 0 was given; give a number from 0.05 to 1"),
        ({"seed": -1}, "Seed: -1 was given; give a whole number from 0 to 2,147,483,648"),
        ({"seed": 0.5}, "Seed: 0.5 was given"),
        ({"prompt": "x" * 20_001}, "at most 20,000"),
    ],
)
def test_each_mistake_is_one_sentence(session, changed, words):
    with pytest.raises(gr.Error, match=words):
        list(pictures(session, **changed))
    assert list(pictures(session, n_bytes=2))


def test_boundary_weights_cannot_write(session, models_dir, tmp_path):
    for name in ("english_a", "english_b"):
        shutil.copytree(models_dir / name, tmp_path / name)
    weights = tmp_path / "english_a" / "model.safetensors"
    save_file(
        {name: w for name, w in load_file(weights).items() if "encoder." in name or "rout" in name}, weights
    )
    both = Session(tmp_path, "cpu")
    assert len(both.choices()) == 2 and [name for _, name in both.choices(whole=True)] == ["english_b"]
    with pytest.raises(CheckpointError, match="whole weights"):
        both.whole_model("english_a")
