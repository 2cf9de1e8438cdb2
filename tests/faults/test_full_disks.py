"""No room left on the disk: the work fails in one line, exit code 1, and nothing half-written can be seen."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.commands.cli import main as analysis
from hnet_core.checkpoint import save_model
from hnet_core.commands import run
from hnet_core.convert import main as convert
from hnet_core.training.__main__ import main as train
from tests.faults.processes import visible, with_files_of
from tests.hnet_core.training.recipes import write_recipe, write_text
from tests.tiny import tiny_model

ROOM = 2000
"""Bytes that a file may have: less than any of these writes."""


@pytest.fixture
def model(tmp_path) -> str:
    save_model(tmp_path / "models" / "m", tiny_model(1), {"name": "m", "domain": "dna"})
    return str(tmp_path / "models" / "m")


def genome(folder: Path) -> str:
    path = folder / "genome.fa"
    path.write_text(">one\n" + "ACGTTGCA" * 600 + "\n>two\n" + "TTGACA" * 600 + "\n")
    return str(path)


def in_full(call, capfd) -> tuple[int, list[str]]:
    """Exit code, and what it said without progress."""
    code = with_files_of(ROOM, call)
    said = [
        line
        for line in capfd.readouterr().err.replace("\r", "\n").split("\n")
        if line.startswith(("error", "Trace"))
    ]
    return code, said


@pytest.mark.parametrize("suffix", ["csv", "parquet", "bed", "bedgraph", "gff3"])
def test_an_export_leaves_nothing(suffix, model, tmp_path, capfd):
    given = genome(tmp_path)
    before = visible(tmp_path)
    call = [
        "boundaries",
        given,
        "--model",
        model,
        "--out",
        str(tmp_path / f"out.{suffix}"),
        "--table",
        "bytes",
    ]
    code, said = in_full(lambda: analysis(call), capfd)
    assert (code, len(said)) == (1, 1), said
    assert visible(tmp_path) == before


def test_a_bigwig_stops_while_there_is_room(model, tmp_path, capfd, monkeypatch):
    """Its library ends the process on a full disk, so that it is asked how much room there is."""
    given = genome(tmp_path)
    before, free = visible(tmp_path), iter([10**9])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=next(free, 10**6)))
    call = ["boundaries", given, "--model", model, "--out", str(tmp_path / "out.bw"), "--table", "bytes"]
    assert analysis(call) == 1
    assert "No space left on device" in capfd.readouterr().err
    assert visible(tmp_path) == before


def test_an_export_leaves_the_older_one(model, tmp_path, capfd):
    given, out = genome(tmp_path), tmp_path / "out.csv"
    out.write_text("older\n")
    code, said = in_full(lambda: analysis(["boundaries", given, "--model", model, "--out", str(out)]), capfd)
    assert (code, len(said)) == (1, 1), said
    assert out.read_text() == "older\n"


def test_a_saved_run_leaves_nothing(model, tmp_path, capfd):
    given = genome(tmp_path)
    (tmp_path / "runs").mkdir()
    before = visible(tmp_path)
    code, said = in_full(
        lambda: analysis(["boundaries", given, "--model", model, "--save-run", str(tmp_path / "runs")]), capfd
    )
    assert (code, len(said)) == (1, 1), said
    assert visible(tmp_path) == before


def test_a_conversion_leaves_nothing(model, tmp_path, capfd):
    weights, config = Path(model) / "model.safetensors", Path(model) / "config.json"
    before = visible(tmp_path)
    code, said = in_full(lambda: run(convert, [str(weights), str(config), str(tmp_path / "made")]), capfd)
    assert (code, len(said)) == (1, 1), said
    assert visible(tmp_path) == before


def test_a_training_keeps_its_last_checkpoint_and_goes_on_from_it(tmp_path, capfd):
    recipe, text = write_recipe(tmp_path, checkpoint_minutes=0), write_text(tmp_path)
    call = ["--config", str(recipe), "--data", str(text), "--out", str(tmp_path / "out"), "--device", "cpu"]
    code, said = in_full(lambda: train(call), capfd)
    assert (code, len(said)) == (1, 1), said
    assert "cannot be written" in said[0]
    assert not (tmp_path / "out" / "checkpoint.safetensors").exists()
    assert train([*call, "--resume"]) == 0
