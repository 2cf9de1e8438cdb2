"""--init begins with the weights of a model, and snapshots keep boundary weights along the way."""

import json
from itertools import pairwise

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import read_info
from hnet_core.config import HNetConfig
from hnet_core.convert import convert
from hnet_core.errors import ConfigError
from hnet_core.model import HNetForCausalLM
from hnet_core.training.__main__ import main
from hnet_core.training.distributed import Processes
from hnet_core.training.snapshots import Snapshots, lengths
from tests.hnet_core.training.recipes import tiny_recipe, write_recipe, write_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A first training of four steps in `first`, with snapshots."""
    folder = tmp_path_factory.mktemp("init")
    write_recipe(folder, bytes=2000, snapshots=4)
    write_text(folder)
    assert main(arguments(folder, "first")) == 0
    return folder


def arguments(folder, out, *more):
    paths = [("--config", "recipe.json"), ("--data", "text.jsonl"), ("--out", out)]
    return [word for option, name in paths for word in (option, str(folder / name))] + [
        "--device",
        "cpu",
        *more,
    ]


def snapshots(folder):
    return sorted((folder / "snapshots").iterdir())


@pytest.mark.parametrize("source", ["first/model", "first/model/model.safetensors", "published.pt"])
def test_a_training_begins_with_the_weights_of_a_model(folder, source, capsys):
    weights = load_file(folder / "first" / "model" / "model.safetensors")
    torch.save(
        {"model": {f"module.{name}": tensor for name, tensor in weights.items()}}, folder / "published.pt"
    )
    out = "from_" + source.replace("/", "_").replace(".", "_")
    assert main(arguments(folder, out, "--init", str(folder / source), "--bytes", "1000")) == 0
    begun = load_file(snapshots(folder / out)[0])
    assert begun and all(torch.equal(tensor, weights[n].to(tensor.dtype)) for n, tensor in begun.items())
    assert read_info(folder / out / "model")["init"] == source.split("/")[-1]
    assert "init" not in read_info(folder / "first" / "model")
    # The same call goes on, with --init and without it; another beginning does not.
    for init in (["--init", str(folder / source)], []):
        assert main(arguments(folder, out, "--resume", *init, "--bytes", "1200")) == 0
    capsys.readouterr()
    other = folder / "other" / "model2"
    if not other.exists():
        convert(str(folder / "first" / "model"), None, other, name="model2")
    assert main(arguments(folder, out, "--resume", "--init", str(other))) == 2
    assert "was made with another init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("first/model", "has another architecture than the recipe"),
        ("first/model/model.safetensors", "check that the two belong together"),
        ("nothing", "no model named"),
        ("nothing.pt", "there is no such file"),
        ("half", "holds the boundary weights only"),
    ],
)
def test_what_cannot_be_begun_with_is_refused(folder, source, words, capsys):
    change = [] if source == "half" else ["--set", "model.d_intermediate=[0, 256]"]
    if source == "half" and not (folder / "half").exists():
        convert(str(folder / "first" / "model"), None, folder / "half", boundary_only=True, name="half")
    assert main(arguments(folder, "refused", "--init", str(folder / source), *change)) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (folder / "refused" / "checkpoint.safetensors").exists()


def test_snapshots_are_the_boundary_weights_at_lengths_even_in_the_logarithm(folder):
    assert lengths(12, 16_384, 4_000_000)[0] == 0 and len(lengths(12, 16_384, 4_000_000)) == 12
    got = lengths(12, 16_384, 4_000_000)[1:]
    assert (got[0], got[-1]) == (16_384, 4_000_000)
    assert all(abs(b / a - got[1] / got[0]) < 1e-3 for a, b in pairwise(got))
    assert lengths(2, 512, 2000) == [0, 2000] and lengths(3, 500, 2000) == [0, 500, 2000]
    files = snapshots(folder / "first")
    seen = [int(path.stem) for path in files]
    assert seen[0] == 0 and len(seen) == 4 and seen[-1] == read_info(folder / "first" / "model")["bytes_seen"]
    with safe_open(files[1], "pt") as stream:
        assert stream.metadata()["bytes_seen"] == str(seen[1])
    last, model = load_file(files[-1]), load_file(folder / "first" / "model" / "model.safetensors")
    assert all(torch.equal(tensor, model[n].to(tensor.dtype)) for n, tensor in last.items())
    assert not torch.equal(load_file(files[0])["embeddings.weight"], last["embeddings.weight"])
    boundary = folder / "as_model"
    convert(str(folder / "first" / "model"), None, boundary, boundary_only=True, name="as_model", force=True)
    (boundary / "model.safetensors").write_bytes(files[1].read_bytes())
    assert len(load_boundary_model(boundary).boundaries(b"the cat sat")) == 1


def test_snapshots_may_not_be_large(tmp_path):
    model = HNetForCausalLM(HNetConfig.from_dict(tiny_recipe()["model"]))
    Snapshots(tmp_path, model, 12, 512, 10_000, Processes())
    with pytest.raises(ConfigError, match="would be more than 2 MB together; at most"):
        Snapshots(tmp_path, model, 200, 512, 10_000, Processes())


@pytest.mark.parametrize("value", ["1", "-1", "true"])
def test_a_count_that_is_none_is_refused(folder, capsys, value):
    assert main(arguments(folder, "refused", "--set", f"snapshots={value}")) == 2
    assert "snapshots" in capsys.readouterr().err


def test_the_prior_is_said_in_title_and_card(folder):
    assert main(arguments(folder, "prior", "--bytes", "600", "--set", "prior_bytes=500", "title=Tiny")) == 0
    info = json.loads((folder / "prior" / "model" / "model.json").read_text())
    assert info["title"] == "Tiny, warm-started"
    assert info["warm_started"] == "drawn to space-like places for its first 500 bytes"
    assert "warm_started" not in read_info(folder / "first" / "model")
