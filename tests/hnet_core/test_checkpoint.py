"""Model folders: found by name or path, checked before anything is allocated, written whole or not at all."""

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import (
    DTYPES,
    MODELS_ENVIRONMENT,
    WEIGHTS,
    load_model,
    model_folder,
    model_names,
    read_info,
    save_model,
    write_folder,
)
from hnet_core.config import HNetConfig
from hnet_core.errors import CheckpointError, ConfigError
from hnet_core.evaluate import score
from tests.tiny import tiny_model

LOADERS = [load_model, load_boundary_model]


@pytest.fixture
def folder(tmp_path) -> Path:
    save_model(tmp_path / "english", tiny_model(1), {"domain": "english"})
    return tmp_path / "english"


def rewrite(folder: Path, **changes) -> None:
    """Change entries of config.json."""
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | changes))


@pytest.mark.parametrize("n_stages", [0, 1, 2])
@pytest.mark.parametrize("tied", [False, True])
def test_a_saved_model_loads_as_it_was(n_stages, tied, tmp_path):
    model = tiny_model(n_stages, tie_embeddings=tied)
    save_model(tmp_path / "m", model, {"title": "Ä"})
    loaded = load_model(tmp_path / "m")
    assert loaded.config == model.config and loaded.info == {"name": "m", "title": "Ä"}
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    assert (loaded.model.lm_head.weight is loaded.model.embeddings.weight) == tied


def test_bf16_keeps_d_and_the_residual_projection_in_float32(tmp_path):
    save_model(tmp_path / "m", tiny_model(1), {}, dtype=torch.bfloat16)
    for name, tensor in load_file(tmp_path / "m" / WEIGHTS).items():
        fixed = name.endswith("mixer.D") or "residual_proj" in name
        assert tensor.dtype == (torch.float32 if fixed else torch.bfloat16), name


def test_models_are_found_by_name_path_and_environment(folder, tmp_path, monkeypatch):
    save_model(tmp_path / "dna", tiny_model(1), {})
    (tmp_path / "no_model").mkdir()
    assert model_names(tmp_path) == ["dna", "english"]
    assert model_folder("dna", tmp_path) == tmp_path / "dna"
    assert model_folder(folder) == folder
    monkeypatch.setenv(MODELS_ENVIRONMENT, str(tmp_path))
    assert model_folder("english") == folder


@pytest.mark.parametrize("load", LOADERS)
def test_an_unknown_name_is_answered_with_those_that_exist(load, folder, tmp_path):
    save_model(tmp_path / "dna", tiny_model(1), {})
    with pytest.raises(CheckpointError, match=r"'englsh'.*did you mean 'english'.*dna, english") as caught:
        load("englsh", models_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_no_models_at_all_is_said_so(tmp_path):
    with pytest.raises(CheckpointError, match="none"):
        load_model("english", models_dir=tmp_path)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "header"])
def test_damaged_weights_are_refused(load, kind, folder):
    path = folder / WEIGHTS
    whole = path.read_bytes()
    path.unlink()
    content = {
        "empty": b"",
        "text": b"not tensors",
        "cut": whole[: len(whole) // 2],
        "header": (2**60).to_bytes(8, "little") + whole[8:],
    }
    if kind in content:
        path.write_bytes(content[kind])
    with pytest.raises(CheckpointError, match="cannot be read") as caught:
        load(folder)
    assert WEIGHTS in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_info_is_refused(folder):
    for content in ("{", "[1]"):
        (folder / "model.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"model\.json"):
            read_info(folder)
    (folder / "model.json").unlink()
    assert read_info(folder) == {"name": "english"}


@pytest.mark.parametrize("load", LOADERS)
def test_a_pointer_in_the_place_of_weights_is_called_one(load, folder):
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n")
    with pytest.raises(CheckpointError, match="Git LFS pointer"):
        load(folder)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(load, value, folder):
    tensors = load_file(folder / WEIGHTS)
    name = next(n for n in tensors if "encoder" in n and tensors[n].dim() > 1)
    tensors[name].view(-1)[0] = value
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match=f"{name} holds NaN or infinity"):
        load(folder)


WRONG_INFO = {
    "name": [5, "", None, "\ud800"],
    "title": [5, ["a"]],
    "domain": [1.5, {}],
    "bos": ["yes", 1, None],
    "n_stages": ["1", 1.5, -1, True],
    "row_bytes": [0, "x", None],
    "seed": ["0", 2**70],
    "bits_per_byte": ["2.0", [1]],
    "bytes_per_chunk": [4.3, ["4"]],
    "data": ["a.txt", [1]],
    "boundary_shares": [[1], {"a": "b"}],
    "goal": ["words", {"met": "yes"}],
    "tests": [{}, ["a"], [{"name": 5}], [{"bits_per_byte": "2"}]],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in WRONG_INFO for value in WRONG_INFO[key]])
