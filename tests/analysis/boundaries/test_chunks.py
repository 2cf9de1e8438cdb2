"""Tables from tracks: exact offsets, exact tiling, declared columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import schema
from analysis.boundaries.chunks import boundary_table, chunk_table, summary_table
from analysis.boundaries.extract import analyse
from analysis.inputs.reading import Sequence
from tests.analysis.fake_model import FakeModel, FakeTrack


def track(byte, prob, is_boundary):
    return FakeTrack(np.array(byte), np.array(prob, np.float32), np.array(is_boundary, bool))


# Two sequences of 6 and 3 bytes, two stages, by hand.
TRACKS = [
    (
        track([0, 1, 2, 3, 4, 5], [1.0, 0.2, 0.8, 0.1, 0.7, 0.4], [1, 0, 1, 0, 1, 0]),
        track([0, 2, 4], [1.0, 0.3, 0.9], [1, 0, 1]),
    ),
    (track([0, 1, 2], [1.0, 0.1, 0.1], [1, 0, 0]), track([0], [1.0], [1])),
]


def rows(table):
    return [tuple(row) for row in table.itertuples(index=False)]


def test_chunks_by_hand():
    boundaries = schema.check(boundary_table(["a", "b"], TRACKS), schema.BOUNDARIES)
    assert len(boundaries) == 6 + 3 + 3 + 1
    assert rows(boundaries.loc[6:8, ["sequence", "stage", "byte", "is_boundary"]]) == [
        ("a", 1, 0, True),
        ("a", 1, 2, False),
        ("a", 1, 4, True),
    ]
    chunks = schema.check(chunk_table(boundaries, [6, 3]), schema.CHUNKS)
    assert rows(chunks.drop(columns="prob")) == [
        ("a", 0, 0, 2, 2),
        ("a", 0, 2, 4, 2),
        ("a", 0, 4, 6, 2),
        ("a", 1, 0, 4, 4),
        ("a", 1, 4, 6, 2),
        ("b", 0, 0, 3, 3),
        ("b", 1, 0, 3, 3),
    ]
    assert chunks["prob"].tolist() == pytest.approx([1.0, 0.8, 0.7, 1.0, 0.9, 1.0, 1.0])


def test_chunks_of_one_stage_end_with_their_sequence():
    boundaries = boundary_table(["a", "b"], [stages[:1] for stages in TRACKS])
    chunks = chunk_table(boundaries, [6, 3])
    assert rows(chunks[["sequence", "start", "end"]]) == [("a", 0, 2), ("a", 2, 4), ("a", 4, 6), ("b", 0, 3)]


def test_summary_by_hand():
    boundaries = boundary_table(["a", "b"], TRACKS)
    chunks = chunk_table(boundaries, [6, 3])
    table = schema.check(summary_table(boundaries, chunks), schema.SUMMARY)
    assert rows(table.drop(columns="mean_prob")) == [(0, 9, 9, 4, 9 / 4, 4 / 9), (1, 9, 4, 3, 3.0, 3 / 4)]
    assert table["mean_prob"].tolist() == pytest.approx([4.4 / 9, 3.2 / 4])
    each = schema.check(summary_table(boundaries, chunks, by_sequence=True), schema.SEQUENCE_SUMMARY)
    assert rows(each.loc[each["sequence"] == "b", ["stage", "n_bytes", "n_chunks"]]) == [(0, 3, 1), (1, 3, 1)]


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
def test_chunks_tile_any_input_and_nest(inputs):
    model = FakeModel(cuts=(bytes(range(0, 256, 3)), bytes(range(0, 256, 5)), b"\x00"))
    result = analyse([Sequence(f"s{i}", data) for i, data in enumerate(inputs)], model)
    for sequence in result.sequences:
        outer: set[int] = set(range(len(sequence.data)))
        for stage in range(model.n_stages):
            chunks = result.chunks_of(sequence.name, stage)
            pieces = [
                sequence.data[start:end] for start, end in zip(chunks["start"], chunks["end"], strict=True)
            ]
            assert b"".join(pieces) == sequence.data
            assert chunks["n_bytes"].tolist() == list(map(len, pieces)) and all(pieces)
            assert set(chunks["start"]) <= outer
            seen = result.boundaries_of(sequence.name, stage)
            assert seen["byte"].tolist() == sorted(outer)
            for part, table in ((seen, result.boundaries), (chunks, result.chunks)):
                of_both = (table["sequence"] == sequence.name) & (table["stage"] == stage)
                pd.testing.assert_frame_equal(part, table[of_both].reset_index(drop=True))
            outer = set(chunks["start"])
    pd.testing.assert_frame_equal(result.summary, summary_table(result.boundaries, result.chunks))


def test_an_analysis_keeps_9_bytes_a_position_and_5_where_every_byte_is_seen():
    ((outer, inner),) = analyse([Sequence("s", b"The cat sat. " * 999)], FakeModel()).tracks
    kept = [
        sum(each.nbytes for each in (t.prob, t.is_boundary, t.offsets) if each is not None)
        for t in (outer, inner)
    ]
    assert kept == [5 * len(outer.byte), 9 * len(inner.byte)] and len(outer.byte) == 999 * 13


def test_check_names_the_column_in_the_wrong():
    table = boundary_table(["a", "b"], TRACKS)
    with pytest.raises(TypeError, match="'byte' is int32, should be int64"):
        schema.check(table.astype({"byte": "int32"}), schema.BOUNDARIES)
    with pytest.raises(TypeError, match="columns"):
        schema.check(table[["byte", "sequence"]], schema.BOUNDARIES)
    assert isinstance(schema.check(table, schema.BOUNDARIES), pd.DataFrame)
