"""Saved runs in the place of models: where a model cuts an input is read back, not computed again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
from pyarrow import ArrowInvalid

from analysis.files.provenance import code_version, file_hash, input_hash, other_code
from analysis.files.runs import MANIFEST, read_run
from analysis.inputs import sources
from analysis.inputs.bases import reverse_complement
from hnet_core.errors import InputError

TABLE = "bytes.parquet"


@dataclass(frozen=True)
class SavedTrack:
    """One stage over one input, as analysis.boundaries.chunks.Track."""

    byte: np.ndarray
    prob: np.ndarray
    is_boundary: np.ndarray


@dataclass(frozen=True, eq=False)
class SavedModel:
    """One model of a run, as analysis.boundaries.extract.BoundaryModel: it knows the run's own input and no other.

    info      what the run's manifest says of it
    tracks    sequence, or its reverse complement where that was saved -> one track a stage
    warnings  what must be known of the run, each a sentence
    """

    info: dict[str, Any]
    tracks: Mapping[bytes, tuple[SavedTrack, ...]]
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.info["name"]

    @property
    def n_stages(self) -> int:
        return self.info["n_stages"]

    def boundaries_many(
        self, data: Sequence[bytes], *, progress: Callable[[int, int], None] | None = None
    ) -> list[tuple[SavedTrack, ...]]:
        """One track a stage of each input."""
        if progress:
            progress(sum(map(len, data)), sum(map(len, data)))
        return [self.tracks[each] for each in data]

    def cutting_at(self, thresholds: Sequence[float | None]) -> "SavedModel":
        """InputError: where inner stages would look then was not saved."""
        raise InputError(
            f"run {self.info['run']}: was cut when it was saved; leave --threshold out, save a run of "
            "boundaries --threshold, or give the model"
        )

    def open(self) -> "SavedModel":
        """Itself: it holds no state."""
        return self

    def feed_all(self, pieces: Iterable[bytes]) -> Iterator[tuple[SavedTrack, ...]]:
        """One answer for all pieces."""
        yield self.tracks[b"".join(pieces)]


def saved_models(
    folders: Sequence[str], sequences: Sequence[sources.Sequence], strands: str = "+"
) -> dict[str, SavedModel]:
    """RUN, or RUN:MODEL where a run has several -> its model.

    strands  "+", or "+-" with the reverse complement
    Raises InputError where a run is not whole, of another version or input, or lacks a strand. A run of other code of
    the same version has a warning.
    """
    found: dict[str, SavedModel] = {}
    for given in folders:
        folder = Path(given)
        about = _checked(folder, sequences, strands)
        for label, facts in about["models"].items():
            key = given if len(about["models"]) == 1 else f"{given}:{label}"
            if key in found:
                raise InputError(f"--run {given} is given twice; name each run once")
            tracks: dict[bytes, tuple[SavedTrack, ...]] = {}
            for strand in strands:
                tracks |= _tracks(folder, label, facts["n_stages"], sequences, strand)
            run = {"run": folder.name, "run_code_sha256": about.get("code_sha256", "")}
            warnings = tuple(f"run {folder}: {text}" for text in (other_code(about),) if text)
            found[key] = SavedModel(facts | run, tracks, warnings)
    return found


def _checked(folder: Path, sequences: Sequence[sources.Sequence], strands: str) -> dict[str, Any]:
    """The manifest of a run that is whole, of this version, of these sequences and strands."""
    about = read_run(folder)
    try:
        made_by, saved, expected = about["code_version"], about["input"], about["files"][TABLE]["sha256"]
        sha256, size, strand = saved["sha256"], saved["bytes"], about["options"].get("strand", "+")
        stages = [facts["n_stages"] for facts in about["models"].values() if facts["name"]]
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise InputError(f"{folder / MANIFEST}: is no manifest of a run ({err!r}); save it anew") from err
    if not stages or not all(isinstance(n, int) and n > 0 for n in stages):
        raise InputError(f"{folder / MANIFEST}: names no model with boundaries; save it anew")
    if sha256 != input_hash(sequences):
        n_bytes = sum(len(sequence.data) for sequence in sequences)
        raise InputError(
            f"run {folder}: is of another input ({size} bytes, sha256 {sha256[:12]}; this one has {n_bytes} bytes, "
            f"{input_hash(sequences)[:12]}); give the input that it was saved from"
        )
    if made_by != code_version():
        raise InputError(
            f"run {folder}: was saved by version {made_by}, and this is {code_version()}, which may cut elsewhere; "
            "save it anew"
        )
    if strand not in (strands, "both"):
        raise InputError(
            f"run {folder}: has strand {strand} alone, and {' and '.join(strands)} is needed; "
            "save it anew with boundaries --strand both"
        )
    if file_hash(folder / TABLE) != expected:
        raise InputError(f"{folder / TABLE}: was changed since it was saved; save the run anew")
    return about


def _tracks(
    folder: Path, label: str, n_stages: int, sequences: Sequence[sources.Sequence], strand: str
) -> dict[bytes, tuple[SavedTrack, ...]]:
    """What the model read on the strand -> one track a stage."""
    names = [sequence.name for sequence in sequences]
    code, stage, *columns = _columns(folder / TABLE, label, strand, names)
    edges = np.flatnonzero((np.diff(code) != 0) | (np.diff(stage) != 0)) + 1
    parts: dict[tuple[int, int], SavedTrack] = {}
    for first, last in pairwise([0, *edges.tolist(), len(code)]):
        if first < last:
            key = int(code[first]), int(stage[first])
            parts[key] = SavedTrack(*(column[first:last] for column in columns))
    found = {}
    for i, sequence in enumerate(sequences):
        seen, tracks = len(sequence.data), []
        for number in range(n_stages):
            track = parts.get((i, number))
            if track is None or len(track.byte) != seen:
                raise InputError(
                    f"run {folder}: stage {number} of {label} in {sequence.name} is incomplete; "
                    "save the run anew"
                )
            seen = int(track.is_boundary.sum())  # what the next stage sees
            tracks.append(track if strand == "+" else _turned(track))
        found[sequence.data if strand == "+" else reverse_complement(sequence.data)] = tuple(tracks)
    return found


def _columns(path: Path, label: str, strand: str, names: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Number of the sequence, stage, byte, prob and is_boundary of a model on a strand, a position a row."""
    try:
        table = pyarrow.dataset.dataset(path)
        rows = pyarrow.dataset.field("model") == label
        if "strand" in table.schema.names:
            rows &= pyarrow.dataset.field("strand") == strand
        found = table.to_table(["sequence", "stage", "byte", "prob", "is_boundary"], filter=rows)
    except (OSError, ArrowInvalid) as err:
        raise InputError(f"{path}: cannot be read ({err}); save the run anew") from err
    sequence = found.column("sequence").to_pandas()
    places = {name: i for i, name in enumerate(names)}
    numbers = np.array([places.get(name, -1) for name in sequence.cat.categories], np.int64)
    code = numbers[sequence.cat.codes] if len(sequence) else np.empty(0, np.int64)
    return code, *(found.column(name).to_numpy() for name in ("stage", "byte", "prob", "is_boundary"))


def _turned(track: SavedTrack) -> SavedTrack:
    """From the coordinates of the sequence to those of its other strand, where the last base is the first."""
    last = int(track.byte[-1])
    return SavedTrack((last - track.byte)[::-1], track.prob[::-1], track.is_boundary[::-1])
