"""The run as a whole: what it plans, what it refuses, its shortest rehearsal."""

import json

import pytest

from hnet_core.lab.device import __main__ as command
from hnet_core.lab.device import bundle, trainings
from hnet_core.lab.device.steps import read_json
from hnet_core.training.recipe import read_recipe


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for each in trainings.read_trainings():
        for name in (*each.data, each.valid):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--minutes": "0"}, "--minutes 0"),
        ({"--data": "no/such"}, "no/such"),
        ({}, "no CUDA device"),
    ],
)
def test_what_cannot_be_is_refused(change, says, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    call = {"--minutes": "1", "--out": str(tmp_path / "out"), "--data": str(data)} | change
    assert command.main([part for pair in call.items() for part in pair]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_shortest_rehearsal(data, tmp_path, capsys):
    out = tmp_path / "out"
    call = ["--minutes", "2", "--out", str(out), "--data", str(data), "--rehearse", "--only", "probe"]
    assert command.main(call) == 0
    assert read_json(out / "probe.json")["copied_bytes_a_second"] > 0
    assert "copies" in capsys.readouterr().out


def test_a_step_that_breaks_costs_only_itself(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "PACKAGE", "hnet_core.no_such_package")
    call = ["--minutes", "1", "--out", str(tmp_path / "out"), "--data", str(data), "--rehearse"]
    assert command.main(call) == 1
    states = [each["state"] for each in read_json(tmp_path / "out" / "steps.json")]
    assert states == ["failed"] * 4


@pytest.mark.parametrize("training", trainings.read_trainings(), ids=lambda each: each.name)
def test_recipes_and_trainings_fit(training):
    recipe = read_recipe(trainings.LIST.parent / "recipes" / f"{training.recipe}.json", training.set)
    assert recipe.training.batch_bytes >= 2**18
    assert (recipe.domain == "dna") == training.data[0].startswith("dna/")
    assert training.valid not in training.data


def test_last_row_has_the_newest_of_every_column(tmp_path):
    (tmp_path / "training.csv").write_text("step,bytes,bpb,valid_bpb\n1,10,3.5,3.0\n2,20,3.25,\n")
    assert trainings.last_row(tmp_path) == {"step": 2, "bytes": 20, "bpb": 3.25, "valid_bpb": 3.0}
    assert trainings.last_row(tmp_path / "none") == {"bytes": 0}


def test_the_bundle_holds_code_and_data_without_models(data, tmp_path, capsys):
    out = tmp_path / "bundle"
    assert bundle.main(["--data", str(data), "--out", str(out)]) == 0
    assert (out / "hnet_core" / "model.py").exists() or (out / "hnet_core" / "network").exists()
    assert not (out / "assets" / "models").exists()
    wanted = {name for each in trainings.read_trainings()[:4] for name in (*each.data, each.valid)}
    assert {p.relative_to(out / "data").as_posix() for p in (out / "data").rglob("*.*z")} == wanted
    assert bundle.main(["--data", str(data), "--out", str(out)]) == 2
    assert "holds something already" in capsys.readouterr().err
    assert json.loads((out / "hnet_core/lab/device/trainings.json").read_text())
