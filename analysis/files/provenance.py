"""Where a file comes from: inputs, models, options and code, written into the file or beside it."""

import datetime
import functools
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.boundaries.extract import BoundaryModel
from analysis.inputs import sources

KEY = "hnet_chunks"
"""Name of the Parquet metadata entry, and of the comment in text formats."""
ROOT = Path(__file__).resolve().parents[2]
"""This clone."""
CODE = ("kernels", "hnet_core", "analysis")
"""Packages whose sources settle what is in a table; the page only shows it."""
_OF_CUTS = ("thresholds", "run", "run_code_sha256")
"""What a model's info may say of how its cuts came about."""

Provenance = Mapping[str, Any]


def provenance(
    command: str,
    sequences: Sequence[sources.Sequence],
    models: Mapping[str, BoundaryModel],
    options: Mapping[str, Any],
) -> Provenance:
    """The provenance of a file as a JSON-ready dictionary.

    input    sha256 over names and bytes of all sequences, after decompression and clean-up: what the model read
    models   label -> sha256 of the weights file, name and stages; its thresholds, where these are not the trained ones;
             of a saved run that stands in for it its name and code too
    """
    return {
        "command": command,
        "code_version": code_version(),
        "code_sha256": code_hash(),
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
                **{name: model.info[name] for name in _OF_CUTS if name in model.info},
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
    """sha256 of a file; empty for a pipe, whose bytes can be read only once."""
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_version() -> str:
    """The version in pyproject.toml of this clone."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["version"]


@functools.cache
def code_hash(root: Path = ROOT) -> str:
    """One hash of what a table depends on: the sources of kernels, hnet_core and analysis, by path; two states differ.

    Line ends do not count, which a clone may hold either way.
    """
    digest = hashlib.sha256()
    for package in CODE:
        for path in sorted((root / package).rglob("*.py")):
            for part in (
                path.relative_to(root).as_posix().encode(),
                path.read_bytes().replace(b"\r\n", b"\n"),
            ):
                digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def other_code(about: Provenance) -> str:
    """A warning about a table or run that another state of the code made; empty where it was this one."""
    made_by = about.get("code_sha256")
    if made_by == code_hash():
        return ""
    known = (
        f"other code ({str(made_by)[:12]}, this is {code_hash()[:12]})"
        if made_by
        else "code that it does not name"
    )
    return f"was saved by {known}, which may cut elsewhere"


def as_text(about: Provenance) -> str:
    """One line of JSON."""
    return json.dumps(about, sort_keys=True)


def beside(path: str | Path) -> Path:
    """The file beside `path` that holds its provenance, for formats with no place for it."""
    return Path(f"{path}.json")
