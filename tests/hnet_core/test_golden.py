"""The model against the published implementation's numbers."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from hnet_core import verify
from hnet_core.golden import Golden, checks
from kernels import backend

FOLDERS = sorted(
    p.parent for p in (Path(__file__).parents[1] / "data" / "golden").glob("*/golden.safetensors")
)


def test_all_golden_folders_are_there():
    assert len(FOLDERS) == 6


@pytest.mark.parametrize("kernels", ["auto", "reference"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_model_matches_the_published_numbers(folder, kernels):
    golden = Golden.read(folder)
    with backend.using(kernels):
        results = list(checks(golden))
    assert len(results) > 20
    assert [c for c in results if not c.passed] == []


@pytest.mark.gpu
@pytest.mark.parametrize("kernels", ["auto", "reference"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_model_on_a_gpu_matches_the_published_numbers(folder, kernels):
    golden = Golden.read(folder, "cuda")
    assert golden.model().lm_head.weight.is_cuda
    with backend.using(kernels):
        assert [c for c in checks(golden) if not c.passed] == []


def test_every_stored_quantity_is_compared():
    golden = Golden.read(FOLDERS[1])
    compared = {c.quantity for c in checks(golden)}
    inputs = {"input_ids", "logit_pos", "cu_seqlens", "mask", "prefill_len", "prefill_logit_pos"}
    for name in golden.values:
        _, _, rest = name.partition(".")
        assert rest in inputs or name in compared, name
    assert {f"grad {n}" for n in golden.grads} <= compared


def copied(folder: Path, tmp_path: Path) -> Path:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_verify_fails_beyond_tolerance(tmp_path, capsys):
    folder = copied(FOLDERS[0], tmp_path)
    values = load_file(folder / "golden.safetensors")
    values["packed.logits"] = values["packed.logits"] + 3e-4
    save_file(values, folder / "golden.safetensors")
    assert verify.main([str(folder)]) == 1
    assert "BEYOND TOLERANCE  packed.logits" in capsys.readouterr().out


def test_verify_sees_a_wrong_gradient(tmp_path, capsys):
    folder = copied(FOLDERS[0], tmp_path)
    grads = load_file(folder / "grads.safetensors")
    grads["lm_head.weight"] = grads["lm_head.weight"] * 1.01
    save_file(grads, folder / "grads.safetensors")
    assert verify.main([str(folder)]) == 1
    assert "grad lm_head.weight" in capsys.readouterr().out


def test_verify_passes_and_prints_each_quantity(capsys):
    assert verify.main([str(FOLDERS[0])]) == 0
    printed = capsys.readouterr().out
    for quantity in ("masked.logits", "varlen.nll", "packed.stage", "step.logits", "loss.total", "grad "):
        assert quantity in printed


def test_verify_runs_on_the_device_it_is_told(monkeypatch, capsys):
    asked = []

    def read(folder, device):
        asked.append(device)
        return Golden.read(folder)

    monkeypatch.setattr(verify, "Golden", SimpleNamespace(read=read))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert verify.main([str(FOLDERS[0]), "--device", "cuda"]) == 2
    assert "--device cuda: this machine has no CUDA device" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert verify.main([str(FOLDERS[0]), "--device", "cuda"]) == 0
    assert asked == ["cuda"]


def test_verify_names_an_incomplete_folder(tmp_path, capsys):
    folder = copied(FOLDERS[0], tmp_path)
    (folder / "grads.safetensors").unlink()
    assert verify.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert str(folder) in error and error.count("\n") == 1


def test_tied_embeddings_share_one_gradient(tmp_path):
    golden = Golden.read(FOLDERS[0])
    model = golden.model()
    tied = type(model)(type(model.config).from_dict(model.config.to_dict() | {"tie_embeddings": True}))
    assert tied.lm_head.weight is tied.embeddings.weight
    assert "lm_head.weight" not in dict(tied.named_parameters())
    assert torch.equal(model.embeddings.weight, golden.weights["embeddings.weight"])
