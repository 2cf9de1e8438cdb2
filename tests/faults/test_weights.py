"""Weights that would give an answer without a meaning are refused before they give one."""

import os

import pytest
import torch
from safetensors.torch import load_file, save_file

import hnet_core
from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import WEIGHTS, load_model, save_model
from hnet_core.errors import CheckpointError
from tests.tiny import tiny_model

TENSOR = "backbone.routing_module.q_proj_layer.weight"
READERS = {"whole": load_model, "boundaries": load_boundary_model}


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "m", tiny_model(1), {"name": "m"})
    return tmp_path / "m"


@pytest.mark.parametrize("kind", [torch.int32, torch.bool, torch.complex64, torch.uint8])
@pytest.mark.parametrize("read", READERS)
def test_weights_that_are_no_real_numbers_are_refused_by_name(read, kind, folder):
    tensors = load_file(folder / WEIGHTS)
    save_file(tensors | {TENSOR: tensors[TENSOR].to(kind)}, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match=TENSOR):
        READERS[read](folder)


@pytest.mark.parametrize("scale", [1e15, 1e25, 1e36])
@pytest.mark.parametrize("how", ["one", "many", "stream"])
def test_weights_too_large_to_compute_with_give_no_boundaries(how, scale, tmp_path):
    """All are numbers, and yet their products are not: one chunk, of probability NaN, was the answer."""
    model = tiny_model(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    save_model(tmp_path / "m", model, {"name": "m"})
    opened = hnet_core.load_model(tmp_path / "m").boundary_model
    ask = {
        "one": lambda: opened.boundaries(b"the cat sat"),
        "many": lambda: opened.boundaries_many([b"the cat", b"sat"]),
        "stream": lambda: opened.open().feed(b"the cat sat"),
    }
    with pytest.raises(CheckpointError, match=r"stage 0.*NaN"):
        ask[how]()


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_or_folder_in_the_place_of_weights_is_refused_at_once(read, folder):
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    with pytest.raises(CheckpointError, match="no file"):
        READERS[read](folder)
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    with pytest.raises(CheckpointError, match="no file"):
        READERS[read](folder)
