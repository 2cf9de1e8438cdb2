"""What holds of every input, random bytes too, for bundled models of one stage and two."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hnet_core
from analysis.boundaries.extract import analyse
from analysis.files.export import write_table
from analysis.inputs.sources import Sequence

MODELS = ("english-1stage-seed0", "code-2stage-seed0", "dna-2stage-seed0")
PIECES = st.sampled_from(
    [b"the cat ", b"\x00", b"\xff\xfe", b"\n\n", "道可".encode(), b"ACGT", b"def f(x):\n", b" " * 40]
)
INPUTS = st.lists(st.one_of(st.binary(min_size=1, max_size=40), PIECES), min_size=1, max_size=20).map(
    b"".join
)
NEAR = 1e-4
"""Probabilities this near to 0.5 may fall on either side where products are summed in another order."""


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return hnet_core.load_model(request.param).boundary_model


@given(data=INPUTS, other=INPUTS, cuts=st.lists(st.integers(1, 60), min_size=1, max_size=5))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_chunks_tile_nest_and_are_the_same_alone_together_and_in_pieces(model, data, other, cuts):
    tracks = model.boundaries(data)
    outer = np.arange(len(data))
    for track in tracks:
        assert track.byte.tolist() == outer.tolist() and track.is_boundary[0]
        outer = track.byte[track.is_boundary]
    chunks = [data[a:b] for a, b in zip(outer, [*outer[1:], len(data)], strict=True)]
    assert b"".join(chunks) == data and all(chunks)
    together, _ = model.boundaries_many([data, other])
    stream, parts, at = model.open(), [], 0
    while at < len(data):
        size = cuts[len(parts) % len(cuts)]
        parts.append(stream.feed(data[at : at + size]))
        at += size
    pieces = [type(each[0]).joined(list(each)) for each in zip(*parts, strict=True)]
    if min(np.abs(track.prob[1:] - 0.5).min(initial=1) for track in tracks) < NEAR:
        return
    for track, one, two in zip(tracks, together, pieces, strict=True):
        for found in (one, two):
            assert found.byte.tolist() == track.byte.tolist()
            assert found.is_boundary.tolist() == track.is_boundary.tolist()
            np.testing.assert_allclose(found.prob, track.prob, atol=NEAR)


@given(data=INPUTS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_tables_read_back_equal(model, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("tables")
    table = analyse([Sequence("=one, 'two'", data)], model).boundaries
    write_table(table, folder / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "t.parquet"), table)
    write_table(table, folder / "t.csv")
    read = pd.read_csv(folder / "t.csv")
    assert read["byte"].tolist() == table["byte"].tolist()
    assert read["is_boundary"].tolist() == table["is_boundary"].tolist()
    assert read["prob"].to_numpy(np.float32).tolist() == table["prob"].tolist()
