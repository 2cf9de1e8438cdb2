"""What a program asks: where do models cut, do they agree, and do the cuts fall on genes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pandas as pd

from analysis.agreement.pairs import compare_pairs
from analysis.boundaries.extract import Analysis, BoundaryModel, Progress, boundary_marks, check
from analysis.boundaries.extract import analyse as _analyse
from analysis.boundaries.segmentations import cut
from analysis.genome.enrichment import DRAWS, Cuts, annotate, enrichment_table
from analysis.genome.features import UPSTREAM
from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.files import read_sequences
from analysis.inputs.reading import MAX_BYTES, read_input
from analysis.inputs.sources import Sequence as Record
from analysis.references.models import labels_of, load_model
from hnet_core.errors import InputError


class Opened(Protocol):
    """What hnet_core.load_model returns."""

    name: str
    boundary_model: BoundaryModel


Input = str | Path | bytes | Record
Model = str | Path | Opened | BoundaryModel


def analyse(
    inputs: Input | Sequence[Input], model: Model, *, kind: str = "auto", progress: Progress | None = None
) -> Analysis:
    """Where a model cuts: an Analysis with the tables `boundaries`, `chunks` and `summary`.

    inputs  paths of files, as the commands take them; bytes, which are a text themselves; or Records
    model   a name, a folder, a reference such as "ref:words", or what hnet_core.load_model returns
    kind    "auto", "text" or "dna"
    Raises InputError, CheckpointError or ConfigError, in a sentence.
    """
    return _analyse(_records(inputs, kind), _model(model), progress)


def compare(
    inputs: Input | Sequence[Input],
    models: Sequence[Model],
    *,
    kind: str = "auto",
    tolerance: int = 1,
    shifts: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Agreement of every pair of models, stage by stage, beside what chance gives: schema.AGREEMENT.

    tolerance  bytes apart that may pair off      shifts  circular shifts of the null      seed  of the shifts
    """
    records, opened = _records(inputs, kind), _named(models)
    cuts = [[replace(stage, name=label) for stage in cut(records, model)] for label, model in opened.items()]
    return compare_pairs(cuts, tolerance=tolerance, shifts=shifts, seed=seed)


def enrich(
    genome: Input,
    models: Model | Sequence[Model],
    *,
    annotation: str | Path | None = None,
    upstream: int = UPSTREAM,
    shifts: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Boundaries on annotated DNA: rates by class of feature and by codon position, beside shifts: schema.ENRICHMENT.

    annotation  GFF3, GTF, BED or GenBank; None: the genome's own, where that is GenBank
    upstream    bases before a gene that are a class of their own
    """
    several = isinstance(models, list | tuple)
    opened = _named(models if several else [models])
    where = annotation if annotation is not None else genome
    if not isinstance(where, str | Path):
        raise InputError("annotation is needed: give the path of a GFF3, GTF, BED or GenBank file")
    records = _records(genome, "dna")
    features, _ = fit_features(read_features(str(where)), records, Path(where).name)
    known = set(features["sequence"].unique())
    records = [each for each in records if each.name in known]
    data, cuts = [each.data for each in records], []
    for label, model in opened.items():
        check(records, model)
        marks = boundary_marks(data, model)
        cuts += [Cuts(label, stage, tuple(each)) for stage, each in enumerate(marks)]
    laid = annotate(features, [each.name for each in records], [len(each) for each in data], upstream)
    return enrichment_table(cuts, laid, draws=shifts, seed=seed)


def _records(inputs: Input | Sequence[Input], kind: str) -> list[Record]:
    several = isinstance(inputs, list | tuple)
    found = [record for each in (inputs if several else [inputs]) for record in _read(each, kind)]
    if not found:
        raise InputError("there is no input; give a path, bytes or a Record")
    return found


def _read(given: Input, kind: str) -> list[Record]:
    if isinstance(given, Record):
        return [given]
    if isinstance(given, bytes):
        return read_input(given, kind, "input")
    if not isinstance(given, str | Path):
        raise InputError(f"an input is a path, bytes or a Record, not {type(given).__name__}")
    if isinstance(given, str) and not Path(given).exists():
        raise InputError(f"{given[:80]!r}: no such file; for a text itself give bytes (text.encode())")
    return read_sequences([str(given)], kind, MAX_BYTES)


def _model(given: Model) -> BoundaryModel:
    if isinstance(given, str | Path):
        return load_model(str(given), None)
    return getattr(given, "boundary_model", given)


def _named(models: Sequence[Model]) -> dict[str, BoundaryModel]:
    """label -> model; names as they were given where two models call themselves the same."""
    opened = [_model(each) for each in models]
    given = [str(each) if isinstance(each, str | Path) else each.name for each in models]
    labels = labels_of(given, opened)
    if len(set(labels)) < len(labels):
        raise InputError(f"two models are called {max(labels, key=labels.count)!r}; give each once")
    return dict(zip(labels, opened, strict=True))
