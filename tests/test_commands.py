"""The command line as a user meets it: exit codes, one clear line, nothing half-written."""

import contextlib
import io
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hnet_core.commands import run

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = "assets/samples/english_hound.txt"

HELP = {
    "app": "--host --port --models --device --check",
    "analysis": "boundaries compare",
    "analysis boundaries": "--model --out --table",
    "analysis compare": "--model --out --shifts --groups --consensus --density --controls",
    "analysis evaluate": "--gold --model --out --shifts",
    "analysis findings": "--data --out --models --share --shifts",
    "analysis surprisal": "--model --out --shifts",
    "analysis dictionary": "--model --out --overlap --growth",
    "analysis stability": "--model --out --edits --reach --curve",
    "analysis account": "--model --out --context",
    "hnet_core": "training evaluate generate convert verify flops lab.results lab.sweep lab.device",
    "hnet_core.lab.device": "--minutes --out --data --rehearse",
    "hnet_core.training": "--config --data --out --seed --bytes --device --resume --set --init",
    "hnet_core.lab.train_families": "--data --only --bytes --jobs --device --runs --out --measure",
    "hnet_core.lab.sweep": "--data --runs --docs --jobs --only --finished-only --bytes --device",
    "hnet_core.lab.results": "--runs --models --docs",
    "hnet_core.evaluate": "--model --data --json",
    "hnet_core.generate": "--model --prompt --bytes --temperature --top-p --seed",
    "hnet_core.convert": "--boundary-only",
    "hnet_core.verify": "",
}
"""Command -> what its help must name."""


PROCESSES = {"app", "analysis", "hnet_core.training", "hnet_core.verify"}
"""Commands whose help and whose refusal are also seen from outside, in a process of their own."""


def process(*args: object, limit: int = 120) -> subprocess.CompletedProcess[str]:
    """`python -m ARGS` in the clone, as a user would type it."""
    command = [sys.executable, "-m", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)


def call(command: str, *args: object) -> subprocess.CompletedProcess[str]:
    """The same without a new interpreter, which takes seconds to import torch: what `python -m COMMAND` calls."""
    is_folder = (ROOT / command.replace(".", "/")).is_dir()
    module = f"{command}.__main__" if is_folder else command
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(ROOT):
        try:
            code = run(import_module(module).main, [*map(str, args)])
        except SystemExit as end:  # argparse
            code = end.code
    return subprocess.CompletedProcess([command, *args], code or 0, out.getvalue(), err.getvalue())


def assert_refused(done: subprocess.CompletedProcess[str], *names: str) -> None:
    """Exit code 2, one line on stderr (a usage reminder may precede it) that names what was wrong."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    if lines[0].startswith("usage:"):
        # argparse wraps its usage with leading blanks; the message is what follows it.
        lines = [line for line in lines[1:] if not line.startswith(" ")]
    assert len(lines) == 1, done.stderr
    for name in names:
        assert name in lines[0], f"{name!r} is not in: {lines[0]}"


@pytest.mark.parametrize("command", HELP)
def test_help_names_the_options(command):
    done = call(*command.split(), "--help")
    assert done.returncode == 0, done.stderr
    missing = [name for name in HELP[command].split() if name not in done.stdout]
    assert not missing


@pytest.mark.parametrize("command", HELP)
def test_unknown_option_is_refused(command):
    assert_refused(call(*command.split(), "--no-such-option"))


@pytest.mark.parametrize("command", sorted(PROCESSES))
def test_a_process_of_its_own_ends_the_same_way(command):
    for option in ("--help", "--no-such-option"):
        inside, outside = call(command, option), process(command, option)
        assert outside.returncode == inside.returncode
        assert outside.stdout.split() == inside.stdout.split()
        assert outside.stderr.split() == inside.stderr.split()


@pytest.mark.parametrize("command", ["hnet_core", "analysis"])
def test_alone_it_lists_its_commands(command):
    done = call(command)
    assert done.returncode == 0
    assert all(name in done.stdout for name in HELP[command].split())


def test_every_command_that_is_listed_is_there():
    from hnet_core.__main__ import COMMANDS

    for name in COMMANDS:
        assert call(f"hnet_core.{name}", "--help").returncode == 0


def test_app_check_passes():
    done = process("app", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_app_check_refuses_missing_models(tmp_path):
    assert_refused(call("app", "--check", "--models", tmp_path / "nowhere"), "nowhere")


def model_names() -> list[str]:
    """The bundled models of the sample's language."""
    return sorted(path.parent.name for path in (ROOT / "assets" / "models").glob("english-*/config.json"))


