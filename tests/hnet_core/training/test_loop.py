"""The loop as a whole: it learns, stops and continues exactly, and stops before damage."""

import csv
import os
import signal
from pathlib import Path

import pytest
import torch

from hnet_core.checkpoint import load_model, read_info
from hnet_core.data.corpus import open_corpus
from hnet_core.data.documents import read_documents
from hnet_core.data.packing import RowStream
from hnet_core.evaluate import evaluate
from hnet_core.training import loop
from hnet_core.training.checkpoints import tensors_of
from hnet_core.training.loop import DivergedError, Training
from hnet_core.training.recipe import Recipe
from kernels.linear import precision
from tests.hnet_core.training.recipes import tiny_recipe, write_text


def make(folder: Path, *, seed=0, data_seed=0, valid=False, **options) -> Training:
    """A tiny training on a tiny text, in folder/out."""
    recipe, text = Recipe.from_dict(tiny_recipe(**options)), write_text(folder)
    corpus = open_corpus([text], recipe.domain, folder / "corpus")
    training = recipe.training
    stream = RowStream(
        corpus, row_bytes=training.row_bytes, batch_bytes=training.batch_bytes, data_seed=data_seed
    )
    out = folder / f"out{len(list(folder.glob('out*')))}"
    out.mkdir()
    documents = list(read_documents([text], "english")) if valid else None
    made = Training(recipe, stream, out, {"seed": seed, "data_seed": data_seed}, valid=documents)
    made.start()
    return made


def curve(training: Training) -> list[dict[str, str]]:
    """training.csv without the columns that tell time."""
    with (training.out / loop.LOG).open() as stream:
        return [
            {k: v for k, v in row.items() if k not in ("kb_per_s", "seconds")}
            for row in csv.DictReader(stream)
        ]


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in training.model.named_parameters()}


def stop_after(training: Training, step: int):
    return lambda: training.step >= step


def test_it_learns(tmp_path):
    training = make(tmp_path, learning_rate=0.01, valid=True)
    assert training.run()
    rows = curve(training)
    assert float(rows[0]["bpb"]) > 7 and float(rows[-1]["bpb"]) < 4.5
    assert float(rows[-1]["valid_bpb"]) < 4.5
    assert [row["step"] for row in rows[:3]] == ["3", "6", "9"]
    assert int(rows[-1]["bytes"]) >= 10_000 and int(rows[-1]["step"]) == training.step
    assert float(rows[-1]["bytes_per_chunk_0"]) == pytest.approx(
        1 / float(rows[-1]["boundary_rate_0"]), rel=0.1
    )


def test_the_rise_of_the_learning_rate_ends_after_its_bytes(tmp_path):
    training = make(tmp_path, learning_rate=0.01, warmup=0.5, warmup_bytes=1, decay=0.0)
    training.run(stop_after(training, 3))
    assert [float(row["lr"]) for row in curve(training)] == [0.01]


@pytest.mark.parametrize("step", [7, 12])
def test_continued_equals_uninterrupted(tmp_path, step):
    whole = make(tmp_path, valid=True)
    whole.run()
    part = make(tmp_path, valid=True)
    assert not part.run(stop_after(part, step))
    progress = loop.checkpoints.read_progress(part.checkpoint)
    again = make(tmp_path, valid=True, seed=0)
    (again.out / loop.LOG).write_bytes((part.out / loop.LOG).read_bytes())
    (again.out / loop.checkpoints.FILE).write_bytes(part.checkpoint.read_bytes())
    again.resume(progress)
    assert again.step == step and again.run()
    assert curve(again) == curve(whole)
    for name, value in weights(whole).items():
        assert torch.equal(weights(again)[name], value), name


def test_lines_after_the_checkpoint_are_dropped_and_made_again(tmp_path):
    whole = make(tmp_path)
    whole.run()
    part = make(tmp_path)
    part.run(stop_after(part, 7))
    saved = part.checkpoint.read_bytes()
    part.run(stop_after(part, 11))
    part.checkpoint.write_bytes(saved)
    part.resume(loop.checkpoints.read_progress(part.checkpoint))
    part.run()
    assert curve(part) == curve(whole)


