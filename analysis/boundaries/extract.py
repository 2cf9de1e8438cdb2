"""Run a model over sequences: the tables everything else is made from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from analysis import schema
from analysis.boundaries.chunks import CompactTrack, Track, boundary_table, chunk_table, track_summary
from analysis.inputs import sources
from analysis.inputs.reading import collect_warnings
from hnet_core.allocator import return_free_memory
from hnet_core.errors import ConfigError, InputError

PIECE = 2**13
"""Bytes of a long input that go through a model at a time: half of what is fastest, at half the memory."""
MARKS_PIECE = 2 * PIECE
"""The same where no table is made of them, which leaves the memory for it."""
TRIM = 64 * PIECE
"""Bytes between two times that free memory goes back to the system."""
PACK = 2**15
"""Short inputs share a call of the model up to so many bytes."""

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


class BoundaryStream(Protocol):
    """One input, piece by piece; for each piece what is new at every stage."""

    def feed_all(self, pieces: Iterable[bytes]) -> Iterator[tuple[Track, ...]]: ...


class BoundaryModel(Protocol):
    """What the analysis needs of hnet_core.boundaries.BoundaryModel."""

    name: str
    info: dict[str, Any]
    n_stages: int

    def boundaries_many(
        self, data: Sequence[bytes], *, progress: Progress | None = None
    ) -> Sequence[tuple[Track, ...]]: ...

    def open(self) -> BoundaryStream: ...

    def cutting_at(self, thresholds: Sequence[float | None]) -> "BoundaryModel": ...


@dataclass(frozen=True)
class ModelInfo:
    """Which model made an analysis; `info` is its model.json."""

    name: str
    title: str
    domain: str
    n_stages: int
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """One model over some sequences, as tracks.

    The tables, as analysis.schema declares them, are made when they are asked for: they take several times as much.
    """

    sequences: tuple[sources.Sequence, ...]
    model: ModelInfo
    tracks: tuple[tuple[CompactTrack, ...], ...]
    """For each sequence one a stage, outermost first."""
    warnings: tuple[str, ...]

    @property
    def boundaries(self) -> pd.DataFrame:
        """A row for each position each stage sees."""
        names = [sequence.name for sequence in self.sequences]
        return schema.check(boundary_table(names, self.tracks), schema.BOUNDARIES)

    @property
    def chunks(self) -> pd.DataFrame:
        """A row a chunk."""
        lengths = [len(sequence.data) for sequence in self.sequences]
        return schema.check(chunk_table(self.boundaries, lengths), schema.CHUNKS)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Pooled over the sequences; boundaries.chunks.summary_table(..., by_sequence=True) has one row each."""
        return track_summary(self.tracks, [len(sequence.data) for sequence in self.sequences])

    def track(self, sequence: str, stage: int) -> CompactTrack:
        """One stage of one sequence."""
        return self.tracks[self._names.categories.get_loc(sequence)][stage]

    def boundaries_of(self, sequence: str, stage: int) -> pd.DataFrame:
        """Positions of one sequence at one stage."""
        track = self.track(sequence, stage)
        columns = {"byte": track.byte, "prob": track.prob, "is_boundary": track.is_boundary}
        return self._part(sequence, stage, columns)

    def chunks_of(self, sequence: str, stage: int) -> pd.DataFrame:
        """Chunks of one sequence at one stage."""
        track = self.track(sequence, stage)
        start = track.starts
        length = len(self.sequences[self._names.categories.get_loc(sequence)].data)
        end = np.append(start[1:], length)
        prob = track.prob[track.is_boundary]
        return self._part(sequence, stage, {"start": start, "end": end, "n_bytes": end - start, "prob": prob})

    @cached_property
    def _names(self) -> pd.CategoricalDtype:
        return pd.CategoricalDtype([sequence.name for sequence in self.sequences])

    def _part(self, sequence: str, stage: int, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        n = len(columns["prob"])
        codes = np.full(n, self._names.categories.get_loc(sequence), np.int32)
        names = pd.Categorical.from_codes(codes, dtype=self._names)
        return pd.DataFrame({"sequence": names, "stage": np.full(n, stage, np.int16), **columns})


def analyse(
    sequences: Sequence[sources.Sequence], model: BoundaryModel, progress: Progress | None = None
) -> Analysis:
    """Boundaries of every sequence at every stage of the model.

    sequences  at least one, none empty, names all different, else InputError
    model      at least one routing stage, else ConfigError
    """
    check(sequences, model)
    data = [sequence.data for sequence in sequences]
    pieces: list[list[list[CompactTrack]]] = [[[] for _ in range(model.n_stages)] for _ in data]
    for index, tracks in track_pieces(data, model, progress, MARKS_PIECE):
        for stage, track in enumerate(tracks):
            pieces[index][stage].append(CompactTrack.of(track, stage == 0, len(data[index])))
    tracks = tuple(tuple(map(CompactTrack.joined, stages)) for stages in pieces)
    del pieces
    return_free_memory()  # the page lives on: what this run needed and what was dropped since the last one
    return Analysis(
        sequences=tuple(sequences),
        model=model_info(model),
        tracks=tracks,
        warnings=collect_warnings(sequences) + domain_warnings(sequences, model),
    )


def track_pieces(
    data: Sequence[bytes], model: BoundaryModel, progress: Progress | None = None, piece: int = 0
) -> Iterator[tuple[int, tuple[Track, ...]]]:
    """(index of an input, what is new of it at every stage), input by input, in constant memory.

    Inputs of up to PACK bytes come whole, several to one call of the model; longer ones in pieces of `piece` bytes
    (0: PIECE).
    """
    total, done, piece = sum(map(len, data)), 0, piece or PIECE
    for group in shared_calls(data):
        if len(group) > 1:
            yield from zip(group, model.boundaries_many([data[i] for i in group]), strict=True)
            done += sum(len(data[i]) for i in group)
        else:
            whole, stream = data[group[0]], model.open()
            pieces = (whole[start : start + piece] for start in range(0, len(whole), piece))
            for number, tracks in enumerate(stream.feed_all(pieces), 1):
                yield group[0], tracks
                if number * piece % TRIM == 0:
                    return_free_memory()
                if progress:
                    progress(done + min(number * piece, len(whole)), total)
            done += len(whole)
        if progress:
            progress(done, total)
    return_free_memory()


def shared_calls(data: Sequence[bytes]) -> Iterator[list[int]]:
    """Indices of the inputs that share a call of the model: short ones up to PACK bytes; a longer one stands alone."""
    group, size = [], 0
    for index, each in enumerate(data):
        if group and size + len(each) > PACK:
            yield group
            group, size = [], 0
        group.append(index)
        size += len(each)
    if group:
        yield group


def boundary_marks(
    data: Sequence[bytes], model: BoundaryModel, progress: Progress | None = None
) -> list[list[np.ndarray]]:
    """For each stage, for each input, (length,) bool: a chunk starts here. The forced start at 0 is not marked."""
    marks = [[np.zeros(len(each), bool) for each in data] for _ in range(model.n_stages)]
    for index, tracks in track_pieces(data, model, progress, MARKS_PIECE):
        for stage, track in enumerate(tracks):
            marks[stage][index][track.byte[track.is_boundary]] = True
    for each in (mark for stage in marks for mark in stage):
        each[:1] = False
    return marks


def model_info(model: BoundaryModel) -> ModelInfo:
    """The identity of a model, from its model.json as far as that says."""
    info = dict(model.info)
    return ModelInfo(model.name, info.get("title", model.name), info.get("domain", ""), model.n_stages, info)


def domain_warnings(sequences: Sequence[sources.Sequence], model: BoundaryModel) -> tuple[str, ...]:
    """Says so when a DNA model reads text, or a model of text reads DNA."""
    domain = model.info.get("domain", "")
    kinds = {sequence.kind for sequence in sequences}
    if domain == "dna" and "text" in kinds:
        return (f"model {model.name} was trained on DNA, the input is text",)
    if domain not in ("", "dna") and "dna" in kinds:
        return (f"model {model.name} was trained on {domain}, the input is DNA",)
    return ()


def check(sequences: Sequence[sources.Sequence], model: BoundaryModel) -> None:
    """InputError or ConfigError where there is nothing to analyse, or names are not all different."""
    if model.n_stages < 1:
        raise ConfigError(
            f"model {model.name} has no routing stage, so it has no boundaries; choose another model"
        )
    if not sequences:
        raise InputError("there is no sequence to analyse; give at least one")
    names = set()
    for sequence in sequences:
        if not sequence.data:
            raise InputError(f"{sequence.name}: the sequence is empty; it needs at least one byte")
        if sequence.name in names:
            raise InputError(f"two sequences are named {sequence.name!r}; give each its own name")
        names.add(sequence.name)
