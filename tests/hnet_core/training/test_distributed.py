"""Two processes on one CPU make the training that one process makes."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hnet_core.training.__main__ import main
from hnet_core.training.checkpoints import FILE
from tests.hnet_core.training.recipes import write_recipe, write_text

SAME = (
    "step",
    "bytes",
    "loss",
    "bpb",
    "ratio_loss",
    "bytes_per_chunk_0",
    "boundary_rate_0",
    "grad_norm",
    "lr",
)


def arguments(folder: Path, out: str, *more: str) -> list[str]:
    paths = ["--config", folder / "recipe.json", "--data", folder / "text.jsonl", "--out", folder / out]
    return [*map(str, paths), "--device", "cpu", *more]


def curve(folder: Path) -> list[list[float]]:
    with (folder / "training.csv").open() as stream:
        return [[float(row[name]) for name in SAME] for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, root) -> Path:
    """Folders of the same training: `one` process, `ddp` and `fsdp` with two, whose chunk budget is often exceeded."""
    folder = tmp_path_factory.mktemp("trained")
    write_recipe(folder, bytes=1500, log_steps=1, row_bytes=64, decay=0)
    write_text(folder)
    assert main(arguments(folder, "one")) == 0
    valid = ["--valid", str(folder / "text.jsonl"), "--set", "valid_every=1200", "chunk_budget=64"]
    assert main(arguments(folder, "one-step", "--bytes", "1")) == 0
    calls = [arguments(folder, how, "--parallel", how, *valid) for how in ("ddp", "fsdp")]
    muon = ["--set", "optimizer=muon", "muon_learning_rate=0.01"]
    assert main(arguments(folder, "one-muon", *muon)) == 0
    calls += [arguments(folder, f"{how}-muon", "--parallel", how, *muon) for how in ("ddp", "fsdp")]
    calls += [arguments(folder, f"{how}-step", "--parallel", how, "--bytes", "1") for how in ("ddp", "fsdp")]
    (folder / "calls.json").write_text(json.dumps(calls))
    run_two(root, folder / "calls.json")
    return folder


def run_two(root: Path, calls: Path) -> None:
    """Two processes, started as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("two_processes.py")
    started = [
        subprocess.Popen(
            [sys.executable, str(script), str(calls)],
            env={**os.environ, **shared, "PYTHONPATH": str(root), "RANK": rank, "LOCAL_RANK": rank},
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    errors = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_get_the_gradients_of_one(trained, how):
    """After one step the first moments of AdamW are the gradients, times the same factor for all."""
    one, two = (load_file(trained / name / FILE) for name in ("one-step", f"{how}-step"))
    gradients = {name: value for name, value in one.items() if name.startswith("exp_avg/")}
    assert len(gradients) == sum(name.startswith("model/") for name in one)
    for name, gradient in gradients.items():
        largest = gradient.abs().max().item()
        torch.testing.assert_close(two[name], gradient, rtol=1e-4, atol=1e-4 * largest, msg=name)
    assert sum(gradient.abs().max() > 0 for gradient in gradients.values()) > 0.8 * len(gradients)


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_train_as_one(trained, how):
    for got, want in zip(curve(trained / how), curve(trained / "one"), strict=True):
        assert got == pytest.approx(want, rel=2e-3)
    one, two = (load_file(trained / name / FILE) for name in ("one", how))
    assert {name: t.shape for name, t in one.items()} == {name: t.shape for name, t in two.items()}
    for name, tensor in one.items():
        if name.startswith("model/"):
            torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=2e-4, msg=name)
    model = load_file(trained / how / "model" / "model.safetensors")
    assert all(torch.equal(tensor, two[f"model/{name}"]) for name, tensor in model.items())


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_train_as_one_with_muon(trained, how):
    one, two = (load_file(trained / f"{name}-muon" / FILE) for name in ("one", how))
    assert {name: t.shape for name, t in one.items()} == {name: t.shape for name, t in two.items()}
    assert any(name.startswith("momentum/") for name in one)
    for name, tensor in one.items():
        if name.startswith("model/"):
            torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=5e-4, msg=name)


def test_a_sharded_checkpoint_continues_in_one_process(trained):
    for name in ("fsdp", "one"):
        assert main(arguments(trained, name, "--resume", "--bytes", "2500")) == 0
    got, want = curve(trained / "fsdp"), curve(trained / "one")
    assert len(got) == len(want) > 4
    for one, other in zip(got, want, strict=True):
        assert one == pytest.approx(other, rel=5e-3)