def test_seeds_are_separate(tmp_path):
    base, other_weights, other_order = make(tmp_path), make(tmp_path, seed=1), make(tmp_path, data_seed=1)
    assert all(
        torch.equal(a, b) for a, b in zip(weights(base).values(), weights(other_order).values(), strict=True)
    )
    assert not torch.equal(base.model.embeddings.weight, other_weights.model.embeddings.weight)
    steps = [t.reader.next().packs[0].input_ids.tobytes() for t in (base, other_weights, other_order)]
    assert steps[0] == steps[1] != steps[2]


def test_the_model_folder_can_be_used(tmp_path):
    training = make(tmp_path, valid=True, seed=3)
    training.run()
    loaded = load_model(training.out / "model")
    for (name, a), b in zip(loaded.model.named_parameters(), training.model.parameters(), strict=True):
        assert torch.equal(a, b), name
    info = read_info(training.out / "model")
    assert info["name"] == "tiny" and info["seed"] == 3 and info["target"] == [4] and info["n_stages"] == 1
    assert info["bytes_seen"] == training.bytes_seen and info["bos"] is True
    assert info["bits_per_byte"] < 7 and len(info["bytes_per_chunk"]) == 1
    assert 0 <= info["boundary_shares"]["stage0_space_before_word"] <= 1
    assert (training.out / "model" / loop.LOG).read_text() == (training.out / loop.LOG).read_text()


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("lm_head.weight", "cross entropy is nan"),
        ("backbone.routing_module.q_proj_layer.weight", "stage 0 is nan"),
    ],
)
def test_a_loss_that_is_no_number_stops_before_the_weights(tmp_path, parameter, words):
    training = make(tmp_path)
    training.run(stop_after(training, 2))
    with torch.no_grad():
        training.model.get_parameter(parameter)[0] = float("nan")
    before = weights(training)
    with pytest.raises(DivergedError) as error:
        training.run()
    assert (
        words in str(error.value)
        and "step 3" in str(error.value)
        and str(training.checkpoint) in str(error.value)
    )
    assert all(
        torch.equal(a, b) or a.isnan().any()
        for a, b in zip(before.values(), weights(training).values(), strict=True)
    )


def test_gradient_that_is_no_number_names_its_parameter(tmp_path):
    training = make(tmp_path)
    training.model.embeddings.weight.register_hook(lambda grad: grad * float("inf"))
    with pytest.raises(DivergedError, match=r"gradient of embeddings.weight \(stage 0\)"):
        training.run()


def test_interrupting_a_save_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    training = make(tmp_path)
    training.run(stop_after(training, 2))
    held = training.checkpoint.read_bytes()

    def full_disk(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.checkpoints, "save_file", full_disk)
    with pytest.raises(OSError):
        training.run(stop_after(training, 4))
    assert training.checkpoint.read_bytes() == held
    assert not list(training.out.glob(".*partial"))


def test_a_signal_is_only_noted():
    from hnet_core.training.stopping import StopOnSignal

    before = signal.getsignal(signal.SIGTERM)
    with StopOnSignal() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
    assert signal.getsignal(signal.SIGTERM) is before


def test_validation_is_in_the_precision_of_the_training(tmp_path):
    training = make(tmp_path, valid=True, matmul_precision="bf16")
    got = training._validate()["valid_bpb"]
    training.model.eval()
    how = {"context": training.recipe.training.row_bytes, "domain": training.recipe.domain}
    wide = evaluate(training.model, training.valid, **how).bits_per_byte
    with precision("bf16"):
        narrow = evaluate(training.model, training.valid, **how).bits_per_byte
    assert got == narrow != wide and narrow == pytest.approx(wide, rel=0.01)


def test_a_process_that_does_not_write_keeps_no_tensors(tmp_path):
    training = make(tmp_path)
    training._advance()
    kept = tensors_of(training.model, training.optimizer)
    names = [name for name, _ in training.model.named_parameters()]
    assert {f"{kind}/{name}" for kind in ("model", "exp_avg", "exp_avg_sq", "step") for name in names} < set(
        kept
    )
    assert tensors_of(training.model, training.optimizer, keep=False) == {}
