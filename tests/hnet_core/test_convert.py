"""Published checkpoints become model folders; hostile and damaged ones become one line, and nothing else."""

import argparse
import collections
import datetime
import json
import os
import pickle
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError
from safetensors.torch import load_file, save_file

from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import WEIGHTS, load_model, save_model
from hnet_core.commands import run
from hnet_core.convert import main
from tests.tiny import random_bytes, tiny_config, tiny_model

MODEL_FILES = ["config.json", "model.json", "model.safetensors"]


@pytest.fixture
def model():
    return tiny_model(1)


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(tiny_config(1).to_dict()))
    return path


@pytest.fixture
def checkpoint(tmp_path, model) -> Path:
    path = tmp_path / "published.pt"
    torch.save(model.state_dict(), path)
    return path


def call(*args: object) -> int:
    return run(main, [str(a) for a in args])


def assert_refused(capsys, code: int, out: Path, *named: str) -> None:
    """One line on stderr that names what was wrong; no output folder and no remains of one."""
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
    assert [n for n in named if n not in printed.err] == [], printed.err
    assert code == 2
    assert not [path for path in out.parent.iterdir() if out.name in path.name]


def assert_same_model(folder: Path, model, dtype=torch.float32) -> None:
    wanted = {n: t.to(dtype).float() for n, t in model.state_dict().items()}
    loaded = load_model(folder).model.state_dict()
    assert loaded.keys() == wanted.keys()
    for n, t in loaded.items():
        fixed = n.endswith("mixer.D") or "residual_proj" in n
        assert torch.equal(t, model.state_dict()[n] if fixed else wanted[n]), n


# What is accepted


@pytest.mark.parametrize("kind", ["pt", "pt_legacy", "safetensors"])
def test_a_published_checkpoint_becomes_a_model_folder(kind, tmp_path, model, config):
    path, out = tmp_path / f"c.{kind.split('_')[0]}", tmp_path / "made"
    if kind == "safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=kind == "pt")
    assert call(path, config, out, "--name", "My model") == 0
    assert sorted(p.name for p in out.iterdir()) == MODEL_FILES
    assert_same_model(out, model)
    info = load_model(out).info
    assert (info["name"], info["n_stages"], info["weights"], info["bos"]) == ("My model", 1, "whole", True)
    assert info["n_parameters"] == sum(p.numel() for p in model.parameters())


def nested(kind: str, state: dict) -> dict:
    """A state dict as training programs save it."""
    return {
        "model": lambda: {"model": state, "step": 7, "optimizer": {"lr": 0.1}},
        "state_dict": lambda: {"epoch": 1, "state_dict": state},
        "module": lambda: {f"module.{n}": t for n, t in state.items()},
        "all": lambda: {"model": {"state_dict": {f"module._orig_mod.{n}": t for n, t in state.items()}}},
        "lightning": lambda: {"state_dict": {f"model.net.{n}": t for n, t in state.items()}},
        "compiled": lambda: within(state, "_orig_mod"),
        "fsdp": lambda: {
            f"_fsdp_wrapped_module.{n}": t for n, t in within(state, "_fsdp_wrapped_module").items()
        },
        "checkpointed": lambda: within(within(state, "_checkpoint_wrapped_module"), "module"),
    }[kind]()


def within(state: dict, wrapper: str) -> dict:
    """Names as they are where every block was wrapped by itself."""
    return {re.sub(r"(layers\.\d+\.)", rf"\1{wrapper}.", n): t for n, t in state.items()}


