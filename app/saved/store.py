"""Saved runs on the page: keep an analysis, list what is kept, open it again, compare two, delete one.

A run is a folder of analysis.files.runs with one table more, sequences.parquet: the input, which the picture needs. The
folder is given when the app is started; the page names runs, never paths.
"""

import json
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.boundaries.chunks import CompactTrack
from analysis.boundaries.extract import Analysis, ModelInfo
from analysis.files.provenance import provenance
from analysis.files.runs import Found, check_files, find_runs, open_run, read_run
from analysis.files.saved_models import SavedTrack
from analysis.inputs.reading import collect_warnings
from analysis.inputs.sources import Sequence as Record
from app.server.session import Session
from app.wording.sentences import counted
from hnet_core.errors import InputError

SEQUENCES = "sequences.parquet"
MOST_RUNS = 1_000
MOST_TOLD = 5
"""Folders that are named when they are left out."""
COLUMNS = ["date", "model", "input", "bytes", "run"]
NO_FOLDER = (
    "No folder for runs was given. Start the app with `python -m app --runs DIR`, where DIR is a folder of yours: "
    "then an analysis can be kept here, opened again, compared and deleted."
)


def save(session: Session, done: Analysis) -> str:
    """Keep an analysis; the name of the run."""
    about = provenance("page: save", done.sequences, {done.model.name: done.model}, {})
    about["models"][done.model.name]["title"] = done.model.title
    with open_run(_folder(session), about) as run:
        for kind, table in (("bytes", done.boundaries), ("chunks", done.chunks)):
            model = pd.Categorical.from_codes([0] * len(table), categories=[done.model.name])
            named = table.copy()
            named.insert(0, "model", model)
            run.tables[kind].write(named)
        pd.DataFrame(
            {
                "sequence": [each.name for each in done.sequences],
                "data": [each.data for each in done.sequences],
                "kind": [each.kind for each in done.sequences],
                "warnings": [json.dumps(each.warnings) for each in done.sequences],
            }
        ).to_parquet(run.part / SEQUENCES, index=False)
    return run.folder.name


def listed(session: Session) -> pd.DataFrame:
    """A row a run, newest first: date, model, input, bytes, run. Empty without a folder, or with an empty one."""
    return table_of(found_runs(session).whole)


def table_of(whole: list[tuple[Path, dict[str, Any]]]) -> pd.DataFrame:
    rows = []
    for folder, about in reversed(whole[-MOST_RUNS:]):
        models = about.get("models", {})
        titles = [str(each.get("title", name)) for name, each in models.items()]
        given = about.get("input", {})
        try:
            name = _input_name(folder)
        except (OSError, ValueError, LookupError):  # deleted meanwhile, or of another make
            continue
        rows.append(
            [
                str(about.get("date", ""))[:19].replace("T", " "),
                ", ".join(titles),
                name or f"{counted(given.get('sequences', 0), 'sequence')}, saved by a command",
                given.get("bytes", 0),
                folder.name,
            ]
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def reopen(session: Session, name: str) -> Analysis:
    """The analysis of a run, as it was saved."""
    folder = run_folder(session, name)
    try:
        return _reopened(folder, name)
    except InputError as err:
        raise InputError(by_name(session, str(err))) from err
    except (OSError, ValueError, LookupError, TypeError) as err:
        words = f"run {name} cannot be read ({type(err).__name__}); it was deleted or is of another make"
        raise InputError(words) from err


def _reopened(folder: Path, name: str) -> Analysis:
    if not (folder / SEQUENCES).is_file():
        raise InputError(
            f"run {name} was saved by a command and holds no text to show; its tables are in the runs folder"
        )
    about = read_run(folder)
    check_files(folder, about)
    model, facts = next(iter(about["models"].items()))
    kept = pd.read_parquet(folder / SEQUENCES)
    sequences = tuple(
        Record(row.sequence, row.data, tuple(json.loads(row.warnings)), row.kind) for row in kept.itertuples()
    )
    info = ModelInfo(
        model,
        facts.get("title", model),
        facts.get("domain", ""),
        facts["n_stages"],
        {"name": model, "weights_sha256": facts.get("weights_sha256", ""), "seed": facts.get("seed")},
    )
    tracks = _tracks(pd.read_parquet(folder / "bytes.parquet"), sequences, info.n_stages)
    return Analysis(sequences, info, tracks, collect_warnings(sequences))


def _tracks(
    table: pd.DataFrame, sequences: Sequence[Record], n_stages: int
) -> tuple[tuple[CompactTrack, ...], ...]:
    """The tracks of a saved table, whose rows lie sequence by sequence, then stage by stage."""
    names = pd.Categorical(table["sequence"], [each.name for each in sequences])
    keys = names.codes.astype(np.int64) * n_stages + table["stage"].to_numpy()
    edges = np.searchsorted(keys, np.arange(len(sequences) * n_stages + 1))
    columns = [table[name].to_numpy() for name in ("byte", "prob", "is_boundary")]
    tracks = []
    for i, each in enumerate(sequences):
        ends = pairwise(edges[i * n_stages : (i + 1) * n_stages + 1])
        parts = [SavedTrack(*(column[first:last].copy() for column in columns)) for first, last in ends]
        tracks.append(
            tuple(CompactTrack.of(part, stage == 0, len(each.data)) for stage, part in enumerate(parts))
        )
    return tuple(tracks)


def remove(session: Session, name: str) -> None:
    """Delete a run, as a whole: it leaves the list by one rename first."""
    folder = run_folder(session, name)
    gone = folder.with_name(f".{folder.name}.deleted")
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _folder(session: Session) -> Path:
    if session.runs_dir is None:
        raise InputError(NO_FOLDER)
    return Path(session.runs_dir)


def found_runs(session: Session) -> Found:
    """What lies in the folder for runs, which the first run makes."""
    if session.runs_dir is None or not Path(session.runs_dir).is_dir():
        return Found([], [])
    return find_runs(session.runs_dir)


def by_name(session: Session, sentence: str) -> str:
    """Without where the folder for runs lies, which is nobody's business on the page."""
    return sentence.replace(f"{_folder(session)}{os.sep}", "")


def run_folder(session: Session, name: str) -> Path:
    """The folder of a run by its name; only names that are in the list, never paths."""
    folders = _folder(session)
    if folders.is_dir() and not name.startswith(".") and name in os.listdir(folders):
        try:
            read_run(folders / name)
        except InputError as err:
            raise InputError(by_name(session, str(err))) from err
        return folders / name
    raise InputError("this run is not there any more; the list has been read again, pick another")


def _input_name(folder: Path) -> str:
    if not (folder / SEQUENCES).is_file():
        return ""
    names = pd.read_parquet(folder / SEQUENCES, columns=["sequence"])["sequence"]
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")
