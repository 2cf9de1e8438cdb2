"""One command from data to bundled models: it goes on where it stopped, and does nothing twice."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hnet_core.checkpoint import read_info
from hnet_core.lab import families, train_families
from hnet_core.lab.train_families import BROKEN, STOPPED, Places, choose, main, train
from hnet_core.training.__main__ import main as training
from hnet_core.training.checkpoints import read_progress
from tests.hnet_core.training.recipes import write_recipe, write_text


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A family "english" of two members and one experiment, of a tiny recipe."""
    write_text(tmp_path)
    # A constant learning rate: a training goes on to another length only where its rate does not jump.
    write_recipe(tmp_path, checkpoint_minutes=0, bytes=1500, warmup=0, decay=0)
    tests = [{"name": "rest", "data": "text.jsonl"}]
    data = {
        "x": {"train": ["text.jsonl"], "valid": [{"name": "before", "data": "text.jsonl"}], "tests": tests}
    }
    common = {"recipe": "recipe", "data": "x"}
    members = [{"name": f"tiny-seed{s}", "title": f"Tiny {s}", "seed": s, **common} for s in (0, 1)]
    experiment = {"name": "small", "title": "Small", "weights": "none", "table": "ablations", **common}
    for name, content in (
        ("families", {"data": data, "families": {"english": members}}),
        ("experiments", {"experiments": [experiment]}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        monkeypatch.setattr(families, name.upper(), tmp_path / f"{name}.json")
    monkeypatch.setattr(families, "RECIPES", tmp_path)
    return tmp_path


@pytest.fixture
def in_process(monkeypatch):
    """Trainings run here instead of in processes of their own, which take seconds to begin."""

    class Training:
        def __init__(self, call, **_):
            self.returncode = training(call[call.index("hnet_core.training") + 1 :])

        def poll(self):
            return self.returncode

    monkeypatch.setattr(train_families.subprocess, "Popen", Training)


def arguments(folder: Path, family: str, *more: str) -> list[str]:
    places = ["--data", str(folder), "--runs", str(folder / "runs"), "--out", str(folder / "models")]
    return [family, *places, "--device", "cpu", *more]


def test_a_family_is_trained_measured_and_bundled_once(small, in_process, capfd):
    assert main(arguments(small, "english", "--jobs", "2")) == 0
    assert "tiny-seed1: finished" in capfd.readouterr().out.splitlines()
    for seed in (0, 1):
        info = read_info(small / "models" / f"tiny-seed{seed}")
        assert (info["title"], info["seed"], info["bytes_seen"] >= 1500) == (f"Tiny {seed}", seed, True)
        assert info["tests"] and (small / "runs" / f"tiny_s{seed}.log").is_file()
    assert main(arguments(small, "english", "--jobs", "2")) == 0
    assert capfd.readouterr().out == "", "a second call has nothing to do"
    path = small / "models" / "tiny-seed0" / "model.json"
    whole = json.loads(path.read_text())
    path.write_text(
        json.dumps({k: v for k, v in whole.items() if k not in ("goal", "tests")} | {"bits_per_byte": 0})
    )
    assert main(arguments(small, "english", "--measure")) == 0
    assert json.loads(path.read_text()) == whole and "tiny-seed1: bundled" in capfd.readouterr().out
    # A longer training goes on from the checkpoint, and replaces the bundle.
    assert main(arguments(small, "english", "--only", "tiny-seed0", "--bytes", "2500")) == 0
    out = capfd.readouterr()
    assert "tiny-seed0: bundled" in out.out and "tiny-seed1" not in out.out
    assert read_info(small / "models" / "tiny-seed0")["bytes_seen"] >= 2500


@pytest.mark.slow
def test_stopped_and_taken_up_again(small, request):
    places = Places(small, small / "runs", small / "models", "cpu")
    (member, _), checkpoint = choose("english"), small / "runs" / "tiny_s0" / "checkpoint.safetensors"
    endless = replace(member, bytes=10**9)  # never over before the stop, however fast the machine
    assert train([endless], places, 1, checkpoint.exists) == [STOPPED]
    wanted = read_progress(checkpoint)["bytes"] + 1500
    assert wanted > 1500
    request.getfixturevalue("in_process")
    assert main(arguments(small, "english", "--only", member.name, "--bytes", str(wanted))) == 0
    assert wanted <= read_progress(checkpoint)["bytes"] < 2 * wanted


def test_experiments_are_measured_and_not_bundled(small, in_process, capfd):
    assert main(arguments(small, "experiments", "--finished-only")) == 0
    assert not (small / "runs").exists(), "nothing is trained"
    assert "left out, not trained to the length" in capfd.readouterr().out
    assert main(arguments(small, "experiments")) == 0
    assert (small / "runs" / "small" / "evaluation.json").is_file() and not (small / "models").exists()


def test_one_that_fails_leaves_the_others_and_the_exit_code_says_so(small, in_process, capfd):
    broken = small / "runs" / "tiny_s0"
    broken.parent.mkdir()
    broken.write_text("no folder")
    assert main(arguments(small, "english")) == 1
    out = capfd.readouterr()
    assert f"tiny-seed0: {BROKEN}" in out.out and "is a file; --out takes a folder" in out.err
    assert (small / "models" / "tiny-seed1" / "model.json").is_file()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["latin"], "family 'latin': must be one of english, all, experiments"),
        (["english", "--only", "nobody"], "'nobody': no member of english; there are tiny-seed0, tiny-seed1"),
        (["english", "--jobs", "0"], "--jobs and --bytes must be 1 or more"),
        (["english", "--data", "nowhere"], "there is no such file"),
        ([], "the following arguments are required"),
    ],
)
def test_wrong_calls_end_with_one_line(small, capsys, more, words):
    assert main([*(arguments(small, more[0], *more[1:]) if more else [])]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (small / "runs").exists()


def test_trainings_share_the_cores(small, monkeypatch):
    """As many at a time as were asked for, each with one thread unless the caller says otherwise."""
    running, most, environments = [], [], []

    class Training:
        returncode = 1

        def __init__(self, call, env, **_):
            running.append(self)
            most.append(len(running))
            environments.append(env)
            self.end = time.monotonic() + 0.05

        def poll(self):
            if time.monotonic() < self.end:
                return None
            running.remove(self)
            return 1

    monkeypatch.setattr(train_families.subprocess, "Popen", Training)
    monkeypatch.setattr(train_families, "POLL", 0.01)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    places = Places(small, small / "runs", small / "models", "cpu")
    assert train(choose("english") * 3, places, 2, lambda: False) == [BROKEN] * 6
    assert max(most) == 2
    assert {(e["OMP_NUM_THREADS"], e["NUMBA_NUM_THREADS"]) for e in environments} == {("3", "1")}
