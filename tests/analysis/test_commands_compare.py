"""python -m analysis compare with its further tables."""

import json

import pandas as pd
import pytest

from analysis import cli, command_inputs, schema
from analysis.segmenters import is_reference, segmenter
from tests.analysis.fake_model import FakeModel

MODELS = {
    "words": FakeModel("words", info={"domain": "english", "n_stages": 2}),
    "commas": FakeModel("commas", cuts=(b" ,",), info={"domain": "english", "n_stages": 1}),
    "points": FakeModel("points", cuts=(b" .",), info={"domain": "english", "n_stages": 1}),
}
TEXT = "The cat sat. The dog, too. " * 40


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.setattr(
        command_inputs, "load_model", lambda name, _: segmenter(name) if is_reference(name) else MODELS[name]
    )
    blank = {name: FakeModel("blank", cuts=(b"a", b"t")[: model.n_stages]) for name, model in MODELS.items()}
    monkeypatch.setattr(command_inputs, "untrained_model", lambda name, *_: blank[name])


@pytest.fixture
def call(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)

    def run(*arguments, out="out.csv"):
        options = [str(tmp_path / a[1:]) if a.startswith("@") else a for a in arguments]
        models = [part for name in MODELS for part in ("--model", name)]
        code = cli.main(["compare", str(path), *models, *options, "--out", str(tmp_path / out)])
        return code, capsys.readouterr()

    return run


def test_every_further_table(call, tmp_path):
    names = ("groups", "consensus", "density", "controls")
    options = [part for name in names for part in (f"--{name}", f"@{name}.csv")]
    code, shown = call(*options, "--model", "ref:spaces", "--shifts", "50", "--untrained", "2")
    assert code == 0 and "warning: " in shown.err and "in density by more than 1.5 times" in shown.err
    tables = {name: pd.read_csv(tmp_path / f"{name}.csv") for name in ("out", *names)}
    assert list(tables["out"].columns) == list(schema.AGREEMENT)
    assert list(tables["groups"].columns) == list(schema.GROUPS)
    assert set(tables["groups"]["group_b"]) == {
        "domain english, depth 1",
        "ref:spaces",
    }
    assert list(tables["consensus"].columns) == ["group", "stage", *schema.CONSENSUS]
    shallow = tables["consensus"][tables["consensus"]["group"] == "domain english, depth 1"]
    assert shallow.loc[shallow["byte"] == 4, "n_models"].item() == 2  # behind the first space
    assert list(tables["density"].columns[4:]) == list(schema.DENSITY)
    controls = tables["controls"]["model_b"]
    assert set(controls[tables["controls"]["model_a"] == "commas"]) == {
        "random like commas",
        "periodic like commas",
        "commas on shuffled input",
        "untrained commas, 0",
        "untrained commas, 1",
    }
    assert "alike beside alike: " in shown.out
    about = json.loads((tmp_path / "controls.csv.json").read_text())
    assert about["command"] == "compare" and about["options"]["untrained"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "colour"), "give one or more of domain, depth, seed, data"),
        (("--groups", "@out.csv"), "two tables would be written to one file"),
        (("--groups", "@g.bed"), "has no positions"),
        (("--shuffle-word", "9"), "must be 1 to 8"),
        (("--untrained", "-1"), "must be 0 or more"),
        (("--model", "ref:wrods"), "did you mean ref:words"),
    ],
)
def test_wrong_options_say_so_and_nothing_is_written(options, message, call, tmp_path):
    code, shown = call(*options)
    assert code == 2 and message in shown.err and shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
