"""What a program asks: where do models cut, do they agree, and do the cuts fall on genes."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Protocol

import pandas as pd

from analysis.agreement.pairs import compare_pairs
from analysis.boundaries.by_file import joined, parts, with_file
from analysis.boundaries.extract import Analysis, BoundaryModel, Progress, boundary_marks, check
from analysis.boundaries.extract import analyse as _analyse
from analysis.boundaries.segmentations import cut
from analysis.boundaries.thresholds import check_thresholds, parse_thresholds
from analysis.genome.enrichment import DRAWS, Cuts, annotate, enrichment_table
from analysis.genome.features import UPSTREAM
from analysis.inputs.files import read_sequences
from analysis.inputs.genomes import read_genomes
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
Threshold = float | str | Sequence[float | None] | None


def analyse(
    inputs: Input | Sequence[Input],
    model: Model,
    *,
    kind: str = "auto",
    threshold: Threshold = None,
    progress: Progress | None = None,
) -> Analysis:
    """Where a model cuts: an Analysis with the tables `boundaries`, `chunks` and `summary`.

    inputs     paths of files, folders and archives, as the commands take them; bytes, which are a text themselves; or
               Records. `sequences` of the result says of each which `file` it is from.
    model      a name, a folder, a reference such as "ref:words", or what hnet_core.load_model returns
    kind       "auto", "text" or "dna"
    threshold  cut where p is above it (the trained rule: above a half): a number for all stages, or one a stage, None
               for the trained rule, as in (0.4, None). Inner stages are computed anew from the chunks that outer ones
               then make.
    Raises InputError, CheckpointError or ConfigError, in a sentence.
    """
    [opened] = _named([model], threshold).values()
    return _analyse(_records(inputs, kind), opened, progress)


def compare(
    inputs: Input | Sequence[Input],
    models: Sequence[Model],
    *,
    kind: str = "auto",
    threshold: Threshold = None,
    together: bool = False,
    tolerance: int = 1,
    shifts: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Agreement of every pair of models, stage by stage, beside what chance gives: schema.AGREEMENT behind `file`.

    inputs, threshold  as in analyse              together  count over all files as one; else rows for each file
    tolerance  bytes apart that may pair off      shifts  circular shifts of the null      seed  of the shifts
    """
    records, opened = _records(inputs, kind), _named(models, threshold)
    cuts = [[replace(stage, name=label) for stage in cut(records, model)] for label, model in opened.items()]
    options = {"tolerance": tolerance, "shifts": shifts, "seed": seed}
    tables = []
    for file, places in parts(records, together).items():
        mine = [[stage.part(places) for stage in model] for model in cuts]
        tables.append(with_file(compare_pairs(mine, **options), file))
    return joined(tables)


def enrich(
    genome: str | Path | Sequence[str | Path],
    models: Model | Sequence[Model],
    *,
    annotation: str | Path | Sequence[str | Path] | None = None,
    threshold: Threshold = None,
    together: bool = False,
    upstream: int = UPSTREAM,
    shifts: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Boundaries on annotated DNA: rates by class of feature and by codon position, beside shifts: schema.ENRICHMENT
    behind `file`.

    genome      paths of FASTA or GenBank files, folders and archives
    annotation  GFF3, GTF, BED or GenBank; one for all genomes, or one a genome in their order. None: in a folder or an
                archive the file of the genome's name, else the genome's own, where that is GenBank
    threshold, together  as in compare
    upstream    bases before a gene that are a class of their own
    """
    opened = _named(_listed(models), threshold)
    genomes, annotations = _listed(genome), [] if annotation is None else _listed(annotation)
    if not all(isinstance(each, str | Path) for each in [*genomes, *annotations]):
        raise InputError(
            "annotation is needed: give the paths of genomes, and of a GFF3, GTF, BED or GenBank file"
        )
    read = read_genomes(list(map(str, genomes)), list(map(str, annotations)), MAX_BYTES)
    if read.left_out:
        warnings.warn(read.left_out, stacklevel=2)
    data, cuts, tables = [each.data for each in read.sequences], [], []
    for label, model in opened.items():
        check(read.sequences, model)
        marks = boundary_marks(data, model)
        cuts += [Cuts(label, stage, tuple(each)) for stage, each in enumerate(marks)]
    for file, places in parts(read.sequences, together).items():
        mine = [replace(each, is_cut=tuple(each.is_cut[i] for i in places)) for each in cuts]
        names, lengths = [read.sequences[i].name for i in places], [len(data[i]) for i in places]
        laid = annotate(read.features, names, lengths, upstream)
        tables.append(with_file(enrichment_table(mine, laid, draws=shifts, seed=seed), file))
    return joined(tables)


def _listed(given) -> list:
    return list(given) if isinstance(given, list | tuple) else [given]


def _records(inputs: Input | Sequence[Input], kind: str) -> list[Record]:
    given, found = _listed(inputs), []
    texts = sum(isinstance(each, bytes) for each in given)
    for is_path, group in groupby(given, lambda each: isinstance(each, str | Path)):
        # Paths together, so that sequences of one name in several files are told apart.
        if is_path:
            paths = list(map(_there, group))
            found += read_sequences(
                paths, kind, MAX_BYTES, lambda sentence: warnings.warn(sentence, stacklevel=4)
            )
            continue
        for each in group:
            name = "input" if texts == 1 else f"input {len(found) + 1}"
            found += _read(each, kind, name)
    if not found:
        raise InputError("there is no input; give a path, bytes or a Record")
    return found


def _there(path: str | Path) -> str:
    if isinstance(path, str) and not os.path.exists(path):
        raise InputError(f"{path[:80]!r}: no such file; for a text itself give bytes (text.encode())")
    return str(path)


def _read(given: bytes | Record, kind: str, name: str) -> list[Record]:
    if isinstance(given, Record):
        return [given]
    if isinstance(given, bytes):
        return [replace(each, file=name) for each in read_input(given, kind, name)]
    raise InputError(f"an input is a path, bytes or a Record, not {type(given).__name__}")


def _model(given: Model) -> BoundaryModel:
    if isinstance(given, str | Path):
        return load_model(str(given), None)
    return getattr(given, "boundary_model", given)


def _named(models: Sequence[Model], threshold: Threshold) -> dict[str, BoundaryModel]:
    """label -> model; names as they were given where two models call themselves the same."""
    thresholds = parse_thresholds(threshold)
    opened = [_model(each) for each in models]
    given = [str(each) if isinstance(each, str | Path) else each.name for each in models]
    labels = labels_of(given, opened)
    if len(set(labels)) < len(labels):
        raise InputError(f"two models are called {max(labels, key=labels.count)!r}; give each once")
    check_thresholds(thresholds, opened)
    cutting = [model.cutting_at(thresholds) for model in opened] if thresholds else opened
    return dict(zip(labels, cutting, strict=True))
