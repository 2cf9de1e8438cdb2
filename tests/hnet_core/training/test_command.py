"""python -m hnet_core.training: the whole command, killed and continued, and called wrongly."""

import csv
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from hnet_core.training.__main__ import main
from kernels.linear.choice import WORTH
from tests.hnet_core.training.recipes import write_recipe, write_text


@pytest.fixture
def call(tmp_path):
    """Arguments of a tiny training; `out` and further words may be given."""
    recipe, text = write_recipe(tmp_path, checkpoint_minutes=0, decay=0), write_text(tmp_path)

    def arguments(*more: str, out: str = "out") -> list[str]:
        paths = ["--config", str(recipe), "--data", str(text), "--out", str(tmp_path / out)]
        return [*paths, "--device", "cpu", *more]

    return arguments


def curve(folder):
    """training.csv as it is written, without the columns that tell time."""
    with (folder / "training.csv").open() as stream:
        return [
            {k: v for k, v in row.items() if k not in ("kb_per_s", "seconds")}
            for row in csv.DictReader(stream)
        ]


def test_killed_at_any_moment_and_continued(tmp_path, call, root):
    assert main(call(out="whole")) == 0
    process = subprocess.Popen([sys.executable, "-m", "hnet_core.training", *call()], cwd=root)
    log = tmp_path / "out" / "training.csv"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and not (log.exists() and len(log.read_text().splitlines()) > 2):
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(curve(tmp_path / "out")) < len(curve(tmp_path / "whole")), "it was over before the kill"
    assert main(call("--resume")) == 0
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")
    first, second = (load_file(tmp_path / out / "model" / "model.safetensors") for out in ("whole", "out"))
    assert all(first[name].equal(second[name]) for name in first)


def test_where_bfloat16_is_emulated_auto_trains_in_float32_and_says_so(tmp_path, call, root):
    command = [
        sys.executable,
        "-m",
        "hnet_core.training",
        *call("--set", "matmul_precision=auto", "bytes=1024"),
    ]
    said = {}
    for isa in ("AVX2", ""):
        more = ["--out", str(tmp_path / f"out{isa}")]
        done = subprocess.run(
            [*command, *more],
            cwd=root,
            env=os.environ | {"ONEDNN_MAX_CPU_ISA": isa},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        lines = re.findall(
            r"^matrix products in (\w+): measured ([\d.e+]+) .* and ([\d.e+]+) .*$", done.stderr, re.M
        )
        assert len(lines) == 1
        said[isa] = name, single, half = lines[0]
        assert (name == "bf16") == (float(half) > WORTH * float(single))
        info = json.loads((tmp_path / f"out{isa}" / "model" / "model.json").read_text())
        recipe = json.loads((tmp_path / f"out{isa}" / "recipe.json").read_text())
        assert info["matmul_precision"] == name and recipe["training"]["matmul_precision"] == "auto"
    if platform.machine() in ("x86_64", "AMD64"):
        assert said["AVX2"][0] == "fp32"


def test_terminated_saves_and_ends_well(tmp_path, call, monkeypatch, capsys):
    from hnet_core.training.loop import Training

    advance = Training._advance

    def terminated_at_five(self):
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return advance(self)

    monkeypatch.setattr(Training, "_advance", terminated_at_five)
    assert main(call("--set", "checkpoint_minutes=60")) == 0
    assert "stopped; --resume continues: step 5" in capsys.readouterr().out
    assert main(call("--resume", "--set", "checkpoint_minutes=60")) == 0
    assert "finished" in capsys.readouterr().out


def test_a_second_start_needs_resume_and_the_same_settings(tmp_path, call, capsys):
    assert main(call("--bytes", "1000")) == 0
    held = (tmp_path / "out" / "checkpoint.safetensors").read_bytes()
    assert main(call("--bytes", "1000")) == 2
    assert "already holds a training; give --resume" in capsys.readouterr().err
    wrong = ["--set", "learning_rate=1"], ["--seed", "1"], ["--set", "model.ssm_cfg.d_state=8"]
    for change, word in zip(wrong, ("learning_rate", "seed", "model"), strict=True):
        assert main(call("--resume", *change)) == 2
        assert f"was made with another {word};" in capsys.readouterr().err
    assert (tmp_path / "out" / "checkpoint.safetensors").read_bytes() == held
    assert main(call("--resume", "--bytes", "3000")) == 0


RATE = ["--set", "warmup=0.2", "decay=0.5"]


@pytest.mark.parametrize(
    ("done", "then"),
    [(1000, 20000), (1000, 1500), (9000, 18000), (9000, 9800), (7000, 7400)],
    ids=[
        "in warm-up",
        "in warm-up, shorter",
        "in decay",
        "in decay, a little",
        "from the plateau into decay",
    ],
)
def test_a_new_length_must_not_make_the_learning_rate_jump(done, then, tmp_path, call, capsys, monkeypatch):
    stop_at(monkeypatch, done)
    assert main(call(*RATE)) == 0
    capsys.readouterr()
    held = (tmp_path / "out" / "checkpoint.safetensors").read_bytes()
    assert main(call("--resume", *RATE, "--bytes", str(then))) == 2
    error = capsys.readouterr().err
    assert f"with bytes={then} the learning rate would jump from" in error and error.count("\n") == 1
    assert "resume with bytes=10000" in error
    assert (tmp_path / "out" / "checkpoint.safetensors").read_bytes() == held


def test_a_finished_plan_that_decayed_is_not_made_longer(call, capsys):
    assert main(call(*RATE, "--bytes", "2000")) == 0
    assert main(call("--resume", *RATE, "--bytes", "4000")) == 2
    assert "the learning rate would jump from 0 to 0.00" in capsys.readouterr().err
    assert main(call("--resume", *RATE, "--bytes", "2000")) == 0


@pytest.mark.parametrize("then", [6600, 12000])
def test_on_the_plateau_a_plan_may_change(then, tmp_path, call, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 3000)
        assert main(call(*RATE)) == 0
    rates = [float(row["lr"]) for row in curve(tmp_path / "out")]
    with monkeypatch.context() as patch:
        stop_at(patch, 3600)
        assert main(call("--resume", *RATE, "--bytes", str(then))) == 0
    later = [float(row["lr"]) for row in curve(tmp_path / "out")]
    assert later[: len(rates) - 1] == rates[:-1] and max(later) == max(rates)


def stop_at(patch, n_bytes: int) -> None:
    """A training ends, as by SIGTERM, after the step in which it has seen n_bytes."""
    from hnet_core.training.loop import Training

    advance = Training._advance

    def stopped(self):
        done = advance(self)
        if self.bytes_seen >= n_bytes:
            os.kill(os.getpid(), signal.SIGTERM)
        return done

    patch.setattr(Training, "_advance", stopped)


def test_other_data_is_refused_at_resume(tmp_path, call, capsys):
    assert main(call("--bytes", "1000")) == 0
    write_text(tmp_path, n_documents=5)
    assert main(call("--resume", "--bytes", "2000")) == 2
    assert "another data_fingerprint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--data", "nowhere.txt"], "no such file"),
        (["--config", "nowhere.json"], "cannot be read"),
        (["--set", "row_byte=1"], "did you mean 'row_bytes'"),
        (["--set", "batch_bytes=1000000"], "less than one step"),
        (["--device", "cuda:9"], "no CUDA device"),
        (["--valid", "nowhere.txt"], "no such file"),
        (["--set", "alpha=[0.1, 0.2]"], "alpha=[0.1, 0.2] must be one number or have 1 entries"),
        (["--set", "chunk_budget=100"], "chunk_budget=100 must be 0 or at least 128"),
        (["--set", "compile=true"], "'compile'"),
        (["--device", "tpu"], "--device tpu: is no device"),
        (["--parallel", "pipeline"], "invalid choice: 'pipeline'"),
        (["--tensorboard"], "the package tensorboard is not installed"),
        (["--data", "empty.txt"], "no byte to read"),
        (["--data", "image.txt"], "byte 0 is not UTF-8"),
        (["--data", "zeros.txt"], "byte 4 is NUL, so it is a binary file"),
    ],
)
def test_wrong_calls_end_with_one_line(tmp_path, call, capsys, monkeypatch, more, words):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)
    for name, content in (("empty", b""), ("image", b"\x89PNG\r\n"), ("zeros", b"text\0")):
        (tmp_path / f"{name}.txt").write_bytes(content)
    assert main(call(*more)) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (tmp_path / "out" / "checkpoint.safetensors").exists()


