"""Many inputs packed into few calls give what each gives alone."""

import numpy as np
import pytest

from hnet_core.boundaries import BoundaryModel
from tests.tiny import random_bytes, tiny_model


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("n_stages", [1, 2])
def test_packed_inputs_equal_each_alone(n_stages, bos):
    model = BoundaryModel(tiny_model(n_stages), {"bos": bos})
    data = [random_bytes(n, seed=n) for n in (1, 5, 0, 300, 2, 77, 128, 0)]
    packed = model.boundaries_many(data, window=128)
    assert len(packed) == len(data)
    for tracks, alone in zip(packed, map(model.boundaries, data), strict=True):
        for track, want in zip(tracks, alone, strict=True):
            assert track.byte.tolist() == want.byte.tolist()
            assert track.is_boundary.tolist() == want.is_boundary.tolist()
            np.testing.assert_allclose(track.prob, want.prob, atol=1e-5)
            assert track.byte.dtype == np.int64 and track.prob.dtype == np.float32


def test_short_inputs_share_calls_and_progress_rises(monkeypatch):
    model, calls, seen = BoundaryModel(tiny_model(1), {}), [], []
    packed = model._packed
    monkeypatch.setattr(model, "_packed", lambda data: calls.append(len(data)) or packed(data))
    model.boundaries_many([b"abc"] * 10 + [b"x" * 40], window=12, progress=lambda *at: seen.append(at))
    assert calls == [4, 4, 2]
    assert seen == sorted(seen) and seen[-1] == (70, 70) and len(seen) >= 4


def test_no_input_has_no_tracks():
    assert BoundaryModel(tiny_model(1), {}).boundaries_many([]) == []
