"""Rows never mix documents, lose no byte, and come in an order that the data seed alone decides."""

from itertools import chain

import numpy as np
import pytest

from hnet_core.data.corpus import Corpus
from hnet_core.data.packing import Position, RowStream, cut_rows
from hnet_core.encoding import BOS, EOS
from hnet_core.errors import InputError


def corpus_of(*documents: bytes) -> Corpus:
    offsets = np.cumsum([0, *map(len, documents)])
    return Corpus(np.frombuffer(b"".join(documents), dtype=np.uint8), offsets, "x")


def rows_of(packs) -> list[bytes]:
    found = []
    for pack in packs:
        limits = zip(pack.cu_seqlens, pack.cu_seqlens[1:], strict=False)
        found += [pack.input_ids[a:b].tobytes() for a, b in limits]
    return found


DOCUMENTS = [bytes([65 + i]) * n for i, n in enumerate((1, 30, 31, 95, 200))]


def epoch(stream: RowStream) -> list[bytes]:
    """Rows of the stream's present epoch, in order; the stream must give one row a step (batch_bytes=1)."""
    start, rows = stream.position.epoch, []
    while stream.position.epoch == start:
        rows += rows_of(stream.next_step(1).packs)
    return rows


def stream(row_bytes=32, batch_bytes=64, data_seed=0, documents=DOCUMENTS, **options) -> RowStream:
    return RowStream(
        corpus_of(*documents), row_bytes=row_bytes, batch_bytes=batch_bytes, data_seed=data_seed, **options
    )


def test_rows_hold_every_byte_once_and_never_two_documents():
    rows = epoch(stream(batch_bytes=1))
    contents = [row.strip(bytes([BOS, EOS])) for row in rows]
    assert all(len(set(content)) == 1 for content in contents), "a row with bytes of two documents"
    assert all(len(row) <= 32 for row in rows)
    for document in DOCUMENTS:
        mine = [row for row, content in zip(rows, contents, strict=True) if content[0] == document[0]]
        assert sum(len(row.strip(bytes([BOS, EOS]))) for row in mine) == len(document)
        assert sum(row[0] == BOS for row in mine) == 1 and sum(row[-1] == EOS for row in mine) == 1


def test_rows_of_a_document_are_even():
    table = cut_rows(np.array([0, 61]), 32)
    assert sorted(table.length) == [20, 20, 21]
    assert table.opens.tolist() == [True, False, False] and table.closes.tolist() == [False, False, True]


def test_steps_and_micro_batches_keep_their_sizes():
    step = stream(batch_bytes=100).next_step(micro_bytes=40)
    packs = step.packs
    assert len(packs) > 1 and all(len(pack.input_ids) <= 40 for pack in packs)
    assert 100 - 32 < sum(len(pack.input_ids) for pack in packs) <= 100
    assert step.n_bytes == sum(len(r.strip(b"\xfe\xff")) for r in rows_of(packs))
    whole = stream(batch_bytes=100).next_step(micro_bytes=1000).packs
    assert rows_of(packs) == rows_of(whole), "the split into micro-batches changes the step"


def test_order_comes_from_seed_and_epoch_alone():
    def first(seed, skip=0):
        it = stream(data_seed=seed)
        return [rows_of(it.next_step(64).packs) for _ in range(skip + 8)][skip:]

    assert first(1) == first(1)
    assert first(1) != first(2)
    it = stream(batch_bytes=1)
    one, two = epoch(it), epoch(it)
    assert sorted(one) == sorted(two) and one != two, "the second epoch repeats the order of the first"


def test_a_position_continues_exactly_there():
    one, other = stream(reverse_complement=0.5), stream(reverse_complement=0.5)
    for _ in range(9):
        one.next_step(64)
    assert one.position != Position()
    other.seek(one.position)
    for _ in range(12):
        assert rows_of(one.next_step(64).packs) == rows_of(other.next_step(64).packs)


def test_reverse_complement_turns_rows_and_their_ends():
    it = stream(documents=[b"AACGN" + b"A" * 60], batch_bytes=1, reverse_complement=1.0)
    rows = epoch(it)
    assert sorted(rows) == sorted([b"\xfe" + b"T" * 22, b"T" * 22, b"T" * 16 + b"NCGTT" + b"\xff"])


def test_half_of_the_rows_are_turned():
    it = stream(documents=[b"A" * 30_000], batch_bytes=20_000, reverse_complement=0.5)
    rows = rows_of(it.next_step(20_000).packs)
    turned = sum(b"T" in row for row in rows) / len(rows)
    assert 0.4 < turned < 0.6


def test_too_little_data_is_refused():
    with pytest.raises(InputError, match="357 bytes, less than one step of batch_bytes=1000"):
        stream(batch_bytes=1000)


def test_processes_share_a_step_and_its_position():
    alone = stream(batch_bytes=100)
    shared = [stream(batch_bytes=100, index=i, count=3) for i in range(3)]
    for _ in range(20):
        whole, parts = alone.next_step(1000), [it.next_step(1000) for it in shared]
        rows = [rows_of(part.packs) for part in parts]
        assert all(rows), "a process without a row"
        assert sorted(chain(*rows)) == sorted(rows_of(whole.packs)), "rows are missing, or read twice"
        assert {part.n_bytes for part in parts} == {whole.n_bytes}
        assert {it.position for it in shared} == {alone.position}


def test_a_step_must_have_a_row_for_every_process():
    with pytest.raises(InputError, match="batch_bytes=64 is less than a row of row_bytes=32 for each of 3"):
        stream(batch_bytes=64, count=3)
