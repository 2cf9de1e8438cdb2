"""Steps that a worker reads ahead are the steps without one: same bytes, same places to resume at, same training."""

import csv
import threading
from itertools import pairwise

import numpy as np
import pytest
import torch

from hnet_core.data.corpus import Corpus
from hnet_core.data.packing import Position, RowStream
from hnet_core.data.tokens import BYTES, BpeTokenizer
from hnet_core.training import reading
from hnet_core.training.__main__ import main as train
from hnet_core.training.checkpoints import FILE, read_progress
from hnet_core.training.reading import Reader
from tests.hnet_core.training.recipes import WORDS, write_recipe, write_text

TEXTS = [(WORDS * n).encode() for n in (1, 2, 5, 9)]


@pytest.fixture
def ahead(monkeypatch):
    """Read ahead on a CPU as on a GPU."""
    monkeypatch.setitem(reading.AHEAD, "cpu", reading.AHEAD["cuda"])
    yield
    assert not workers()


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("reading")]


def reader(tokenizer=BYTES) -> Reader:
    offsets = np.cumsum([0, *map(len, TEXTS)])
    corpus = Corpus(np.frombuffer(b"".join(TEXTS), dtype=np.uint8), offsets, "x")
    stream = RowStream(corpus, row_bytes=64, batch_bytes=200, data_seed=3, reverse_complement=0.5)
    return Reader(stream, tokenizer, 100)


def taken(source: Reader, n: int) -> list:
    """n steps: every pack's ids and limits, and what is told beside them."""
    found = []
    for _ in range(n):
        step = source.next()
        assert source.position == step.position
        packs = [(pack.input_ids.tolist(), pack.cu_seqlens.tolist()) for pack in step.packs]
        found.append((packs, step.n_bytes, step.ids_per_byte, step.position))
    return found


@pytest.mark.parametrize("bpe", [False, True], ids=["bytes", "bpe"])
def test_the_same_steps_over_many_epochs(bpe, monkeypatch):
    tokenizer = BpeTokenizer.train([text.decode() for text in TEXTS], 300) if bpe else BYTES
    want = taken(reader(tokenizer), 30)
    monkeypatch.setitem(reading.AHEAD, "cpu", 2)
    ahead = reader(tokenizer)
    assert taken(ahead, 30) == want
    assert want[-1][-1].epoch > 2
    assert workers()
    ahead.close()
    assert not workers()


def test_it_is_read_ahead_and_counted_as_it_is_taken(ahead):
    source = reader()
    source.next()
    for future in source._pending:
        future.result()
    assert source._stream.position != source.position, "nothing is read ahead"
    positions = [step[-1] for step in taken(source, 3)]
    assert all((a.epoch, a.row) < (b.epoch, b.row) for a, b in pairwise(positions))
    source.close()
    assert source._stream.position == source.position


def test_it_goes_on_where_a_checkpoint_or_an_end_left_it(ahead):
    source = reader()
    want = taken(source, 12)
    source.seek(want[4][-1])
    assert taken(source, 3) == want[5:8]
    source.close()
    assert taken(source, 4) == want[8:], "after an end"
    source.seek(Position())
    assert taken(source, 12) == want
    source.close()


def test_what_fails_in_the_worker_is_raised_in_its_step(ahead, monkeypatch):
    source = reader()
    taken(source, 1)
    monkeypatch.setattr(RowStream, "_read", broken)
    # What was read before the fault may still be taken.
    with pytest.raises(OSError, match="the disk is gone"):
        taken(source, reading.AHEAD["cuda"] + 1)
    source.close()


def broken(self, row, flipped):
    raise OSError("the disk is gone")


def curve(folder) -> list[dict]:
    with (folder / "training.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("kb_per_s", "seconds")} for row in rows]


def test_a_training_is_the_same_with_a_worker_also_resumed(tmp_path, monkeypatch):
    text = write_text(tmp_path)
    recipe = write_recipe(tmp_path, bytes=6000, learning_rate=0.01, warmup=0.0, decay=0.0)

    def run(name: str, n_bytes: int, *more: str) -> None:
        call = [
            "--config",
            str(recipe),
            "--data",
            str(text),
            "--out",
            str(tmp_path / name),
            "--device",
            "cpu",
        ]
        assert train([*call, "--bytes", str(n_bytes), *more]) == 0
        assert not workers()

    run("plain", 6000)
    monkeypatch.setitem(reading.AHEAD, "cpu", 2)
    run("ahead", 3000)
    run("ahead", 6000, "--resume")
    want, found = tmp_path / "plain", tmp_path / "ahead"
    assert curve(found)[-1] == curve(want)[-1]
    assert read_progress(found / FILE)["position"] == read_progress(want / FILE)["position"]
    assert (found / "model" / "model.safetensors").read_bytes() == (
        want / "model" / "model.safetensors"
    ).read_bytes()


def test_a_training_ends_with_its_worker_when_reading_fails(tmp_path, ahead, monkeypatch, capsys):
    monkeypatch.setattr(RowStream, "_read", broken)
    call = ["--config", str(write_recipe(tmp_path)), "--data", str(write_text(tmp_path)), "--device", "cpu"]
    assert train([*call, "--out", str(tmp_path / "run")]) == 1
    assert "the disk is gone" in capsys.readouterr().err


@pytest.mark.gpu
def test_a_gpu_copies_from_what_the_worker_pinned():
    source = reader()
    pinned = Reader(source._stream, BYTES, 100, "cuda")
    want = taken(reader(), 6)
    for packs, *_ in want:
        step = pinned.next()
        assert [(pack.input_ids.tolist(), pack.cu_seqlens.tolist()) for pack in step.packs] == packs
        assert all(torch.from_numpy(pack.input_ids).is_pinned() for pack in step.packs)
        assert all(torch.from_numpy(pack.cu_seqlens).is_pinned() for pack in step.packs)
    pinned.close()