def test_boundaries_writes_a_table(tmp_path):
    out = tmp_path / "table.csv"
    done = process("analysis", "boundaries", SAMPLE, "--model", model_names()[0], "--out", out)
    assert done.returncode == 0, done.stderr
    header, *rows = out.read_text(encoding="utf-8").splitlines()
    assert {"stage", "start", "end", "n_bytes", "prob"} <= set(header.split(","))
    assert len(rows) > 100


def test_compare_writes_a_table(tmp_path):
    out, names = tmp_path / "agreement.csv", model_names()
    assert len(names) >= 2
    done = call("analysis", "compare", SAMPLE, "--model", names[0], "--model", names[1], "--out", out)
    assert done.returncode == 0, done.stderr
    header, *rows = out.read_text(encoding="utf-8").splitlines()
    assert {"f1", "kappa", "f1_star"} <= set(header.split(","))
    assert rows


WRONG_INPUTS = {
    "empty": (b"", []),
    "protein.fa": (b">one\nMKVLAAGIVGLLLAQWERTYHHHH\n", ["one"]),
    "twice.fa": (b">one\nACGT\n>one\nACGT\n", ["one"]),
    "cut.fa.gz": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03KLL", ["cut.fa.gz"]),
}


@pytest.mark.parametrize("name", WRONG_INPUTS)
def test_boundaries_refuses_wrong_input(name, tmp_path):
    content, named = WRONG_INPUTS[name]
    (tmp_path / name).write_bytes(content)
    done = call(
        "analysis", "boundaries", tmp_path / name, "--model", model_names()[0], "--out", tmp_path / "t.csv"
    )
    assert_refused(done, *named)
    assert [path.name for path in tmp_path.iterdir()] == [name], "a refused call leaves nothing behind"


def test_boundaries_refuses_missing_file(tmp_path):
    out = tmp_path / "t.csv"
    done = call("analysis", "boundaries", "no/such.txt", "--model", model_names()[0], "--out", out)
    assert_refused(done, "no/such.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["boundaries", "compare"])
def test_unknown_model_is_answered_with_those_that_exist(command, tmp_path):
    models = (
        ["--model", "nonesuch", "--model", "nonesuch2"] if command == "compare" else ["--model", "nonesuch"]
    )
    done = call("analysis", command, SAMPLE, *models, "--out", tmp_path / "t.csv")
    assert_refused(done, "nonesuch", *model_names())
    assert not list(tmp_path.iterdir())


def test_generate_refuses_unknown_model():
    assert_refused(
        call("hnet_core.generate", "--model", "nonesuch", "--prompt", "a"), "nonesuch", *model_names()
    )


def test_evaluate_refuses_missing_data():
    assert_refused(
        call("hnet_core.evaluate", "--model", model_names()[0], "--data", "no/such.jsonl"), "no/such.jsonl"
    )


def test_training_refuses_missing_config(tmp_path):
    done = call("hnet_core.training", "--config", "no.json", "--data", SAMPLE, "--out", tmp_path / "run")
    assert_refused(done, "no.json")
    assert not list(tmp_path.iterdir())


def test_convert_refuses_missing_checkpoint(tmp_path):
    config = "tests/data/golden/a_1stage/config.json"
    assert_refused(call("hnet_core.convert", "no/such.pt", config, tmp_path / "model"), "no/such.pt")
    assert not list(tmp_path.iterdir())


def test_verify_passes_on_golden():
    done = call("hnet_core.verify", "tests/data/golden/f_iso_M")
    assert done.returncode == 0, done.stdout + done.stderr


def test_verify_refuses_missing_folder():
    assert_refused(call("hnet_core.verify", "no/such"), "no/such")
