"""The model against the published implementation's numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from hnet_core import verify
from hnet_core.errors import CheckpointError
from hnet_core.golden import Comparison, Golden, checks
from hnet_core.losses import next_byte_nll
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
        results = checks(golden)
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


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "golden.safetensors"])
def test_verify_names_a_folder_that_lacks_what_every_comparison_needs(name, tmp_path, capsys):
    folder = copied(FOLDERS[0], tmp_path)
    (folder / name).unlink()
    assert verify.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert str(folder) in error and error.count("\n") == 1


def part(folder: Path, tmp_path: Path, keep: Callable[[str], bool], *files: str) -> Path:
    """A copy with the files named, config and weights, and of golden.safetensors the tensors to keep."""
    values = load_file(folder / "golden.safetensors")
    for name in ("config.json", "weights.safetensors", *files):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    save_file({name: value for name, value in values.items() if keep(name)}, tmp_path / "golden.safetensors")
    return tmp_path


PARTS = {
    "logits alone": (lambda n: n in ("packed.input_ids", "packed.logits", "packed.logit_pos"), (), "packed.logits"),
    "boundaries alone": (
        lambda n: n in ("varlen.input_ids", "varlen.cu_seqlens") or n.startswith("varlen.stage"), (),
        "varlen.stage.boundary_mask",
    ),
    "gradients alone": (lambda n: n == "packed.input_ids", ("grads.safetensors", "meta.json"), "gradients"),
    "no intermediates": (
        lambda n: not n.endswith(("encoder_out", "dechunk_out", "decoder_out", "main_out")),
        ("grads.safetensors", "meta.json"), "gradients",
    ),
    "no losses": (lambda n: True, (), "step.logits"),
}  # fmt: skip


@pytest.mark.parametrize("which", PARTS)
@pytest.mark.parametrize("folder", [FOLDERS[0], FOLDERS[-1]], ids=lambda f: f.name)
def test_verify_compares_the_part_that_is_there_and_says_what_is_not(which, folder, tmp_path, capsys):
    keep, files, wanted = PARTS[which]
    if which == "boundaries alone" and folder == FOLDERS[-1]:
        assert verify.main([str(part(folder, tmp_path, keep))]) == 2, "an isotropic model has no boundaries"
        return
    assert verify.main([str(part(folder, tmp_path, keep, *files))]) == 0
    compared, _, rest = capsys.readouterr().out.partition("not there, so not compared: ")
    kinds = {verify._kind(line.split()[-1]) for line in compared.splitlines()[:-1]}
    absent = rest.splitlines()[0].split(", ") if rest else []
    assert wanted in kinds or (wanted == "gradients" and "grad " in compared)
    assert not kinds & set(absent)
    if which == "logits alone":
        assert kinds == {"packed.logits"}
        assert {"masked", "varlen", "step", "packed.nll", "loss.ce", "gradients"} <= set(absent)
    if which == "no intermediates" and folder == FOLDERS[0]:
        assert set(absent) == {f"packed.stage.{n}_out" for n in ("encoder", "dechunk", "decoder", "main")}


@pytest.mark.parametrize("folder", [FOLDERS[1], FOLDERS[-1]], ids=lambda f: f.name)
def test_verify_takes_any_subset(folder, tmp_path):
    """Leave out each tensor, each entry of meta.json and each gradient, alone and with half of the others."""
    golden, noise = Golden.read(folder), torch.Generator().manual_seed(0)
    model = golden.model()

    def some(mapping: dict, without: str | None = None) -> dict:
        kept = torch.rand(len(mapping), generator=noise) < 0.5
        return {n: v for (n, v), k in zip(mapping.items(), kept, strict=True) if k and n != without}

    def outcome(values, grads, meta) -> list[str]:
        try:
            compared = Comparison(replace(golden, values=values, grads=grads, meta=meta))
        except CheckpointError as err:
            assert "input to run" in str(err) or "nothing to compare" in str(err)
            return []
        assert all(check.passed for check in compared.checks), [c for c in compared.checks if not c.passed]
        return compared.absent

    small = {n: v for n, v in golden.values.items() if not n.startswith(("masked", "varlen"))}
    for name in ("packed.logits", "packed.logit_pos", "step.prefill_len", "step.logits"):
        values = {n: v for n, v in small.items() if n != name}
        if name == "packed.logit_pos":
            del values["packed.logits"]  # without their positions they are of all
        assert name in outcome(values, golden.grads, golden.meta) or name == "packed.logit_pos"
    for name in golden.meta:
        outcome(small, {}, {n: v for n, v in golden.meta.items() if n != name})
    for _ in range(6):
        values = some(golden.values)
        for run in ("packed", "masked", "varlen", "step.prefill"):
            joint = "_" if run.startswith("step") else "."
            if f"{run}{joint}logit_pos" not in values:
                values.pop(f"{run}{joint}logits", None)
        losses = some(golden.meta["loss"])
        outcome(values, some(golden.grads), some(golden.meta) | {"loss": losses})
    assert len(list(model.parameters())) > 5


def test_logits_without_their_positions_must_be_all_of_them(tmp_path, capsys):
    folder = part(FOLDERS[0], tmp_path, lambda n: n in ("packed.input_ids", "packed.logits"))
    assert verify.main([str(folder)]) == 0
    values = load_file(folder / "golden.safetensors")
    values["packed.logits"] = values["packed.logits"][1:].clone()
    save_file(values, folder / "golden.safetensors")
    assert verify.main([str(folder)]) == 1
    assert "packed.logits (shape" in capsys.readouterr().out


def test_verify_refuses_inputs_that_cannot_be_run(tmp_path, capsys):
    folder = copied(FOLDERS[0], tmp_path)
    values = load_file(folder / "golden.safetensors")
    values["varlen.cu_seqlens"] = values["varlen.cu_seqlens"] + 1
    save_file(values, folder / "golden.safetensors")
    assert verify.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert "cu_seqlens must rise from 0" in error and error.count("\n") == 1


def test_tied_embeddings_share_one_gradient():
    """Tied, the one weight gets what embedding and head get apart where they hold the same numbers."""
    golden = Golden.read(FOLDERS[0])
    apart, ids = golden.model(), golden.values["packed.input_ids"].flatten()
    tied = type(apart)(type(apart.config).from_dict(apart.config.to_dict() | {"tie_embeddings": True})).eval()
    weights = golden.weights | {"lm_head.weight": golden.weights["embeddings.weight"]}
    apart.load_state_dict(weights)
    tied.load_state_dict(weights)
    assert tied.lm_head.weight is tied.embeddings.weight
    assert "lm_head.weight" not in dict(tied.named_parameters())
    cu_seqlens = torch.tensor([0, len(ids)])
    losses = [
        next_byte_nll(model(ids, cu_seqlens=cu_seqlens).logits, ids, cu_seqlens).mean()
        for model in (apart, tied)
    ]
    for loss in losses:
        loss.backward()
    assert torch.equal(*losses)
    head, embedding = apart.lm_head.weight.grad, apart.embeddings.weight.grad
    assert head.norm() > 0 and embedding.norm() > 0
    torch.testing.assert_close(tied.embeddings.weight.grad, head + embedding)
