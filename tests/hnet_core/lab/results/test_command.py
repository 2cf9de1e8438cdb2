"""docs/results.md is what the kept figures say: the same on a checkout without any training."""

import json
import shutil
from xml.etree import ElementTree

import pytest

from hnet_core.flops import flops_per_byte
from hnet_core.lab.bundle import measure, save_evaluation
from hnet_core.lab.families import DataSet, HeldOut, Member
from hnet_core.lab.results import plots
from hnet_core.lab.results.__main__ import main
from hnet_core.lab.results.collect import MOST_POINTS, read_curve
from hnet_core.training.recipe import read_recipe
from tests.hnet_core.training.recipes import write_recipe, write_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained and measured experiment in runs/, kept by a first call of the command in docs/."""
    from hnet_core.lab import families
    from hnet_core.training.__main__ import main as train

    folder = tmp_path_factory.mktemp("results")
    text = write_text(folder)
    write_recipe(folder, bytes=1500, valid_every=500, log_steps=1)
    data = DataSet(train=(), valid=(), tests=(HeldOut(name="rest", data="text.jsonl"),))
    facts = {"table": "equal_flops", "weights": "none", "run": "a", "recipe": "recipe", "data_name": "x"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "RECIPES", folder)
        patch.setattr("hnet_core.lab.results.sweeps.SWEEPS", folder / "sweeps")
        member = Member(name="a", title="H-Net, 1 stage", data=data, **facts)
        call = ["--config", str(member.config), "--data", str(text), "--valid", str(text), "--device", "cpu"]
        assert train([*call, "--out", str(folder / "runs" / "a")]) == 0
        save_evaluation(folder / "runs" / "a", measure(folder / "runs" / "a" / "model", data.tests, folder))
        patch.setattr("hnet_core.lab.results.__main__.read_experiments", lambda: (member,))
        assert main(arguments(folder)) == 0
        yield folder


def arguments(folder, runs="runs"):
    places = [("--docs", "docs"), ("--models", "models"), ("--runs", runs)]
    return [word for option, name in places for word in (option, str(folder / name))]


def test_without_the_runs_the_same_is_written(folder, capsys):
    before = {p.name: p.read_bytes() for p in (folder / "docs").rglob("*") if p.is_file()}
    assert {"results.md", "sweeps.md", "a.json", "english.svg"} == before.keys()
    assert main(arguments(folder, runs="nowhere")) == 0
    assert "1 of 1 experiments, 0 of them collected now" in capsys.readouterr().out
    assert {p.name: p.read_bytes() for p in (folder / "docs").rglob("*") if p.is_file()} == before


def test_kept_figures_are_those_of_the_run(folder):
    kept = json.loads((folder / "docs" / "results" / "a.json").read_text())
    measured = json.loads((folder / "runs" / "a" / "evaluation.json").read_text())
    assert kept["tests"] == measured["tests"] and kept["bytes_seen"] == measured["bytes_seen"]
    config, length = read_recipe(folder / "recipe.json").model, kept["tests"][0]["bytes_per_chunk"][0]
    assert kept["flops_per_byte"] == round(flops_per_byte(config, [1 / length], 128).total)
    assert sum(v is not None for v in kept["curve"]["space_or_first_letter_0"]) >= 3
    text = (folder / "docs" / "results.md").read_text()
    assert f"| H-Net, 1 stage | {kept['tests'][0]['bits_per_byte']:.3f} | 0 |" in text
    assert "{" not in text and "![English: curves](results/english.svg)" in text


def test_figures_of_an_earlier_state_are_not_collected(folder, tmp_path):
    for name in ("docs", "runs"):
        shutil.copytree(folder / name, tmp_path / name)
    evaluation = tmp_path / "runs" / "a" / "evaluation.json"
    evaluation.write_text(json.dumps(json.loads(evaluation.read_text()) | {"bytes_seen": 1}))
    (tmp_path / "docs" / "results" / "a.json").unlink()
    assert main(arguments(tmp_path)) == 0
    assert not (tmp_path / "docs" / "results" / "a.json").exists()


def test_long_curves_are_thinned_but_keep_every_validation_and_the_end(tmp_path):
    lines = [f"{i},{100 * i},2.0,{'1.5' if i % 97 == 0 else ''},0.1" for i in range(1, 1001)]
    path = tmp_path / "training.csv"
    path.write_text("\n".join(["step,bytes,bpb,valid_bpb,lr", *lines]) + "\n")
    curve = read_curve(path)
    assert set(curve) == {"bytes", "bpb", "valid_bpb"}
    assert sum(v is not None for v in curve["valid_bpb"]) == 10
    assert curve["bytes"][-1] == 100_000 and len(curve["bytes"]) <= MOST_POINTS + 10


def test_plots_are_reproducible_small_and_without_empty_panels(tmp_path):
    curves = {f"model {i}": {"bytes": [1e6, 2e6], "valid_bpb": [2.5, 2.0 + i / 50]} for i in range(12)}
    panels = [("valid_bpb", "bits"), ("space_or_first_letter_0", "words")]
    for name in ("a", "b"):
        plots.draw(tmp_path / f"{name}.svg", curves, panels)
    content = (tmp_path / "a.svg").read_text()
    assert content == (tmp_path / "b.svg").read_text() and len(content) < 150_000
    assert ElementTree.fromstring(content).tag.endswith("svg")
    assert ">bits<" in content and ">words<" not in content and ">model 11<" in content


def test_bundled_documents_are_small(root):
    assert all(p.stat().st_size < 150_000 for p in (root / "docs" / "results").iterdir())
