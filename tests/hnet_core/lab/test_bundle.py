"""What is kept of a training: true figures, weights within the limits, nothing half replaced."""

import json
import shutil

import pytest
from safetensors import safe_open

from hnet_core.checkpoint import load_model, read_info
from hnet_core.data.documents import middle_parts, read_documents
from hnet_core.errors import CheckpointError
from hnet_core.evaluate import evaluate
from hnet_core.lab import bundle as module
from hnet_core.lab import families
from hnet_core.lab.bundle import TooLargeError, bundle, check_size, is_current, measure, save_evaluation
from hnet_core.lab.families import DataSet, HeldOut, Member
from hnet_core.training.__main__ import main as train
from tests.hnet_core.training.recipes import write_recipe, write_text


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, recipe and a run of three steps."""
    folder = tmp_path_factory.mktemp("bundle")
    text = write_text(folder)
    write_recipe(folder, bytes=1500)
    call = ["--config", str(folder / "recipe.json"), "--data", str(text), "--out", str(folder / "run")]
    assert train([*call, "--device", "cpu"]) == 0
    return folder


@pytest.fixture
def member(trained, monkeypatch):
    monkeypatch.setattr(families, "RECIPES", trained)
    data = DataSet(
        train=("text.jsonl",),
        valid=(HeldOut(name="before", data="text.jsonl"),),
        tests=(HeldOut(name="rest", data="text.jsonl", limit=700),),
    )
    return Member(name="tiny-1", title="Tiny", recipe="recipe", data=data, data_name="x", run="run")


def test_the_figures_are_those_of_the_weights_that_are_bundled(trained, member, tmp_path):
    info = bundle(member, trained / "run", trained, tmp_path)
    model = load_model(tmp_path / "tiny-1")
    with safe_open(tmp_path / "tiny-1" / "model.safetensors", "pt") as file:
        assert file.get_slice("lm_head.weight").get_dtype() == "BF16"
    documents = middle_parts(list(read_documents([trained / "text.jsonl"], "english")), 700)
    want = evaluate(model.model, documents, context=128, domain="english")
    assert info["bits_per_byte"] == round(want.bits_per_byte, 4) == info["tests"][0]["bits_per_byte"]
    assert (info["name"], info["title"], info["weights"]) == ("tiny-1", "Tiny", "whole")
    assert info["tests"][0]["name"] == "rest" and info["tests"][0]["n_bytes"] == want.n_bytes
    assert set(info["goal"]) == {"goal", "reached", "met"}
    assert (tmp_path / "tiny-1" / "training.csv").read_text() == (
        trained / "run" / "training.csv"
    ).read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny-1"], "nothing else is left"


def test_boundary_weights_have_the_figures_of_the_whole_model(trained, member, tmp_path):
    from dataclasses import replace

    whole = bundle(member, trained / "run", trained, tmp_path)
    half = bundle(replace(member, weights="boundary"), trained / "run", trained, tmp_path)
    assert half["weights"] == "boundary" and half["tests"] == whole["tests"]
    with pytest.raises(CheckpointError, match="boundary weights only"):
        load_model(tmp_path / "tiny-1")


def test_a_bundle_is_current_until_its_training_goes_on(trained, member, tmp_path):
    bundle(member, trained / "run", trained, tmp_path)
    path, run = tmp_path / "tiny-1" / "model.json", tmp_path / "run"
    shutil.copytree(trained / "run", run)
    assert is_current(path, run, member.data.tests)
    assert not is_current(tmp_path / "none.json", run, member.data.tests)
    assert not is_current(path, run, member.data.valid), "figures of other data"
    info = json.loads((run / "model" / "model.json").read_text())
    (run / "model" / "model.json").write_text(json.dumps(info | {"bytes_seen": info["bytes_seen"] + 1}))
    assert not is_current(path, run, member.data.tests)


def test_evaluation_beside_the_run(trained, member, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    found = measure(run / "model", member.data.tests, trained, robust=True)
    save_evaluation(run, found)
    written = json.loads((run / "evaluation.json").read_text())
    assert written["bytes_seen"] == read_info(run / "model")["bytes_seen"] and is_current(
        run / "evaluation.json", run, member.data.tests
    )
    (test,) = written["tests"]
    assert test["bits_per_byte"] == found[0].result.bits_per_byte
    assert test["robustness"].keys() == {"antspeak", "drop", "random_case", "repeat", "uppercase", "mean"}


def test_limits(trained, member, tmp_path, monkeypatch):
    bundle(member, trained / "run", trained, tmp_path)
    size = (tmp_path / "tiny-1" / "model.safetensors").stat().st_size
    held = (tmp_path / "tiny-1" / "model.safetensors").read_bytes()
    other = tmp_path / "tiny-2"
    shutil.copytree(tmp_path / "tiny-1", other)
    check_size(other, tmp_path)
    monkeypatch.setattr(module, "MOST_IN_ALL", 2 * size - 1)
    with pytest.raises(TooLargeError, match="all weights together"):
        check_size(other, tmp_path)
    monkeypatch.setattr(module, "MOST_BOUNDARY", size - 1)
    with pytest.raises(TooLargeError, match="tiny-1 is the one model of english above"):
        check_size(other, tmp_path)
    shutil.rmtree(other)
    check_size(tmp_path / "tiny-1", tmp_path)
    monkeypatch.setattr(module, "MOST_WHOLE", size - 1)
    with pytest.raises(TooLargeError, match="whole weights are"):
        bundle(member, trained / "run", trained, tmp_path)
    assert (tmp_path / "tiny-1" / "model.safetensors").read_bytes() == held
    assert [p.name for p in tmp_path.iterdir()] == ["tiny-1"]