def test_failed_work_ends_with_one(call, capsys, monkeypatch):
    assert main(call("--set", "learning_rate=1e30", "lr_multipliers=[1,1]", "warmup=0", "clip=1e30")) == 1
    assert "no checkpoint" in (error := capsys.readouterr().err) or "last good checkpoint" in error
    assert "error: step" in error


def test_a_file_that_cannot_be_written_leaves_the_last_checkpoint(tmp_path, call, capsys):
    """A limit on the size of files stands for the full disk: the write fails half way."""
    assert main(call("--bytes", "1000")) == 0
    held = (tmp_path / "out" / "checkpoint.safetensors").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(held) // 2, hard))
    try:
        assert main(call("--resume", "--bytes", "2000")) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    *_, error = capsys.readouterr().err.strip().splitlines()
    assert "out: cannot be written" in error and "the last checkpoint is intact" in error
    assert (tmp_path / "out" / "checkpoint.safetensors").read_bytes() == held
    assert not list((tmp_path / "out").glob(".*partial"))
    assert main(call("--resume", "--bytes", "2000")) == 0


def test_dna_with_genes(tmp_path, call, capsys):
    from tests.hnet_core.training.recipes import tiny_recipe

    (tmp_path / "a.fa").write_text(">chr1\n" + "ATGGCCTAA" * 300 + "\n>chr2\n" + "ATGGCC" * 100 + "\n")
    (tmp_path / "a.gff3").write_text("chr2\tx\tCDS\t1\t600\t.\t+\t0\tID=a\n")
    raw = tiny_recipe(exclude=["chr2"], reverse_complement=0.5, bytes=2000) | {"domain": "dna"}
    (tmp_path / "dna.json").write_text(json.dumps(raw))
    genome = str(tmp_path / "a.fa")
    more = [
        "--config",
        str(tmp_path / "dna.json"),
        "--data",
        genome,
        "--valid",
        genome,
        "--valid-include",
        "chr2",
    ]
    assert main(call(*more, "--valid-annotation", str(tmp_path / "a.gff3"))) == 0
    info = json.loads((tmp_path / "out" / "model" / "model.json").read_text())
    assert {"stage0_codon_1", "stage0_codon_2", "stage0_codon_3"} <= set(info["boundary_shares"])
