"""What a finished experiment left in its run, as one small file that the repository keeps."""

import csv
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hnet_core.checkpoint import CONFIG
from hnet_core.config import HNetConfig
from hnet_core.flops import flops_per_byte
from hnet_core.lab.bundle import EVALUATION, is_current, write_json
from hnet_core.lab.families import Member
from hnet_core.training.recipe import Recipe, read_recipe

CURVES = "training.csv"
MOST_POINTS = 60


def collect(members: Iterable[Member], runs: Path, out: Path) -> list[str]:
    """Write OUT/NAME.json for every member whose run holds the figures of its present state; returns their names."""
    found = []
    for member in members:
        run = runs / member.run
        if is_current(run / EVALUATION, run, member.data.tests):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / f"{member.name}.json", figures(member, run))
            found.append(member.name)
    return found


def figures(member: Member, run: Path) -> dict[str, Any]:
    """An experiment as the tables need it: what it is, what it costs, its tests and its curves."""
    recipe = read_recipe(member.config, member.set)
    measured = json.loads((run / EVALUATION).read_text(encoding="utf-8"))
    return {
        "name": member.name,
        "title": member.title,
        "table": member.table,
        "domain": recipe.domain,
        "recipe": member.recipe,
        "changes": list(member.set),
        **measured,
        "flops_per_byte": round(flops_of(recipe, run, measured["tests"])),
        "curve": read_curve(run / CURVES),
    }


def flops_of(recipe: Recipe, run: Path, tests: Sequence[dict[str, Any]]) -> float:
    """Forward operations a byte at the chunk rates measured on the first test."""
    lengths = [1.0, *tests[0]["bytes_per_chunk"]]
    config = HNetConfig.from_file(run / "model" / CONFIG)
    tokens = recipe.tokenizer != "bytes"
    rates = [] if tokens else [min(1.0, a / b) for a, b in pairwise(lengths)]
    return flops_per_byte(config, rates, recipe.training.row_bytes, lengths[-1] if tokens else 1.0).total


def read_curve(path: Path) -> dict[str, list[float | None]]:
    """Columns of a training.csv that are drawn: at most MOST_POINTS lines of the training, and every validation."""
    with path.open() as stream:
        lines = list(csv.DictReader(stream))
    step = max(1, -(-len(lines) // MOST_POINTS))
    kept = [row for i, row in enumerate(lines) if row.get("valid_bpb") or not (len(lines) - 1 - i) % step]
    names = [name for name in (kept[0] if kept else {}) if _is_drawn(name)]
    return {name: [float(row[name]) if row[name] else None for row in kept] for name in names}


def _is_drawn(name: str) -> bool:
    return name in ("bytes", "bpb", "valid_bpb") or name.startswith(
        ("bytes_per_chunk", "space_or", "inside", "codon")
    )


def read_all(folder: Path, order: Sequence[Member]) -> list[dict[str, Any]]:
    """The collected experiments in the order of the members; those without a file are left out."""
    paths = [folder / f"{member.name}.json" for member in order]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
