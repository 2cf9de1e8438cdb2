"""Saved runs: one folder a run, never changed again, readable without this software.

DIR/20261122T191400123Z-3f9a1c2b/manifest.json      inputs, models with their hashes, options, code version, date
DIR/20261122T191400123Z-3f9a1c2b/bytes.parquet      schema.BOUNDARIES, with the column model
DIR/20261122T191400123Z-3f9a1c2b/chunks.parquet     schema.CHUNKS, with the column model
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.export import Writer, open_writer
from analysis.provenance import Provenance, file_hash
from hnet_core.errors import InputError

MANIFEST = "manifest.json"
TABLES = ("bytes", "chunks")


@dataclass(frozen=True)
class OpenRun:
    """A run that is being written: its folder to be, and a writer for each of its tables.

    part  where it is written meanwhile; a file that is put there becomes part of the run
    """

    folder: Path
    part: Path
    tables: dict[str, Writer]


class _Counting:
    def __init__(self, writer: Writer) -> None:
        self.writer, self.rows = writer, 0

    def write(self, table: pd.DataFrame) -> None:
        self.rows += len(table)
        self.writer.write(table)


def check_runs(folder: str | Path) -> None:
    """InputError where no run can be saved."""
    folder = Path(folder)
    place = folder if folder.exists() else folder.absolute().parent
    if not place.is_dir():
        raise InputError(f"{folder}: runs are saved in a folder, and {place} is none; make it first")
    if not os.access(place, os.W_OK):
        raise InputError(f"{folder}: the folder {place} cannot be written to; choose another")


@contextmanager
def open_run(runs: str | Path, about: Provenance) -> Iterator[OpenRun]:
    """A new run in the folder `runs`, which is made if need be; it appears when the block ends without an error."""
    check_runs(runs)
    runs = Path(runs)
    runs.mkdir(exist_ok=True)
    stamp = re.sub(r"[-:.]", "", about["date"].split("+")[0])
    name = f"{stamp}Z-{secrets.token_hex(4)}"
    part = runs / f".{name}.part"
    part.mkdir()
    try:
        with ExitStack() as stack:
            tables = {
                kind: _Counting(stack.enter_context(open_writer(part / f"{kind}.parquet", about)))
                for kind in TABLES
            }
            yield OpenRun(runs / name, part, tables)
        files = {
            f"{kind}.parquet": {"rows": each.rows, "sha256": file_hash(part / f"{kind}.parquet")}
            for kind, each in tables.items()
        }
        files |= {file.name: {"sha256": file_hash(file)} for file in part.iterdir() if file.name not in files}
        text = json.dumps({"run": name, **about, "files": files}, indent=1)
        (part / MANIFEST).write_text(text + "\n", encoding="utf-8")
        for file in part.iterdir():
            file.chmod(0o444)
        part.rename(runs / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def saved_runs(runs: str | Path) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and manifest of every run in a folder, by name; InputError where there are none or one is damaged."""
    runs = Path(runs)
    if not runs.is_dir():
        raise InputError(f"{runs}: there is no such folder; save a run with boundaries --save-run {runs}")
    found = []
    for manifest in sorted(runs.glob(f"*/{MANIFEST}")):
        if not manifest.parent.name.startswith("."):
            found.append((manifest.parent, _manifest(manifest)))
    if not found:
        raise InputError(f"{runs}: holds no run; save one with boundaries --save-run {runs}")
    return found


def read_run(folder: str | Path) -> dict[str, Any]:
    """The manifest of one run; InputError where the folder is none."""
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        return _manifest(folder / MANIFEST)
    inside = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    hint = f"name one of the runs in it, such as {folder / inside[-1]}" if inside else "name a folder in DIR"
    raise InputError(f"{folder}: is no run of boundaries --save-run DIR; {hint}")


def _manifest(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in about["files"] if not (path.parent / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(f"{path}: is no manifest of a run ({err}); move the folder away") from err
    if missing:
        raise InputError(f"{path.parent}: {missing[0]} is missing; move the folder away")
    return about
