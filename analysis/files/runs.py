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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException, parquet

from analysis import schema
from analysis.files.export import Writer, open_writer
from analysis.files.provenance import Provenance, file_hash, other_code
from hnet_core.errors import InputError
from hnet_core.json_text import parsed

MANIFEST = "manifest.json"
TABLES = {"bytes": schema.BOUNDARIES, "chunks": schema.CHUNKS}


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


@dataclass(frozen=True)
class Found:
    """What a folder for runs holds: folder and manifest of every whole run, by name; a sentence on each other one."""

    whole: list[tuple[Path, dict[str, Any]]]
    left_out: list[str]


def find_runs(runs: str | Path) -> Found:
    """Look through a folder for runs; one that is damaged hides no other. InputError where the folder is none."""
    runs = Path(runs)
    if not runs.is_dir():
        raise InputError(f"{runs}: there is no such folder; save a run with boundaries --save-run {runs}")
    found = Found([], [])
    for manifest in sorted(runs.glob(f"*/{MANIFEST}")):
        if manifest.parent.name.startswith("."):
            continue
        try:
            found.whole.append((manifest.parent, _manifest(manifest)))
        except InputError as err:
            if manifest.parent.exists():  # else it was deleted meanwhile
                found.left_out.append(str(err))
    return found


def saved_runs(
    runs: str | Path, left_out: Callable[[str], None] | None = None
) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and manifest of every whole run in a folder, by name; InputError where there is none.

    left_out  told a sentence on each folder that is no whole run
    """
    found = find_runs(runs)
    if not found.whole:
        nothing = f"{runs}: holds no run; save one with boundaries --save-run {runs}"
        raise InputError(found.left_out[0] if found.left_out else nothing)
    for sentence in found.left_out if left_out else ():
        left_out(sentence)
    return found.whole


def read_run(folder: str | Path) -> dict[str, Any]:
    """The manifest of one run; InputError where the folder is none."""
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        return _manifest(folder / MANIFEST)
    inside = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    hint = f"name one of the runs in it, such as {folder / inside[-1]}" if inside else "name a folder in DIR"
    raise InputError(f"{folder}: is no run of boundaries --save-run DIR; {hint}")


def made_elsewhere(folder: Path) -> str:
    """A warning where other code saved the run; empty where it was this code."""
    text = other_code(read_run(folder))
    return f" Run {folder.name} {text}." if text else ""


def _manifest(path: Path) -> dict[str, Any]:
    """A manifest whose files are all there and can be read."""
    try:
        about = parsed(path.read_bytes())
        parts = [about["files"], about.get("models", {}), about.get("input", {}), *about["files"].values()]
        parts += about.get("models", {}).values()
        if not all(isinstance(part, dict) for part in parts):
            raise ValueError("its parts are of other kinds")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise InputError(f"{path}: is no manifest of a run ({err}); move the folder away") from err
    for name in dict.fromkeys([*about["files"], *(f"{kind}.parquet" for kind in TABLES)]):
        file = path.parent / Path(name).name
        try:
            if file.suffix == ".parquet":
                columns = parquet.read_schema(file).names  # from its last bytes alone
                lacks = [each for each in TABLES.get(file.stem, ()) if each not in columns]
                if lacks:
                    raise InputError(f"{file}: has no column {lacks[0]}; move the folder away")
        except (OSError, ArrowException) as err:
            if os.path.isfile(file):
                raise InputError(f"{file}: is cut off or no Parquet file; move the folder away") from err
        if not os.path.isfile(file):  # False, too, for a name that no file can have
            raise InputError(f"{path.parent}: {file.name} is missing; move the folder away")
    return about


def check_files(folder: Path, about: dict[str, Any]) -> None:
    """InputError where a file of a run was changed since it was saved."""
    for name, facts in about["files"].items():
        if file_hash(folder / Path(name).name) != facts.get("sha256"):
            raise InputError(f"{folder / name}: was changed since it was saved; save the run anew")
