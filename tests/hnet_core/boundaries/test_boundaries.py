"""Boundaries from encoders and routers alone equal those of the full forward, whatever the window."""

from itertools import chain

import numpy as np
import pytest
import torch

from hnet_core.boundaries import LARGEST_WINDOW, BoundaryModel, load_boundary_model
from hnet_core.checkpoint import load_model, save_model, write_folder
from hnet_core.encoding import encode
from hnet_core.errors import CheckpointError, ConfigError
from kernels import backend
from kernels.linear import precision
from kernels.mamba2 import cpu as mamba2_on_cpu
from tests.tiny import random_bytes, tiny_model

DATA = random_bytes(2300, seed=5)


def full_forward(model, data, bos):
    """Decisions of the whole model, at byte offsets, with the start marker taken out by hand."""
    ids = torch.from_numpy(encode(data, bos=bos).astype(np.int64))
    with torch.no_grad():
        out = model(ids, cu_seqlens=torch.tensor([0, len(ids)]))
    byte, tracks = np.arange(-int(bos), len(data)), []
    for stage in out.stages:
        kept = stage.is_boundary.numpy()
        found = {}
        for b, p, k in zip(byte, stage.prob.numpy(), kept, strict=True):
            found[max(int(b), 0)] = (1.0, True) if b <= 0 else (float(p), bool(k))
        tracks.append(found)
        byte = byte[kept]
    return tracks


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("window", [1, 7, 64, 1000, len(DATA)])
def test_windows_of_any_size_equal_the_full_forward(window, bos):
    model = tiny_model(2)
    data = DATA[:300] if window == 1 else DATA
    tracks = BoundaryModel(model, {"bos": bos}).boundaries(data, window=window)
    assert len(tracks) == 2
    for track, want in zip(tracks, full_forward(model, data, bos), strict=True):
        assert track.byte.tolist() == sorted(want)
        assert track.is_boundary.tolist() == [want[b][1] for b in sorted(want)]
        np.testing.assert_allclose(track.prob, [want[b][0] for b in sorted(want)], atol=1e-5)
    assert 0 < tracks[0].is_boundary.mean() < 1


@pytest.mark.parametrize("threshold", [0.3, 0.65])
@pytest.mark.parametrize("smooth", [False, True])
def test_another_threshold_is_a_full_forward_with_that_rule(threshold, smooth, monkeypatch):
    """Whole, window by window and packed; inner stages, whose p are other ones then, too."""
    changes = {"chunking": {"early_smoothing": True, "smoothing": False}} if smooth else {}
    model = tiny_model(2, **changes)
    cutting, trained = (
        BoundaryModel(model, {}).cutting_at((threshold,)),
        BoundaryModel(model, {}).boundaries(DATA),
    )
    found = [cutting.boundaries(DATA, window=w) for w in (len(DATA), 101)]
    found += [cutting.boundaries_many([DATA[:50], DATA], window=2 * len(DATA))[1]]
    monkeypatch.setattr("hnet_core.routers.decision.THRESHOLD", threshold)
    want = full_forward(model, DATA, bos=True)
    for tracks in found:
        for track, each in zip(tracks, want, strict=True):
            assert track.byte.tolist() == sorted(each)
            assert track.is_boundary.tolist() == [each[b][1] for b in sorted(each)]
            np.testing.assert_allclose(track.prob, [each[b][0] for b in sorted(each)], atol=1e-5)
        assert len(tracks[1].byte) != len(trained[1].byte)


def test_thresholds_are_numbers_between_0_and_1():
    model = BoundaryModel(tiny_model(2), {})
    assert model.cutting_at((0.4, None)).thresholds == (0.4, None) and model.thresholds == (None, None)
    for wrong in ((0,), (1.0,), (0.5, 2)):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            model.cutting_at(wrong)


def test_inner_stages_see_the_chunk_starts_of_the_outer_one():
    outer, inner = BoundaryModel(tiny_model(2), {}).boundaries(DATA)
    assert np.array_equal(inner.byte, outer.byte[outer.is_boundary])
    assert outer.byte[0] == inner.byte[0] == 0 and outer.is_boundary[0] and inner.is_boundary[0]


def test_two_pieces_under_way_at_a_time_give_what_one_gives(monkeypatch):
    model = BoundaryModel(tiny_model(2), {})
    pieces = [DATA[:90], b"", *(DATA[start : start + 100] for start in range(90, len(DATA), 100))]
    one_by_one = model.open()
    expected = [one_by_one.feed(piece) for piece in pieces]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    found = list(model.open().feed_all(pieces))
    assert len(found) == len(expected)
    for got, want in zip(chain(*found), chain(*expected), strict=True):
        assert np.array_equal(got.byte, want.byte) and np.array_equal(got.is_boundary, want.is_boundary)
        np.testing.assert_allclose(got.prob, want.prob, atol=1e-6)


