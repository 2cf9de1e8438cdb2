"""Tables made piece by piece equal those made at once, on either strand."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.boundaries import extract, streaming
from analysis.boundaries.extract import analyse
from analysis.boundaries.streaming import local_worker
from analysis.commands.boundaries import stage_tables
from analysis.inputs.bases import reverse_complement
from analysis.inputs.sources import Sequence
from tests.analysis.fake_model import FakeModel

BASES = np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), 400).tobytes()
SEQUENCES = [
    Sequence("a", BASES, kind="dna"),
    Sequence("b", b"A", kind="dna"),
    Sequence("c", BASES[:37], kind="dna"),
]
MODEL = FakeModel(cuts=(b"AC", b"G", b"T"))


def tables(strand):
    pieces = local_worker(MODEL)(SEQUENCES, strand, None)
    found = {"bytes": [], "chunks": []}
    for kind, table in stage_tables(pieces, SEQUENCES, strand, set(found)):
        found[kind].append(table)
    return [pd.concat(found[kind], ignore_index=True) for kind in ("bytes", "chunks")]


@pytest.fixture(params=[(1, 1, 7), (3, 40, 16), (1000, 10**6, 10**6)], ids=str)
def sizes(request, monkeypatch):
    rows, pack, piece = request.param
    monkeypatch.setattr(streaming, "ROWS", rows)
    monkeypatch.setattr(extract, "PACK", pack)
    monkeypatch.setattr(extract, "PIECE", piece)


def test_forward_tables_equal_those_of_the_whole(sizes):
    whole = analyse(SEQUENCES, MODEL)
    boundaries, chunks = tables("+")
    pd.testing.assert_frame_equal(schema.check(boundaries, schema.BOUNDARIES), whole.boundaries)
    pd.testing.assert_frame_equal(schema.check(chunks, schema.CHUNKS), whole.chunks)


def test_reverse_tables_are_those_of_the_reverse_complement_turned_round(sizes):
    turned = [Sequence(s.name, reverse_complement(s.data), kind="dna") for s in SEQUENCES]
    whole = analyse(turned, MODEL)
    boundaries, chunks = tables("-")
    schema.check(boundaries, schema.BOUNDARIES)
    length = {s.name: len(s.data) for s in SEQUENCES}
    for table, want in ((boundaries, whole.boundaries), (chunks, whole.chunks)):
        n = want["sequence"].map(length).astype("int64")
        if "byte" in want:
            want = want.assign(byte=n - 1 - want["byte"])
        else:
            want = want.assign(start=n - want["end"], end=n - want["start"])
        keys = ["sequence", "stage", "byte" if "byte" in want else "start"]
        want = want.sort_values(keys, kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(table, want)


def test_reverse_chunks_tile_the_sequence_and_hold_what_the_model_read():
    _, chunks = tables("-")
    for _, part in chunks.groupby(["sequence", "stage"], observed=True):
        assert part["start"].iloc[0] == 0
        assert part["end"].tolist()[:-1] == part["start"].tolist()[1:]
    first = chunks[(chunks["sequence"] == "a") & (chunks["stage"] == 0)]
    read = [reverse_complement(BASES[a:b]) for a, b in zip(first["start"], first["end"], strict=True)]
    assert b"".join(read[::-1]) == reverse_complement(BASES)
    assert all(piece[-1:] in b"AC" for piece in read[1:])


def test_what_waits_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pieces = local_worker(MODEL)(SEQUENCES, "-", None)
    next(pieces)
    pieces.close()
    assert list(tmp_path.iterdir()) == []