@pytest.mark.parametrize(
    "kind", ["model", "state_dict", "module", "all", "lightning", "compiled", "fsdp", "checkpointed"]
)
def test_wrappers_of_training_programs_are_taken_off(kind, tmp_path, model, config):
    torch.save(nested(kind, model.state_dict()), tmp_path / "c.pt")
    assert call(tmp_path / "c.pt", config, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


@pytest.mark.parametrize(
    ("stored", "option", "kept"),
    [
        (torch.bfloat16, [], torch.bfloat16),
        (torch.float32, [], torch.float32),
        (torch.float16, [], torch.float32),
        (torch.float32, ["--dtype", "bf16"], torch.bfloat16),
        (torch.bfloat16, ["--dtype", "fp32"], torch.float32),
    ],
)
def test_number_format_is_kept_or_chosen(stored, option, kept, tmp_path, model, config):
    torch.save(model.set_dtype(stored).state_dict(), tmp_path / "c.pt")
    assert call(tmp_path / "c.pt", config, tmp_path / "made", *option) == 0
    dtypes = {n: t.dtype for n, t in load_file(tmp_path / "made" / WEIGHTS).items()}
    fixed = {n for n in dtypes if n.endswith("mixer.D") or "residual_proj" in n}
    assert fixed and {dtypes[n] for n in fixed} == {torch.float32}
    assert {dtypes[n] for n in dtypes.keys() - fixed} == {kept}


def test_boundary_only_holds_just_those_tensors_and_gives_the_same_boundaries(
    tmp_path, model, config, checkpoint
):
    assert call(checkpoint, config, tmp_path / "edges", "--boundary-only", "--dtype", "fp32") == 0
    assert set(load_file(tmp_path / "edges" / WEIGHTS)) == set(model.boundary_parameters())
    save_model(tmp_path / "whole", model, {})
    data = random_bytes(500)
    (edges,), (whole,) = (load_boundary_model(tmp_path / n).boundaries(data) for n in ("edges", "whole"))
    assert edges.is_boundary.tolist() == whole.is_boundary.tolist()


def test_boundary_only_is_bf16_unless_told(tmp_path, config, checkpoint):
    assert call(checkpoint, config, tmp_path / "edges", "--boundary-only") == 0
    dtypes = {n: t.dtype for n, t in load_file(tmp_path / "edges" / WEIGHTS).items()}
    assert {d for n, d in dtypes.items() if not n.endswith("mixer.D")} == {torch.bfloat16}
    assert {d for n, d in dtypes.items() if n.endswith("mixer.D")} == {torch.float32}
    assert load_boundary_model(tmp_path / "edges").info["weights"] == "boundary"


def test_a_model_folder_keeps_what_is_known_of_it(tmp_path, model):
    """The option may stand between the two paths."""
    save_model(tmp_path / "whole", model, {"name": "whole", "domain": "dna", "bos": False, "target": [5]})
    (tmp_path / "whole" / "training.csv").write_text("step,loss\n1,2\n")
    assert call(tmp_path / "whole", "--boundary-only", tmp_path / "edges") == 0
    info = json.loads((tmp_path / "edges" / "model.json").read_text())
    assert (info["name"], info["domain"], info["bos"], info["target"]) == ("edges", "dna", False, [5])
    assert (tmp_path / "edges" / "training.csv").read_text() == "step,loss\n1,2\n"
    assert (tmp_path / "whole" / "model.json").exists()


def test_tied_embeddings_are_stored_once(tmp_path):
    tied = tiny_model(1, tie_embeddings=True)
    (tmp_path / "config.json").write_text(json.dumps(tied.config.to_dict()))
    torch.save(tied.state_dict(), tmp_path / "c.pt")
    assert call(tmp_path / "c.pt", tmp_path / "config.json", tmp_path / "made") == 0
    assert "lm_head.weight" not in load_file(tmp_path / "made" / WEIGHTS)
    assert_same_model(tmp_path / "made", tied)


def test_force_replaces_the_model_and_keeps_other_files(tmp_path, model, config, checkpoint):
    out = tmp_path / "made"
    save_model(out, tiny_model(2), {})
    (out / "notes.txt").write_text("mine")
    assert call(checkpoint, config, out, "--force") == 0
    assert_same_model(out, model)
    assert sorted(p.name for p in out.iterdir()) == [*MODEL_FILES, "notes.txt"]


def test_force_leaves_nothing_of_the_older_model(tmp_path, model, config, checkpoint):
    """Its tokens would make the new one a model of tokens; its curves are not the new one's."""
    out = tmp_path / "made"
    save_model(out, tiny_model(2), {})
    (out / "tokenizer.json").write_text("{}")
    (out / "training.csv").write_text("step\n")
    assert call(checkpoint, config, out, "--force") == 0
    assert_same_model(out, model)
    assert sorted(p.name for p in out.iterdir()) == MODEL_FILES


def test_a_head_that_shares_memory_with_untied_embeddings_is_stored_of_its_own(tmp_path, model, config):
    state = model.state_dict()
    state["lm_head.weight"] = state["embeddings.weight"]
    torch.save({**state, ENCODER: torch.cat([state[ENCODER]] * 2)[: len(state[ENCODER])]}, tmp_path / "c.pt")
    assert call(tmp_path / "c.pt", config, tmp_path / "made") == 0
    stored = load_file(tmp_path / "made" / WEIGHTS)
    assert torch.equal(stored["lm_head.weight"], stored["embeddings.weight"])
    assert torch.equal(stored[ENCODER], state[ENCODER])


@pytest.mark.parametrize(
    ("kind", "named"), [("safetensors", "c.pt"), ("pt", "c.safetensors"), ("pt", "c.ckpt")]
)
def test_the_content_says_what_a_checkpoint_is(kind, named, tmp_path, model, config):
    save_file(model.state_dict(), tmp_path / named) if kind == "safetensors" else torch.save(
        model.state_dict(), tmp_path / named
    )
    assert call(tmp_path / named, config, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


@pytest.mark.parametrize("start", [b"\x80\x02", b"\x80"])
def test_a_header_s_length_is_not_taken_for_a_pickle(start, tmp_path, model, config):
    """The first bytes of a safetensors file are a number, which may be any."""
    save_file(model.state_dict(), tmp_path / "plain.safetensors")
    plain = (tmp_path / "plain.safetensors").read_bytes()
    body = plain[8 + int.from_bytes(plain[:8], "little") :]
    header = plain[8 : len(plain) - len(body)].rstrip()
    length = next(n for n in range(len(header), 2**18) if n.to_bytes(8, "little").startswith(start))
    data = length.to_bytes(8, "little") + header.ljust(length) + body
    (tmp_path / "c.safetensors").write_bytes(data)
    assert data.startswith(start) and call(tmp_path / "c.safetensors", config, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


def in_pieces(folder: Path, state: dict, **changes: str) -> Path:
    """Two pieces and their index, as large checkpoints are published."""
    folder.mkdir()
    names = sorted(state)
    places = {n: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, n in enumerate(names)}
    for file in set(places.values()):
        save_file({n: state[n].clone() for n in names if places[n] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places | changes}), encoding="utf-8-sig")
    return index


@pytest.mark.parametrize("given", ["index", "folder", "folder with config.json", "hub"])
def test_a_checkpoint_in_pieces_is_read_by_its_index(given, tmp_path, model, config, monkeypatch):
    index = in_pieces(tmp_path / "s", model.state_dict())
    args = [index if given == "index" else index.parent, config]
    if given == "folder with config.json":
        config.rename(index.parent / "config.json")
        args = [index.parent]
    if given == "hub":
        monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repo, **how: str(index.parent))
        args = ["somebody/some_hnet", config]
    assert call(*args, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda index: (index.parent / "model-00002-of-00002.safetensors").unlink(), "model-00002-of-00002"),
        (lambda index: index.write_text("{}"), "weight_map"),
        (lambda index: index.write_text('{"weight_map": {"a": "../c.pt"}}'), "../c.pt"),
        (lambda index: index.write_text("["), "weight_map"),
        (
            lambda index: index.write_text(
                index.read_text("utf-8-sig").replace("-00001-of-00002", "-00002-of-00002", 1)
            ),
            "lacks",
        ),
    ],
)
def test_pieces_that_are_not_what_the_index_says_are_refused(damage, named, tmp_path, model, config, capsys):
    index = in_pieces(tmp_path / "s", model.state_dict())
    damage(index)
    assert_refused(capsys, call(index, config, tmp_path / "made"), tmp_path / "made", named)


