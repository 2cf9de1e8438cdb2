"""Damaged files of every kind: each is read, or refused in a sentence, in bounded time, for longer by `make soak`."""

import json
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.files.runs import read_run
from analysis.inputs import conllu, genbank, json_lines
from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.reading import read_input
from analysis.inputs.sources import Sequence
from hnet_core.checkpoint import empty_model, load_model
from hnet_core.config import HNetConfig
from hnet_core.data.tokens import BpeTokenizer
from hnet_core.errors import InputError
from hnet_core.inputs.annotation_lines import line_features
from hnet_core.lab.sweep_file import read_sweep
from hnet_core.model_info import read_info
from hnet_core.published import read_state_dict
from hnet_core.training.recipe import read_recipe
from tests.faults import seeds
from tests.faults.fuzzing import fuzz, report, sentence_fault
from tests.faults.mutations import as_json, damaged, damaged_json

ROOT = Path(__file__).resolve().parents[2]
ALL = (*seeds.FASTA, *seeds.GFF, *seeds.BED, *seeds.GENBANK, *seeds.CONLLU, *seeds.JSON_LINES, *seeds.TEXT)
SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
"""How long `make soak` tries each kind of file."""
MORE_MEMORY = 400 * 2**20
"""Bytes that all tries of one kind together may add to the process."""
ONE = [Sequence("one", b"ACGT" * 25, kind="dna")]

TEXTS: dict[str, tuple[tuple[bytes, ...], Callable[[bytes], Any], int]] = {
    "any input": ((*seeds.TEXT, *seeds.FASTA, *seeds.GENBANK, *seeds.PACKED), read_input, 1500),
    "FASTA": (seeds.FASTA, lambda data: read_input(data, "dna"), 1500),
    "GenBank": (seeds.GENBANK, genbank.read_genbank, 700),
    "GenBank features": (seeds.GENBANK, lambda data: genbank.genbank_features(data, "x"), 700),
    "GFF, GTF, BED": (seeds.GFF + seeds.BED, lambda data: line_features(data, "x"), 1500),
    "features as a table": (
        (*seeds.GFF, *seeds.BED, *seeds.GENBANK),
        lambda data: fit_features(read_features(data), ONE),
        40,
    ),
    "CoNLL-U": (seeds.CONLLU, conllu.read_conllu, 1500),
    "JSON lines": (seeds.JSON_LINES, json_lines.read_json_lines, 1500),
}
"""Kind -> whole files, what reads them, and how many are tried in `make test`."""


def values(pattern: str) -> list[Any]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob(pattern))]


def read_config(path: Path) -> None:
    config = HNetConfig.from_file(path)
    if max(config.d_model) <= 1024:
        empty_model(config)
    config.to_dict()


MANIFEST = {
    "run": "x",
    "date": "2026-01-01T00:00:00.000+00:00",
    "models": {"m": {"name": "m", "n_stages": 1}},
    "input": {"sha256": "0", "bytes": 1, "sequences": 1},
    "files": {"bytes.parquet": {"rows": 1, "sha256": "0"}, "chunks.parquet": {"rows": 1, "sha256": "0"}},
}
FILES: dict[str, tuple[str, Callable[[], list[Any]], Callable[[Path], Any], int]] = {
    "configuration": ("config.json", lambda: values("hnet_core/configs/*.json"), read_config, 100),
    "recipe": ("recipe.json", lambda: values("hnet_core/training/recipes/*.json"), read_recipe, 500),
    "sweep": ("sweep.json", lambda: values("hnet_core/lab/sweeps/*.json"), read_sweep, 60),
    "model.json": (
        "model.json",
        lambda: values("assets/models/*/model.json"),
        lambda path: read_info(path.parent),
        1500,
    ),
    "index": (
        "m.safetensors.index.json",
        lambda: [{"metadata": {}, "weight_map": {"a": "x.safetensors", "b": "y"}}],
        read_state_dict,
        1000,
    ),
    "manifest of a run": ("manifest.json", lambda: [MANIFEST], lambda path: read_run(path.parent), 500),
    "tokenizer": (
        "tokenizer.json",
        lambda: [json.loads(BpeTokenizer.train(["the cat the cat"] * 3, 260)._tokenizer.to_str())],
        BpeTokenizer.load,
        60,
    ),
}
"""Kind -> the file's name, whole values, what reads it, and how many are tried in `make test`."""


