"""The Python face: what hnet_core.load_model gives, and that it agrees with the parts underneath."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import hnet_core
from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import save_model, write_folder
from hnet_core.encoding import encode
from hnet_core.errors import CheckpointError, InputError
from tests.tiny import random_bytes, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A two-stage model."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_model(path, tiny_model(2), {"name": "tiny", "bos": True})
    return path


def test_importing_it_does_not_import_torch():
    code = "import sys, hnet_core; assert 'torch' not in sys.modules; print(hnet_core.load_model.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "load_model", done.stderr


def test_all_that_is_offered_is_there():
    for name in hnet_core.__all__:
        assert getattr(hnet_core, name).__doc__
    with pytest.raises(AttributeError, match="load_model"):
        hnet_core.nonesuch  # noqa: B018


def test_boundaries_and_chunks(folder):
    model, data = hnet_core.load_model(folder), random_bytes(500)
    for got, want in zip(model.boundaries(data), load_boundary_model(folder).boundaries(data), strict=True):
        assert np.array_equal(got.byte, want.byte) and np.array_equal(got.is_boundary, want.is_boundary)
    for stage in range(2):
        chunks = model.chunks(data, stage)
        assert b"".join(chunks) == data and len(chunks) > 3
    assert model.chunks("aä") == model.chunks("aä".encode())
    with pytest.raises(InputError, match="stages 0 to 1"):
        model.chunks(data, 2)


def test_forward_and_surprisal_agree(folder, monkeypatch):
    model, data = hnet_core.load_model(folder), random_bytes(300)
    logits = model(data)
    assert logits.shape == (301, 256)
    want = -torch.log_softmax(logits[:-1].double(), -1)[torch.arange(300), list(data)] / np.log(2)
    assert np.allclose(model.surprisal(data), want, atol=1e-5)
    monkeypatch.setattr("hnet_core.pretrained._SPAN", 64)
    assert np.allclose(model.surprisal(data), want, atol=1e-4)
    assert model.surprisal(b"").shape == (0,)


def test_without_a_start_marker_the_first_byte_is_no_surprise(tmp_path):
    save_model(tmp_path / "m", tiny_model(1), {"name": "m", "bos": False})
    model, data = hnet_core.load_model(tmp_path / "m"), random_bytes(50)
    bits = model.surprisal(data)
    assert bits.shape == (50,) and np.isnan(bits[0]) and not np.isnan(bits[1:]).any()
    assert model(data).shape == (50, 256)


@pytest.mark.parametrize("place", ["encoder", "main"])
@pytest.mark.parametrize("stage", [0, 1])
def test_vectors_stand_at_the_chunks_and_are_the_same_in_windows(folder, stage, place, monkeypatch):
    model, data = hnet_core.load_model(folder), random_bytes(400)
    found = model.vectors(data, stage, place)
    track = model.boundaries(data)[stage]
    assert np.array_equal(found.start, track.byte[track.is_boundary])
    assert found.vectors.shape == (len(found.start), model.config.d_model[stage])
    monkeypatch.setattr("hnet_core.boundaries.vectors.WINDOW", 37)
    again = model.vectors(data, stage, place)
    assert np.array_equal(found.start, again.start)
    assert np.allclose(found.vectors, again.vectors, atol=1e-4)


def test_vectors_of_the_encoder_are_what_the_encoder_says(folder):
    model, data = hnet_core.load_model(folder), random_bytes(200)
    ids = torch.from_numpy(encode(data).astype(np.int64))
    from hnet_core.rows import Rows

    with torch.no_grad():
        stage = model.module.backbone
        rows = Rows(torch.tensor([0, len(ids)]), ids=ids)
        encoded, _ = stage.encoder(model.module.embeddings(ids), rows)
        is_boundary = stage.routing_module(encoded, rows)[0].is_boundary
    want = encoded[is_boundary].numpy()
    found = model.vectors(data)
    assert np.allclose(found.vectors, want[-len(found.vectors) :], atol=1e-5)
    assert not np.allclose(model.vectors(data, place="main").vectors, found.vectors, atol=1e-2)


def test_vectors_refuse_what_is_not_there(folder):
    model = hnet_core.load_model(folder)
    with pytest.raises(InputError, match="stages 0 to 1"):
        model.vectors(b"abc", stage=2)
    with pytest.raises(InputError, match="encoder, main"):
        model.vectors(b"abc", place="decoder")
    assert model.vectors(b"").vectors.shape == (0, 32)


def test_a_folder_of_boundary_weights_cuts_and_says_that_it_cannot_predict(tmp_path):
    model = tiny_model(1)
    names = model.boundary_parameters()
    weights = {n: t for n, t in model.state_dict().items() if n in names}
    write_folder(tmp_path / "b", model.config, weights, {"name": "b"}, torch.float32)
    opened = hnet_core.load_model(tmp_path / "b")
    assert opened.chunks(b"the cat sat")
    for use in (opened.forward, opened.surprisal, opened.vectors, opened.generate):
        with pytest.raises(CheckpointError, match="boundary weights only"):
            use(b"the cat")


def test_save_and_open_again(folder, tmp_path):
    model, data = hnet_core.load_model(folder), random_bytes(100)
    model.save_pretrained(tmp_path / "copy")
    again = hnet_core.load_model(tmp_path / "copy")
    assert again.name == "copy" and torch.equal(again(data), model(data))
    model.save_pretrained(tmp_path / "half", torch.bfloat16)
    half = hnet_core.load_model(tmp_path / "half", dtype=torch.bfloat16)
    assert half.module.lm_head.weight.dtype == torch.bfloat16
    # A cut that falls otherwise changes all that follows, so only the first bytes are held together.
    assert torch.allclose(half(data)[:6].float(), model(data)[:6], atol=0.05)


def test_boundaries_in_bfloat16_do_not_depend_on_what_was_asked_before(folder):
    """Encoders read alone give what those of the whole model give."""
    data, models = random_bytes(100), [hnet_core.load_model(folder, dtype=torch.bfloat16) for _ in range(2)]
    models[1].forward(data)
    for alone, whole in zip(*(model.boundaries(data) for model in models), strict=True):
        assert alone.prob.dtype == np.float32 and np.array_equal(alone.prob, whole.prob)
    wide = hnet_core.load_model(folder).boundaries(data)[0]
    assert not np.array_equal(wide.prob, models[0].boundaries(data)[0].prob), "it was read in float32"


def test_wrong_calls_are_refused_in_a_sentence(folder, tmp_path):
    with pytest.raises(CheckpointError, match="did you mean 'tiny'"):
        hnet_core.load_model("tinny", models_dir=folder.parent)
    with pytest.raises(InputError, match="float64"):
        hnet_core.load_model(folder, dtype=torch.float64)
    model = hnet_core.load_model(folder)
    with pytest.raises(InputError, match="str or bytes, not int"):
        model.boundaries(5)
    with pytest.raises(InputError, match="temprature"):
        model.generate("a", temprature=1)
    with pytest.raises(InputError, match="float16"):
        model.save_pretrained(tmp_path / "x", torch.float16)
    assert not (tmp_path / "x").exists()