def test_info_of_another_type_is_refused_by_its_key(key, value, folder):
    (folder / "model.json").write_text(json.dumps({key: value}))
    with pytest.raises(CheckpointError, match=rf"model\.json: {key} is .* must be") as caught:
        load_boundary_model(folder)
    assert "\n" not in str(caught.value)


def test_info_of_the_bundled_models_and_of_others_keys_is_taken(root, folder):
    for path in (root / "assets" / "models").glob("*/model.json"):
        assert read_info(path.parent) == json.loads(path.read_text())
    info = {"name": "a", "bits_per_byte": None, "mine": [1, {"any": "thing"}]}
    (folder / "model.json").write_text(json.dumps(info))
    assert read_info(folder) == info


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"arch_layout": ["m3t1", ["T2"], "t1m1"]}, "encoder.layers.2"),
        ({"arch_layout": ["m1t1", ["T2"], "t1m1"]}, "encoder.layers"),
        ({"d_model": [64, 64]}, "embeddings.weight"),
        ({"ssm_cfg": {"d_state": 16}}, "(161, 32)"),
        ({"vocab_size": 300}, "(300, 32)"),
    ],
)
def test_a_configuration_that_contradicts_the_weights_is_refused(load, changes, named, folder):
    rewrite(folder, **changes)
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory that Linux keeps")
@pytest.mark.parametrize("load", LOADERS)
def test_a_configuration_of_billions_of_parameters_is_refused_without_allocating(load, folder):
    import resource

    widths = {"d_model": [8192, 8192], "d_intermediate": [8192, 8192]}
    rewrite(folder, arch_layout=["m4t4", ["T200"], "t4m4"], **widths)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="8192"):
        load(folder)
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    )  # kB; one matrix has 4,000,000


