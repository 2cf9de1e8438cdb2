"""Run a model over sequences: the tables everything else is made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from analysis import schema, sources
from analysis.chunks import Track, boundary_table, chunk_table, summary_table
from analysis.inputs import collect_warnings
from hnet_core.errors import ConfigError, InputError

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


class BoundaryModel(Protocol):
    """What the analysis needs of hnet_core.boundaries.BoundaryModel."""

    name: str
    info: dict[str, Any]
    n_stages: int

    def boundaries(self, data: bytes, *, progress: Progress | None = None) -> tuple[Track, ...]: ...


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
    """One model over some sequences. The tables are as analysis.schema declares them; treat them as read-only."""

    sequences: tuple[sources.Sequence, ...]
    model: ModelInfo
    boundaries: pd.DataFrame
    chunks: pd.DataFrame
    summary: pd.DataFrame
    """Pooled over the sequences; analysis.chunks.summary_table(..., by_sequence=True) has one row each."""
    warnings: tuple[str, ...]

    def boundaries_of(self, sequence: str, stage: int) -> pd.DataFrame:
        """Positions of one sequence at one stage."""
        return _part(self.boundaries, sequence, stage)

    def chunks_of(self, sequence: str, stage: int) -> pd.DataFrame:
        """Chunks of one sequence at one stage."""
        return _part(self.chunks, sequence, stage)


def analyse(
    sequences: Sequence[sources.Sequence], model: BoundaryModel, progress: Progress | None = None
) -> Analysis:
    """Boundaries of every sequence at every stage of the model.

    sequences  at least one, none empty, names all different, else InputError
    model      at least one routing stage, else ConfigError
    """
    _check(sequences, model)
    total = sum(len(sequence.data) for sequence in sequences)
    tracks, done = [], 0
    for sequence in sequences:
        inner = _offset(progress, done, total) if progress else None
        tracks.append(model.boundaries(sequence.data, progress=inner))
        done += len(sequence.data)
        if progress:
            progress(done, total)
    boundaries = boundary_table([sequence.name for sequence in sequences], tracks)
    chunks = chunk_table(boundaries, [len(sequence.data) for sequence in sequences])
    return Analysis(
        sequences=tuple(sequences),
        model=model_info(model),
        boundaries=schema.check(boundaries, schema.BOUNDARIES),
        chunks=schema.check(chunks, schema.CHUNKS),
        summary=summary_table(boundaries, chunks),
        warnings=collect_warnings(sequences) + domain_warnings(sequences, model),
    )


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


def _check(sequences: Sequence[sources.Sequence], model: BoundaryModel) -> None:
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


def _offset(progress: Progress, done: int, total: int) -> Progress:
    """Progress within one sequence, told as progress over all."""
    return lambda part, _: progress(done + part, total)


def _part(table: pd.DataFrame, sequence: str, stage: int) -> pd.DataFrame:
    # By the code, not the name: comparing integers over millions of rows is quick.
    code = table["sequence"].cat.categories.get_loc(sequence)
    mine = (table["sequence"].cat.codes.to_numpy() == code) & (table["stage"].to_numpy() == stage)
    return table[mine].reset_index(drop=True)
