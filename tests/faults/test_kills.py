"""Killed at random moments: what can be seen is whole, the old or the new one."""

import os

import pandas as pd
import pytest
from safetensors.torch import load_file

from analysis.boundaries.extract import analyse
from analysis.files.export import write_table
from analysis.files.provenance import provenance
from analysis.files.runs import check_files, find_runs, open_run
from analysis.inputs.sources import Sequence
from hnet_core.checkpoint import load_model, model_names, save_model
from hnet_core.training import checkpoints
from tests.analysis.fake_model import FakeModel
from tests.faults.processes import killed_after, moments, visible
from tests.tiny import tiny_model

MORE = int(os.environ.get("SOAK_SECONDS", "20"))
"""A fifth of the kills of each kind by `make soak`."""
KILLS = pytest.mark.parametrize("kills", [6, pytest.param(5 * MORE, marks=pytest.mark.soak)])
LONGEST = 0.15
"""Seconds after which a kill falls at the latest: some writes long."""


@KILLS
def test_a_model_folder_is_the_old_one_or_the_new_one(kills, tmp_path):
    models = [tiny_model(1, seed=seed) for seed in (0, 1)]
    wanted = [model.state_dict() for model in models]
    save_model(tmp_path / "m", models[0], {"name": "m", "seed": 0})
    for moment in moments(kills, LONGEST):
        killed_after(
            moment, lambda n: save_model(tmp_path / "m", models[n % 2], {"name": "m", "seed": n % 2})
        )
        found = load_model(tmp_path / "m")
        for name, value in found.model.state_dict().items():
            assert value.equal(wanted[found.info["seed"]][name])
        assert model_names(tmp_path) == ["m"]


@KILLS
def test_a_checkpoint_is_the_old_one_or_the_new_one(kills, tmp_path):
    path = tmp_path / checkpoints.FILE
    sets = [{name: t + n for name, t in tiny_model(1).state_dict().items()} for n in (0, 1)]
    checkpoints.save_checkpoint(path, sets[0], {"n": 0})
    for moment in moments(kills, LONGEST):
        killed_after(moment, lambda n: checkpoints.save_checkpoint(path, sets[n % 2], {"n": n % 2}))
        of = checkpoints.read_progress(path)["n"]
        assert all(value.equal(sets[of][name]) for name, value in load_file(path).items())


def table(n: int) -> pd.DataFrame:
    """A boundary table of n sequences."""
    sequences = [Sequence(f"s{i}", b"ACGT ACGT. " * 300, kind="dna") for i in range(n)]
    return analyse(sequences, FakeModel()).boundaries


@KILLS
@pytest.mark.parametrize("suffix", ["csv", "parquet", "bed", "gff3"])
def test_a_table_is_the_old_one_or_the_new_one(suffix, kills, tmp_path):
    tables, path, contents = [table(1), table(2)], tmp_path / f"out.{suffix}", []
    for each in tables:
        write_table(each, path)
        contents.append(path.read_bytes())
    for moment in moments(kills, LONGEST):
        killed_after(moment, lambda n: write_table(tables[n % 2], path))
        assert path.read_bytes() in contents
        assert visible(tmp_path) == {path.name}


@KILLS
def test_every_run_that_can_be_seen_is_whole(kills, tmp_path):
    sequences, model = [Sequence("text", b"the cat. " * 500)], FakeModel()
    found = analyse(sequences, model)
    about = provenance("boundaries", sequences, {"fake": model}, {})

    def save(_: int) -> None:
        with open_run(tmp_path / "runs", about) as run:
            run.tables["bytes"].write(found.boundaries.assign(model="fake"))
            run.tables["chunks"].write(found.chunks.assign(model="fake"))

    save(0)
    for moment in moments(kills, LONGEST):
        killed_after(moment, save)
        runs = find_runs(tmp_path / "runs")
        assert runs.whole and not runs.left_out
        for folder, manifest in runs.whole:
            check_files(folder, manifest)


def test_what_a_kill_left_of_a_model_folder_is_no_model(tmp_path):
    """Left by a kill between two writes: the configuration is there, and what is known of the model is not."""
    save_model(tmp_path / "m", tiny_model(1), {"name": "m"})
    (tmp_path / "m").rename(tmp_path / ".m.123.new")
    save_model(tmp_path / "m", tiny_model(1), {"name": "m"})
    assert model_names(tmp_path) == ["m"]