@pytest.mark.parametrize(
    "changes",
    [
        {"d_model": [10**9, 10**9]},
        {"arch_layout": ["m2t1", ["T999999999"], "t1m1"]},
        {"arch_layout": ["m2t1", ["T2"]]},
        {"d_modell": [1]},
    ],
)
@pytest.mark.parametrize("load", LOADERS)
def test_a_configuration_beyond_all_limits_is_refused(load, changes, folder):
    rewrite(folder, **changes)
    with pytest.raises(ConfigError):
        load(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_damaged_configuration_is_refused(content, folder):
    (folder / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_model(folder)


@pytest.mark.parametrize("n_stages", [1, 2])
def test_boundary_weights_give_boundaries_and_refuse_logits_in_one_sentence(n_stages, tmp_path):
    model = tiny_model(n_stages)
    kept = {n: model.state_dict()[n] for n in model.boundary_parameters()}
    write_folder(tmp_path / "edges", model.config, kept, {}, torch.float32)
    assert len(load_boundary_model(tmp_path / "edges").boundaries(b"some bytes")) == n_stages
    with pytest.raises(CheckpointError, match="boundary weights only") as caught:
        load_model(tmp_path / "edges")
    assert "\n" not in str(caught.value)


def test_a_tensor_without_a_place_is_refused(folder):
    tensors = load_file(folder / WEIGHTS)
    save_file({**tensors, "backbone.surplus": torch.zeros(1)}, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"backbone\.surplus"):
        load_model(folder)


def listing(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("failing", ["tensors", "info"])
def test_a_failed_save_changes_nothing(existing, failing, tmp_path, monkeypatch):
    target = tmp_path / "models" / "m"
    if existing:
        save_model(target, tiny_model(1), {"note": "old"})
        (target / "training.csv").write_text("step\n")
    before = listing(tmp_path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if failing == "tensors":
        monkeypatch.setattr("hnet_core.checkpoint.save_file", full)
    info = {"note": object()} if failing == "info" else {"note": "new"}
    with pytest.raises((OSError, TypeError)):
        save_model(target, tiny_model(1, seed=5), info)
    assert listing(tmp_path) == before
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".")]


@pytest.mark.parametrize("failing", range(8))
@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_the_old_model_or_the_new_one_wherever_it_fails(
    in_one_step, failing, folder, monkeypatch
):
    """Every call that moves or writes a file fails once: both halves of the change are seen."""
    if not in_one_step:
        monkeypatch.setattr("hnet_core.exchange._exchanged", lambda a, b: False)
    (folder / "notes").mkdir()
    (folder / "notes" / "config.json").write_text("mine")
    before, calls = listing(folder.parent), []
    real = {"replace": os.replace, "copyfile": shutil.copyfile, "write_text": Path.write_text}

    def failing_at(name):
        def call(*args, **kwargs):
            calls.append(name)
            if len(calls) == failing + 1:
                raise OSError(28, "No space left on device")
            return real[name](*args, **kwargs)

        return call

    monkeypatch.setattr(os, "replace", failing_at("replace"))
    monkeypatch.setattr(shutil, "copyfile", failing_at("copyfile"))
    monkeypatch.setattr(Path, "write_text", failing_at("write_text"))
    try:
        save_model(folder, tiny_model(2), {"note": "new"})
    except OSError:
        assert listing(folder.parent) == before
    else:
        assert len(calls) <= failing
        assert load_model(folder).config.n_stages == 2 and (folder / "notes" / "config.json").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["english"]


def test_saving_again_replaces_the_model_and_keeps_its_curves(folder):
    (folder / "training.csv").write_text("step\n")
    save_model(folder, tiny_model(2), {"note": "new"})
    assert load_model(folder).config.n_stages == 2 and read_info(folder)["note"] == "new"
    assert (folder / "training.csv").read_text() == "step\n"


def test_the_written_configuration_has_the_published_form(folder):
    assert HNetConfig.from_dict(json.loads((folder / "config.json").read_text())) == tiny_model(1).config


def test_a_model_is_loaded_in_bfloat16_but_for_what_stays_wide(samples):
    wide, narrow = (load_model("english-1stage-seed0", dtype=dtype).model for dtype in DTYPES.values())
    for name, parameter in narrow.named_parameters():
        fixed = name.endswith("mixer.D") or "residual_proj" in name
        assert parameter.dtype == (torch.float32 if fixed else torch.bfloat16), name
    sizes = [sum(p.nbytes for p in model.parameters()) for model in (wide, narrow)]
    assert sizes[1] < 0.51 * sizes[0]
    # Every CPU kernel of it takes bfloat16: nothing falls back to loops over positions.
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        text = (samples / "english_hound.txt").read_bytes()[:3000]
        (nll, one), (narrow_nll, two) = score(wide, text), score(narrow, text)
    assert narrow_nll == pytest.approx(nll, rel=2e-3) and narrow_nll != nll
    assert (one != two).mean() < 0.01


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match=r"torch.float32, torch.bfloat16, got torch.float16"):
        load_model("english-1stage-seed0", dtype=torch.float16)
