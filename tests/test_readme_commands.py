"""The commands of the README, run as printed; only what stands for a user's own files and models is filled in."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import torch

from hnet_core.checkpoint import load_model
from hnet_core.config import HNetConfig
from tests.hnet_core.training.recipes import write_recipe, write_text
from tests.tiny import tiny_config, tiny_model

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ".venv/bin/python -m "

FILLED = {
    "analysis boundaries": {"NAME": "dna-1stage-seed0"},
    "analysis compare": {"A": "english-1stage-seed0", "B": "english-1stage-seed1"},
    "analysis evaluate": {"NAME": "english-1stage-seed0", "FILE.conllu": "mine/words.conllu"},
    "analysis enrich": {
        "NAME": "dna-1stage-seed0",
        "GENOME.fa": "assets/samples/lambda.fa",
        "GENOME.gff3": "assets/samples/lambda.gff3",
    },
    "analysis query": {"DIR": "mine/runs"},
    "hnet_core.training": {"FILE.json": "mine/tiny.json", "PATH": "mine/text.jsonl", "DIR": "mine/trained"},
    "hnet_core.evaluate": {"NAME": "english-1stage-seed0", "PATH": "mine/text.jsonl"},
    "hnet_core.flops": {"NAME": "english-1stage-seed0"},
    "hnet_core.generate": {"NAME": "english-1stage-seed0", "TEXT": "Once"},
    "hnet_core.verify": {},
    "hnet_core.convert": {"CHECKPOINT": "mine/published.pt", "CONFIG.json": "mine/config.json"},
}
"""Command -> words of its line in the README -> what a user would write for them. All other words stay."""
MADE = {
    "analysis boundaries": "lambda.csv",
    "analysis compare": "agreement.csv",
    "analysis evaluate": "words.csv",
    "analysis enrich": "enrichment.csv",
    "hnet_core.training": "mine/trained/model/model.safetensors",
    "hnet_core.convert": "assets/models/mine/model.safetensors",
}
"""Command -> the file that it must have made; the others must print."""


def printed() -> dict[str, str]:
    """Command -> its line, of all indented lines of the README that start a program."""
    lines = re.findall(r"^ {4}(\.venv/.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M)
    found: dict[str, str] = {}
    for line in lines:
        assert line.startswith(PROGRAM), line
        first, second = line.removeprefix(PROGRAM).split()[:2]
        command = f"{first} {second}" if first == "analysis" else first
        assert command not in found, f"{command} is there twice: give each line its words in the table"
        found[command] = line
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The clone by links, so that nothing is written into it, and a user's own files in the folder `mine`."""
    folder = tmp_path_factory.mktemp("clone")
    for path in ROOT.iterdir():
        if path.name != "assets":
            (folder / path.name).symlink_to(path)
    for kind in ("models", "samples"):
        (folder / "assets" / kind).mkdir(parents=True)
        for path in (ROOT / "assets" / kind).iterdir():
            (folder / "assets" / kind / path.name).symlink_to(path)
    mine = folder / "mine"
    mine.mkdir()
    write_recipe(mine).rename(mine / "tiny.json")
    write_text(mine)
    torch.save(tiny_model(1).state_dict(), mine / "published.pt")
    (mine / "config.json").write_text(json.dumps(tiny_config(1).to_dict()))
    words = [
        "\t".join([str(i), word, *"________"]) for i, word in enumerate(["The", "cat", "sat", "."] * 50, 1)
    ]
    (mine / "words.conllu").write_text("\n".join(words) + "\n")
    save = ["analysis", "boundaries", "mine/text.jsonl", "--model", "ref:words", "--save-run", "mine/runs"]
    run(folder, PROGRAM + " ".join(save))
    return folder


def run(folder: Path, line: str) -> str:
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert "Traceback" not in done.stderr and "error:" not in done.stderr, done.stderr
    return done.stdout


def test_every_command_is_run():
    assert sorted(printed()) == sorted(FILLED)


@pytest.mark.slow
@pytest.mark.parametrize("command", FILLED)
def test_a_command_does_its_work_as_printed(command, clone):
    line, table = printed()[command], FILLED[command]
    words = line.split(" ")
    assert set(table) <= set(words), "the README has other words by now"
    line = " ".join(table.get(word, word) for word in words)
    left = re.findall(r"\b(?:NAME|FILE|DIR|PATH|TEXT|GENOME|CHECKPOINT|CONFIG|[A-Z])\b(?!')", line)
    assert not left, f"nothing is said of {left}"
    said = run(clone, line)
    assert (clone / MADE[command]).stat().st_size > 0 if command in MADE else said.strip()
    if command == "hnet_core.convert":
        assert load_model(clone / "assets/models/mine").config == HNetConfig.from_file(
            clone / "mine/config.json"
        )
        assert not (ROOT / "assets/models/mine").exists()