def test_a_folder_of_several_checkpoints_is_asked_for_one(tmp_path, model, config, capsys):
    (tmp_path / "s").mkdir()
    for name in ("a.pt", "b.pt"):
        torch.save(model.state_dict(), tmp_path / "s" / name)
    assert_refused(capsys, call(tmp_path / "s", config, tmp_path / "made"), tmp_path / "made", "a.pt, b.pt")


def test_a_byte_order_mark_before_json_is_read_over(tmp_path, model, config, checkpoint):
    config.write_text(config.read_text(), encoding="utf-8-sig")
    assert call(checkpoint, config, tmp_path / "made") == 0
    info = tmp_path / "made" / "model.json"
    info.write_text(info.read_text(), encoding="utf-8-sig")
    assert load_model(tmp_path / "made").info["name"] == "made"


# What training programs keep beside the tensors

BESIDE = {
    "numpy numbers": {"best_loss": np.float64(0.5), "step": np.int64(3), "done": np.bool_(True)},
    "numpy array": {"losses": np.arange(3.0), "rng": np.random.RandomState(0).get_state()},
    "options": {"args": argparse.Namespace(lr=1e-3, out=Path("runs"), names={"a", "b"})},
    "settings": {"settings": types.SimpleNamespace(widths=range(3), part=slice(2))},
    "dates": {"date": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "took": datetime.timedelta(1)},
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", BESIDE)
def test_numbers_options_and_dates_beside_the_weights_are_passed_over(kind, zipped, tmp_path, model, config):
    content = {"model": model.state_dict(), **BESIDE[kind]}
    torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
    assert call(tmp_path / "c.pt", config, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


# omegaconf objects beside the tensors


def published_config_object(monkeypatch) -> object:
    """What omegaconf pickles, made from classes of the same names; gone again when the file is read."""
    homes = {}
    for module in (
        "omegaconf",
        "omegaconf.dictconfig",
        "omegaconf.listconfig",
        "omegaconf.base",
        "omegaconf.nodes",
    ):
        homes[module] = types.ModuleType(module)
        monkeypatch.setitem(sys.modules, module, homes[module])

    def new(where: str, **state):
        module, name = where.rsplit(".", 1)
        cls = getattr(homes[module], name, None) or type(name, (), {"__module__": module})
        setattr(homes[module], name, cls)
        made = cls()
        made.__dict__.update(state)
        return made

    metadata = {"ref_type": typing.Any, "object_type": dict, "key_type": str, "flags": {}, "optional": True}
    inner = new(
        "omegaconf.base.ContainerMetadata", resolver_cache=collections.defaultdict(dict, a=1), **metadata
    )
    width = new("omegaconf.nodes.AnyNode", _val=1024, _metadata=new("omegaconf.base.Metadata", **metadata))
    widths = new("omegaconf.listconfig.ListConfig", _content=[width], _metadata=inner)
    root = new("omegaconf.dictconfig.DictConfig", _content={"d_model": widths}, _metadata=inner, _parent=None)
    widths.__dict__["_parent"] = root
    return root


@pytest.mark.parametrize("zipped", [True, False])
def test_omegaconf_objects_are_passed_over(zipped, tmp_path, model, config, monkeypatch):
    with monkeypatch.context() as patch:
        content = {"config": published_config_object(patch), "state_dict": model.state_dict()}
        torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
    assert b"omegaconf" in (tmp_path / "c.pt").read_bytes() and "omegaconf" not in sys.modules
    assert call(tmp_path / "c.pt", config, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)


# Pickles that want to run code


class Payload:
    """Calls a function when unpickled in the ordinary way."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


def payload(kind: str, mark: Path) -> Payload:
    return {
        "os.system": lambda: Payload(os.system, f"touch {mark}"),
        "eval": lambda: Payload(eval, f"open({str(mark)!r}, 'w').close()"),
        "subprocess": lambda: Payload(subprocess.call, ["touch", str(mark)]),
        "open": lambda: Payload(open, str(mark), "w"),
    }[kind]()


@pytest.mark.parametrize("kind", ["os.system", "eval", "subprocess", "open"])
def test_the_payloads_are_live(kind, tmp_path):
    """Or the tests below would show nothing."""
    pickle.loads(pickle.dumps(payload(kind, tmp_path / "mark"), protocol=2))
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("kind", ["os.system", "eval", "subprocess", "open"])
@pytest.mark.parametrize("place", ["root", "beside", "inside_omegaconf", "legacy"])
def test_a_pickle_that_wants_to_run_code_is_refused(
    kind, place, tmp_path, model, config, monkeypatch, capsys
):
    mark, path, out = tmp_path / "mark", tmp_path / "evil.pt", tmp_path / "made"
    content = {"state_dict": model.state_dict(), "note": payload(kind, mark)}
    if place == "root":
        content = content["note"]
    with monkeypatch.context() as patch:
        if place == "inside_omegaconf":
            content["note"] = published_config_object(patch)
            content["note"].extra = payload(kind, mark)
        torch.save(content, path, _use_new_zipfile_serialization=place != "legacy")
    code = call(path, config, out)
    assert_refused(capsys, code, out, "evil.pt", "nothing was run")
    assert not mark.exists()


def test_plain_pickles_are_refused_too(tmp_path, config, capsys):
    for protocol in (2, 5):
        (tmp_path / "evil.pt").write_bytes(pickle.dumps(payload("os.system", tmp_path / "mark"), protocol))
        code = call(tmp_path / "evil.pt", config, tmp_path / "made")
        assert_refused(capsys, code, tmp_path / "made", "evil.pt")
    assert not (tmp_path / "mark").exists()


# What is wrong with the input


def damaged(kind: str, whole: bytes) -> bytes:
    return {
        "empty": b"",
        "text": b"this is no checkpoint",
        "cut": whole[: len(whole) // 2],
        "zip_start": b"PK\x03\x04" + b"\0" * 100,
        "pickle_start": b"\x80\x02X" + b"\0" * 100,
        "page": b"<!DOCTYPE html><p>not found",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n",
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "zip_start", "pickle_start", "page", "pointer"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files_are_refused(kind, suffix, tmp_path, model, config, checkpoint, capsys):
    if suffix == ".safetensors":
        save_file(model.state_dict(), tmp_path / "good.safetensors")
        checkpoint = tmp_path / "good.safetensors"
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(damaged(kind, checkpoint.read_bytes()))
    assert call(path, config, tmp_path / "made") == 2
    said = capsys.readouterr()
    assert "weights_only" not in said.err and "safe_globals" not in said.err, "advice to load unsafely"
    assert ("Git LFS pointer" in said.err) == (kind == "pointer")
    code = call(path, config, tmp_path / "made")
    assert_refused(capsys, code, tmp_path / "made", f"bad{suffix}")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_name(value, dtype, tmp_path, model, config, capsys):
    state = {n: t.clone().to(dtype) for n, t in model.state_dict().items()}
    state[ENCODER].view(-1)[-1] = value
    torch.save(state, tmp_path / "c.pt")
    code = call(tmp_path / "c.pt", config, tmp_path / "made")
    assert_refused(capsys, code, tmp_path / "made", "c.pt", ENCODER, "NaN or infinity")


@pytest.mark.parametrize(("stored", "option"), [(torch.float64, []), (torch.float32, ["--dtype", "bf16"])])
def test_weights_beyond_the_chosen_format_are_refused(stored, option, tmp_path, model, config, capsys):
    state = {n: t.to(stored) for n, t in model.state_dict().items()}
    state[ENCODER].view(-1)[0] = torch.finfo(torch.float32).max * (1 if option else 2)
    torch.save(state, tmp_path / "c.pt")
    code = call(tmp_path / "c.pt", config, tmp_path / "made", *option)
    assert_refused(capsys, code, tmp_path / "made", ENCODER, "too large")


def without(state: dict, name: str) -> dict:
    return {n: t for n, t in state.items() if n != name}


ENCODER = "backbone.encoder.layers.0.mixer.in_proj.weight"
WRONG_CONTENT = {
    "list": (lambda s: [1, 2], ["holds a list"]),
    "no_model": (lambda s: {"a": torch.zeros(3)}, ["embeddings.weight"]),
    "missing": (lambda s: without(s, ENCODER), ["lacks " + ENCODER]),
    "extra": (lambda s: {**s, "backbone.other": torch.zeros(1)}, ["backbone.other", "no place"]),
    "shape": (lambda s: {**s, ENCODER: torch.zeros(3, 4)}, [ENCODER, "(3, 4)"]),
    "expanded": (lambda s: {**s, ENCODER: torch.zeros(1).expand(10**6, 10**6)}, [ENCODER, "1000000"]),
    "meta": (lambda s: {**s, ENCODER: s[ENCODER].to("meta")}, [ENCODER, "no plain tensor"]),
    "integer": (lambda s: {**s, ENCODER: s[ENCODER].to(torch.int8)}, [ENCODER, "no plain tensor"]),
    "sparse": (lambda s: {**s, ENCODER: s[ENCODER].to_sparse()}, [ENCODER, "no plain tensor"]),
}


@pytest.mark.parametrize("kind", WRONG_CONTENT)
def test_content_that_contradicts_the_configuration_is_refused(kind, tmp_path, model, config, capsys):
    change, named = WRONG_CONTENT[kind]
    torch.save(change(model.state_dict()), tmp_path / "c.pt")
    assert_refused(capsys, call(tmp_path / "c.pt", config, tmp_path / "made"), tmp_path / "made", *named)


def test_a_head_that_differs_from_tied_embeddings_is_refused(tmp_path, checkpoint, capsys):
    tied = tiny_config(1, tie_embeddings=True).to_dict()
    (tmp_path / "tied.json").write_text(json.dumps(tied))
    code = call(checkpoint, tmp_path / "tied.json", tmp_path / "made")
    assert_refused(capsys, code, tmp_path / "made", "lm_head.weight differs")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["{tmp}/none.pt", "{config}", "{out}"], ["none.pt", "hub id"]),
        (["no/such.pt", "{config}", "{out}"], ["no/such.pt"]),
        (["{empty}", "{config}", "{out}"], ["is no checkpoint"]),
        (["{config}", "{config}", "{out}"], [".safetensors"]),
        (["{pt}", "{out}"], ["hnet_2stage_XL_code"]),
        (["{pt}", "hnet_9stage_L", "{out}"], ["hnet_9stage_L", "hnet_2stage_L"]),
        (["{pt}", "hnet_2stage_L", "{out}"], ["hnet_2stage_L.json", "backbone."]),
        (["{pt}", "{pt}", "{out}"], ["published.pt"]),
        (["{pt}"], ["--help"]),
        (["{pt}", "{config}", "{out}", "--dtype", "fp8"], ["fp8"]),
    ],
)
def test_wrong_calls_are_refused(args, named, tmp_path, config, checkpoint, capsys):
    (tmp_path / "empty").mkdir()
    values = {
        "tmp": tmp_path,
        "empty": tmp_path / "empty",
        "config": config,
        "pt": checkpoint,
        "out": tmp_path / "made",
    }
    code = call(*(a.format(**values) for a in args))
    assert_refused(capsys, code, tmp_path / "made", *named)


def test_an_isotropic_model_has_no_boundary_weights(tmp_path, capsys):
    save_model(tmp_path / "iso", tiny_model(0), {})
    code = call(tmp_path / "iso", tmp_path / "made", "--boundary-only")
    assert_refused(capsys, code, tmp_path / "made", "isotropic")


def test_an_existing_folder_is_left_alone(tmp_path, config, checkpoint, capsys):
    out = tmp_path / "made"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    for option in ([], ["--force"]):
        assert call(checkpoint, config, out, *option) == 2
        assert "made" in capsys.readouterr().err
        assert [p.name for p in out.iterdir()] == ["thesis.txt"]


def test_a_model_folder_is_not_overwritten_with_itself(tmp_path, model, capsys):
    save_model(tmp_path / "whole", model, {})
    assert call(tmp_path / "whole", "--boundary-only", tmp_path / "whole", "--force") == 2
    assert "itself" in capsys.readouterr().err
    assert_same_model(tmp_path / "whole", model)


# What can fail on the way


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by a POSIX call")
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_nothing_half_written(existing, tmp_path, model, config, checkpoint, capsys):
    import resource

    out, old = tmp_path / "made", tiny_model(1, seed=9)
    if existing:
        save_model(out, old, {})
    before = sorted(path.name for path in tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        code = call(checkpoint, config, out, "--force")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1 and capsys.readouterr().err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    if existing:
        assert_same_model(out, old)


def test_without_network_a_hub_id_is_one_clear_line(tmp_path, monkeypatch, capsys):
    def unreachable(repo, **how):
        raise LocalEntryNotFoundError("a long\nexplanation")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    assert call("cartesia-ai/hnet_2stage_L", tmp_path / "made") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "cartesia-ai/hnet_2stage_L" in err and "network" in err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_hub_id_is_refused(tmp_path, monkeypatch, capsys):
    def unknown(repo, **how):
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unknown)
    code = call("cartesia-ai/hnet_9stage", tmp_path / "made")
    assert_refused(capsys, code, tmp_path / "made", "cartesia-ai/hnet_9stage", "hub")


@pytest.mark.parametrize("brings", ["file", "config.json"])
def test_a_hub_id_is_downloaded_and_converted(brings, tmp_path, model, config, checkpoint, monkeypatch):
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    checkpoint.rename(snapshot / "published.pt")
    given = [config]
    if brings == "config.json":
        config.rename(snapshot / "config.json")
        given = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repo, **how: str(snapshot))
    assert call("somebody/some_hnet", *given, tmp_path / "made") == 0
    assert_same_model(tmp_path / "made", model)
    assert "somebody/some_hnet" in load_model(tmp_path / "made").info["note"]