def try_texts(kind: str, seed: int, **limits: Any) -> None:
    whole, read, _ = TEXTS[kind]
    tried(kind, read, lambda rng: damaged(rng.choice(whole), rng, ALL), seed, **limits)


def try_files(kind: str, folder: Path, seed: int, **limits: Any) -> None:
    name, whole, read, _ = FILES[kind]
    known = whole()

    def draw(rng: random.Random) -> bytes:
        value = rng.choice(known)
        return as_json(damaged_json(value, rng)) if rng.random() < 0.8 else damaged(as_json(value), rng)

    def read_file(data: bytes) -> None:
        (folder / name).write_bytes(data)
        read(folder / name)

    tried(kind, read_file, draw, seed, **limits)


def tried(kind: str, read: Callable, draw: Callable, seed: int, **limits: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = fuzz(read, draw, seed, **limits)
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(
        f"{kind}: seed {seed}, {outcome.tried} tried, {outcome.refused} refused, slowest {outcome.slowest:.2f} s, "
        f"{more / 2**20:.0f} MiB more"
    )
    assert not outcome.faults, report(kind, outcome)
    assert outcome.tried and outcome.refused, f"{kind}: nothing was refused, so nothing was tried"
    assert more < MORE_MEMORY


@pytest.mark.parametrize("kind", TEXTS)
def test_damaged_inputs_are_read_or_refused_in_a_sentence(kind):
    try_texts(kind, seed=1, count=TEXTS[kind][2])


@pytest.mark.parametrize("kind", FILES)
def test_damaged_json_is_read_or_refused_in_a_sentence(kind, tmp_path):
    try_files(kind, tmp_path, seed=1, count=FILES[kind][3])


@pytest.mark.soak
@pytest.mark.parametrize("kind", TEXTS)
def test_damaged_inputs_for_longer(kind):
    try_texts(kind, random.SystemRandom().randrange(2**32), seconds=SOAK_SECONDS)


@pytest.mark.soak
@pytest.mark.parametrize("kind", FILES)
def test_damaged_json_for_longer(kind, tmp_path):
    try_files(kind, tmp_path, random.SystemRandom().randrange(2**32), seconds=SOAK_SECONDS)


@pytest.mark.soak
def test_damaged_weights_for_longer(tmp_path):
    try_weights(tmp_path, random.SystemRandom().randrange(2**32), seconds=SOAK_SECONDS)


def test_damaged_weights_are_read_or_refused_in_a_sentence(tmp_path):
    try_weights(tmp_path, seed=1, count=300)


def try_weights(folder: Path, seed: int, **limits: Any) -> None:
    """Headers of safetensors, and their numbers."""
    from hnet_core.checkpoint import save_model
    from tests.tiny import tiny_model

    save_model(folder / "m", tiny_model(1), {"name": "m"})
    path = folder / "m" / "model.safetensors"
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])

    def draw(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return damaged(data[: end + 40], rng) + data[end + 40 :]
        text = as_json(damaged_json(header, rng)) if rng.random() < 0.8 else damaged(data[8:end], rng)
        return len(text).to_bytes(8, "little") + text + data[end:]

    def read(data: bytes) -> None:
        path.write_bytes(data)
        load_model(folder / "m")

    tried("safetensors", read, draw, seed, **limits)


@pytest.mark.parametrize(
    "text", ["", "x" * 2000 + "; do this", "a\nb", "a\x1b[31mb", "a\ud800b", "\u202eabc"]
)
def test_a_refusal_is_one_bounded_line_that_any_terminal_shows(text):
    shown = str(InputError(f"file: {text}; give another"))
    assert sentence_fault(shown) == "" and shown.isprintable()
    assert shown.startswith("file: ") and shown.endswith("; give another")
