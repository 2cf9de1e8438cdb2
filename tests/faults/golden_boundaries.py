"""Where every bundled model cuts a sample, as tests/data/golden_boundaries.json holds it.

PYTHONPATH=. .venv/bin/python tests/faults/golden_boundaries.py --write   makes it anew, after a model is replaced
Without --write it prints what the models say now; OMP_NUM_THREADS and NUMBA_NUM_THREADS set the threads.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hnet_core.boundaries import BoundaryModel, load_boundary_model
from hnet_core.checkpoint import BUNDLED_MODELS, WEIGHTS, model_names

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "data" / "golden_boundaries.json"
SAMPLES = {
    "english": "english_hound.txt",
    "chinese": "chinese_rulin.txt",
    "code": "python_textwrap.py",
    "dna": "lambda.fa",
}
LENGTH = 1200
"""Bytes of a sample that are cut."""
MARGIN = 5e-5
"""No probability there is nearer to 0.5: rounding, which differs from machine to machine, moves no boundary."""


def sample(domain: str, start: int) -> bytes:
    """A piece of the domain's sample; of DNA, its bases alone."""
    data = (ROOT / "assets" / "samples" / SAMPLES[domain]).read_bytes()
    if domain == "dna":
        data = b"".join(data.split(b"\n")[1:])
    return data[start : start + LENGTH]


def said(model: BoundaryModel, start: int) -> tuple[list[dict[str, Any]], float]:
    """For each stage the number of chunks, a hash of where they start, and the mean probability; and the margin."""
    tracks = model.boundaries(sample(_domain(model), start))
    stages = [
        {
            "chunks": int(track.is_boundary.sum()),
            "sha256": hashlib.sha256(track.byte[track.is_boundary].astype("<i8").tobytes()).hexdigest(),
            "mean_prob": round(float(track.prob.mean(dtype=np.float64)), 6),
        }
        for track in tracks
    ]
    return stages, min(float(np.abs(track.prob[1:] - 0.5).min(initial=1)) for track in tracks)


def weights_hash(name: str) -> str:
    return hashlib.sha256((BUNDLED_MODELS / name / WEIGHTS).read_bytes()).hexdigest()


def golden(name: str) -> dict[str, Any]:
    """The entry of a model: the first piece of its sample with a margin."""
    model = load_boundary_model(name)
    for start in range(0, 40_000, LENGTH):
        stages, margin = said(model, start)
        if margin >= MARGIN:
            return {"weights": weights_hash(name), "start": start, "stages": stages}
    raise ValueError(f"{name}: no piece of its sample has a margin of {MARGIN}")


def now() -> dict[str, Any]:
    """Name -> what the model says of the piece that the file names, for each in the file."""
    held = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: said(load_boundary_model(name), entry["start"])[0] for name, entry in held.items()}


def _domain(model: BoundaryModel) -> str:
    return model.info["domain"] if model.info["domain"] in SAMPLES else "english"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(
            json.dumps({name: golden(name) for name in model_names()}, indent=1) + "\n", encoding="utf-8"
        )
    else:
        print(json.dumps(now()))
