"""Genomes and their annotations: which file is whose, and the features under the names of the records."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.inputs import sources
from analysis.inputs.annotations import fit_features, read_features, together
from analysis.inputs.files import sequences_of
from analysis.inputs.folders import Budget, InputFile, LeftOut, input_files
from analysis.inputs.genbank import is_genbank
from analysis.inputs.sources import read_bytes
from hnet_core.errors import InputError
from hnet_core.suffixes import suffix_of

ANNOTATION_SUFFIXES = (".gff3", ".gff", ".gtf", ".bed", ".bed12")
"""What a folder or an archive may hold beside genomes."""


@dataclass(frozen=True)
class Genomes:
    """All that is annotated.

    read         the records of all files, of different names
    sequences    those of them that the annotation speaks of: of another it is not known what its bases are
    features     schema.FEATURES under these names
    annotations  the files that the features are from
    """

    read: list[sources.Sequence]
    sequences: list[sources.Sequence]
    features: pd.DataFrame
    annotations: list[InputFile]
    warnings: tuple[str, ...]
    left_out: str


def read_genomes(paths: Sequence[str], annotations: Sequence[str], max_bytes: int) -> Genomes:
    """The genomes of all files, and their features.

    annotations  one for all genomes, or one a genome in the order of the genomes. None: each genome has the file of its
                 name in its own folder or archive (a.fa and a.gff3), or is GenBank and its own annotation
    Raises InputError where that is not so, or an annotation shares no sequence with its genome.
    """
    budget, left_out = Budget(max_bytes), LeftOut()
    files = input_files(paths, budget, left_out)
    beside = [each for each in files if _is_annotation(each)]
    files = [each for each in files if not _is_annotation(each)]
    given = [InputFile(path, Path(path), False) for path in annotations]
    if given:
        for each in beside:
            left_out.add("annotations that --annotation stands in for", each.label)
    sequences = sequences_of(files, "dna", budget, left_out)
    genomes = list(dict.fromkeys(each.file for each in sequences))
    of_genome = _given(given, genomes) if given else _beside(files, beside, genomes, max_bytes)
    features, warnings = _features(sequences, of_genome, max_bytes)
    known = set(features["sequence"].unique())
    used = list({each.label: each for each in of_genome.values()}.values())
    annotated = [each for each in sequences if each.name in known]
    return Genomes(sequences, annotated, features, used, warnings, str(left_out))


def _given(annotations: list[InputFile], genomes: list[str]) -> dict[str, InputFile]:
    if len(annotations) == 1:
        return dict.fromkeys(genomes, annotations[0])
    if len(annotations) != len(genomes):
        raise InputError(
            f"there are {len(genomes)} genomes and {len(annotations)} annotations; give one for all, or one a genome "
            "in the order of the genomes"
        )
    return dict(zip(genomes, annotations, strict=True))


def _is_annotation(file: InputFile) -> bool:
    return file.found and suffix_of(file.name) in ANNOTATION_SUFFIXES


def _beside(
    files: list[InputFile], beside: list[InputFile], genomes: list[str], max_bytes: int
) -> dict[str, InputFile]:
    """Of each genome the annotation of its name, or the genome itself."""
    found = {}
    for file in files:
        if file.label not in genomes:
            continue
        of_name = [each for each in beside if _stem(each.label) == _stem(file.label)]
        if len(of_name) > 1:
            both = " and ".join(each.label for each in of_name)
            raise InputError(f"{file.label}: has two annotations, {both}; give one by --annotation")
        if not of_name and file.found and not is_genbank(read_bytes(file.source, file.label, max_bytes)):
            raise InputError(
                f"{file.label}: has no annotation of its name in its folder; give one by --annotation, or put "
                f"{_stem(file.name)}.gff3 beside it"
            )
        found[file.label] = of_name[0] if of_name else file
    return found


def _stem(label: str) -> str:
    """Without the suffix that tells the format, and those of packers."""
    place, dot, _ = label.lower().rpartition(suffix_of(label) or "\0")
    return label[: len(place)] if dot else label


def _features(
    sequences: list[sources.Sequence], of_genome: dict[str, InputFile], max_bytes: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The features of all genomes, and what is to be said."""
    genomes_of: dict[str, list[str]] = {}
    for genome, annotation in of_genome.items():
        genomes_of.setdefault(annotation.label, []).append(genome)
    annotations = {each.label: each for each in of_genome.values()}
    tables, warnings = [], []
    for label, genomes in genomes_of.items():
        mine, annotation = [each for each in sequences if each.file in genomes], annotations[label]
        own = {each.name.removeprefix(f"{each.file}:"): each.name for each in mine}
        if len(own) < len(mine):
            raise InputError(
                f"{label}: the genomes {genomes[0]} and {genomes[1]} have sequences of one name, so it cannot be the "
                "annotation of both; give one annotation a genome"
            )
        features = read_features(annotation.source, label if annotation.found else None, max_bytes)
        plain = [replace(each, name=name) for name, each in zip(own, mine, strict=True)]
        table, notes = fit_features(features, plain, annotation.name)
        tables.append(table.assign(sequence=table["sequence"].astype(str).map(own)))
        warnings += notes
    return together(tables, [each.name for each in sequences]), tuple(warnings)
