"""Where a file comes from: inputs, models, options and code, written into the file or beside it."""

import datetime
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import sources
from analysis.extract import BoundaryModel

KEY = "hnet_chunks"
"""Name of the Parquet metadata entry, and of the comment in text formats."""

Provenance = Mapping[str, Any]


def provenance(
    command: str,
    sequences: Sequence[sources.Sequence],
    models: Mapping[str, BoundaryModel],
    options: Mapping[str, Any],
) -> Provenance:
    """What made a file: JSON-ready.

    input    sha256 over names and bytes of all sequences, after decompression and clean-up: what the model read
    models   label -> sha256 of the weights file, name and stages; of a saved run that stands in for it its name too
    """
    return {
        "command": command,
        "code_version": code_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "input": {
            "sha256": input_hash(sequences),
            "sequences": len(sequences),
            "bytes": sum(len(sequence.data) for sequence in sequences),
        },
        "models": {
            label: {
                "name": model.name,
                "weights_sha256": model.info.get("weights_sha256", ""),
                "n_stages": model.n_stages,
                "domain": model.info.get("domain", ""),
                "seed": model.info.get("seed"),
                "data_seed": model.info.get("data_seed"),
                **({"run": model.info["run"]} if "run" in model.info else {}),
            }
            for label, model in models.items()
        },
        "options": dict(options),
    }


def input_hash(sequences: Sequence[sources.Sequence]) -> str:
    """One hash of all sequences, in order, with their names."""
    digest = hashlib.sha256()
    for sequence in sequences:
        for part in (sequence.name.encode(), sequence.data):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file; nothing of a pipe, which has given its bytes to the one who read it."""
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_version() -> str:
    """The version in pyproject.toml of this clone."""
    text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["version"]


def as_text(about: Provenance) -> str:
    """One line of JSON."""
    return json.dumps(about, sort_keys=True)


def beside(path: str | Path) -> Path:
    """The file beside `path` that holds its provenance, for formats with no place for it."""
    return Path(f"{path}.json")