def test_both_threads_run_on_the_backend_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    kernel, calls = mamba2_on_cpu.mamba2, []
    monkeypatch.setattr(mamba2_on_cpu, "mamba2", lambda *args: calls.append(args) or kernel(*args))
    model = BoundaryModel(tiny_model(1), {})
    for name, n_calls in (("numba", 2 * 3), ("reference", 0)):
        calls.clear()
        with backend.using(name):
            model.boundaries(DATA[:300], window=100)
        assert len(calls) == n_calls  # blocks of the encoder times windows


@pytest.mark.parametrize("threads", [1, 2])
def test_products_in_bf16_give_the_boundaries_of_the_full_forward_in_bf16(monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model = tiny_model(2)
    narrow = BoundaryModel(model, {}, "bf16")
    with precision("bf16"):
        expected = full_forward(model, DATA, True)
    streamed, packed = narrow.boundaries(DATA, window=100), narrow.boundaries_many([DATA, DATA[:9]])[0]
    for stage, want in enumerate(expected):
        for track in (streamed[stage], packed[stage]):
            assert track.is_boundary.tolist() == [want[b][1] for b in sorted(want)]
            # Single products may round to the next bfloat16 where windows change their shapes.
            np.testing.assert_allclose(track.prob, [want[b][0] for b in sorted(want)], atol=2**-8)
    wide = BoundaryModel(model, {}).boundaries(DATA)[0].prob
    assert np.abs(streamed[0].prob - wide).max() > 1e-4


def test_wider_layers_have_shorter_windows():
    narrow = BoundaryModel(tiny_model(1), {})
    assert narrow.window == LARGEST_WINDOW
    narrow.stages[0].encoder.layers[0].mixer.in_proj.weight = torch.nn.Parameter(torch.empty(1290, 8))
    assert narrow.window == 8192


def test_an_error_in_any_block_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for block in (0, 1):
        model = BoundaryModel(tiny_model(1), {})
        model.stages[0].encoder.layers[block].norm1.weight = torch.nn.Parameter(torch.zeros(3))
        with pytest.raises(ValueError, match="weight must be"):
            model.boundaries(DATA, window=100)


def test_empty_input_has_no_positions():
    tracks = BoundaryModel(tiny_model(2), {}).boundaries(b"")
    assert [len(t.byte) for t in tracks] == [0, 0]


def test_one_byte_starts_one_chunk():
    tracks = BoundaryModel(tiny_model(2), {}).boundaries(b"x")
    assert [t.byte.tolist() for t in tracks] == [[0], [0]] and all(t.is_boundary.all() for t in tracks)


def test_state_does_not_grow_with_the_input():
    stream = BoundaryModel(tiny_model(1), {}).open()
    sizes = []
    for _ in range(30):
        stream.feed(DATA[:100])
        cache = stream._state.encoder[2].caches[0]
        sizes.append(len(cache._buffer))
    assert max(sizes[3:]) <= 2 * (100 + 11)


@pytest.mark.parametrize(
    "chunking",
    [{}, {"router": "linear", "early_smoothing": True}, [{"router": "space_like"}, {"router": "cosine"}]],
    ids=["published", "early smoothing", "a router a stage"],
)
def test_only_the_needed_tensors_are_read_and_they_are_enough(tmp_path, chunking):
    model = tiny_model(2, chunking=chunking)
    save_model(tmp_path / "whole", model, {"name": "whole"})
    tensors = {n: model.state_dict()[n] for n in model.boundary_parameters()}
    write_folder(tmp_path / "thin", model.config, tensors, {"name": "thin"}, torch.float32)
    whole, thin = (load_boundary_model(tmp_path / n) for n in ("whole", "thin"))
    for a, b in zip(whole.boundaries(DATA), thin.boundaries(DATA), strict=True):
        assert np.array_equal(a.prob, b.prob)
    loaded = {n for n, p in whole.stages[0].named_parameters() if not p.is_meta}
    assert loaded and not any(n.startswith("decoder") or "residual_proj" in n for n in loaded)
    assert not any(n.startswith("main_network.main_network.main_network") for n in loaded)
    with pytest.raises(CheckpointError, match="boundary weights only"):
        load_model(tmp_path / "thin")


def test_isotropic_models_are_refused():
    with pytest.raises(ConfigError, match="isotropic"):
        BoundaryModel(tiny_model(0), {"name": "flat"})
