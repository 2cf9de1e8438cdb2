"""Recipes and data small enough to train in a second."""

import json
from pathlib import Path
from typing import Any

WORDS = "the cat sat on the mat and saw that the dog had run far from the red house again "


def tiny_recipe(chunking: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    """One routing stage, some 10,000 parameters, 20 steps."""
    options = {"bytes": 10_000, "batch_bytes": 512, "micro_bytes": 512, "row_bytes": 128, "target": [4]}
    options["matmul_precision"] = "fp32"  # The same curves on every machine.
    return {
        "name": "tiny",
        "domain": "english",
        "model": {
            "arch_layout": ["m1", ["T1"], "m1"],
            "d_model": [32, 32],
            "d_intermediate": [0, 64],
            "ssm_cfg": {"d_state": 4},
            "attn_cfg": {"num_heads": [1, 1], "rotary_emb_dim": [8, 8], "window_size": [-1, -1]},
            "chunking": chunking or {},
        },
        "training": {**options, "log_steps": 3, "valid_bytes": 600, **training},
    }


def write_recipe(folder: Path, **training: Any) -> Path:
    path = folder / "recipe.json"
    path.write_text(json.dumps(tiny_recipe(**training)))
    return path


def write_text(folder: Path, n_documents: int = 8, name: str = "text.jsonl") -> Path:
    """Documents of different lengths, each with words of its own."""
    path = folder / name
    lines = [json.dumps({"text": f"Document {i}. " + WORDS * (2 + 3 * i)}) for i in range(n_documents)]
    path.write_text("\n".join(lines) + "\n")
    return path
