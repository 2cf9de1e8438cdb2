"""Features of DNA records (genes, CDS, ...) from GenBank or GFF3, as 0-based half-open intervals."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

import pandas as pd
from Bio.SeqFeature import SeqFeature

from analysis import schema
from analysis.fasta import lines_of, plain_text
from analysis.genbank import genbank_records
from analysis.sources import MAX_BYTES, Source, read_bytes, source_name
from hnet_core.errors import InputError

_STRANDS = {1: "+", -1: "-"}
_GENBANK_NAMES = ("gene", "locus_tag", "product", "label", "note")
_GFF_NAMES = ("Name", "gene", "locus_tag", "ID")


def read_features(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> pd.DataFrame:
    """Every feature of a GenBank or GFF3 file (told apart by content), schema.FEATURES.

    A feature in several parts (exons, across the origin) has a row for each part, under one name.
    Rows are sorted by sequence (in the order of the file), start and end.
    Raises InputError for a file that is neither, or a line that is no feature.
    """
    shown = source_name(source, name, "annotation")
    data = plain_text(read_bytes(source, shown, max_bytes), shown)
    is_genbank = data[:64].lstrip().startswith(b"LOCUS ")
    rows = list(_genbank_rows(data, shown) if is_genbank else _gff3_rows(data, shown))
    table = pd.DataFrame(rows, columns=list(schema.FEATURES))
    order = {sequence: i for i, sequence in enumerate(dict.fromkeys(table["sequence"]))}
    table["sequence"] = pd.Categorical(table["sequence"], categories=list(order))
    table = table.sort_values(["sequence", "start", "end"], kind="stable", ignore_index=True)
    return schema.check(table.astype(schema.FEATURES), schema.FEATURES)


def features_of(
    features: pd.DataFrame,
    sequence: str,
    start: int = 0,
    end: int | None = None,
    kinds: Sequence[str] | None = ("gene",),
) -> pd.DataFrame:
    """The features of one record that overlap [start, end); kinds None: of every kind.

    When no feature carries the record's own name, the version after the dot is ignored: NC_001416 is NC_001416.1.
    """
    names = features["sequence"].astype(str)
    mine = names == sequence
    if not mine.any():
        mine = names.str.replace(r"\.\d+$", "", regex=True) == _unversioned(sequence)
    mine &= features["end"] > start
    if end is not None:
        mine &= features["start"] < end
    if kinds is not None:
        mine &= features["kind"].isin(list(kinds))
    return features[mine].reset_index(drop=True)


def _unversioned(name: str) -> str:
    stem, dot, version = name.rpartition(".")
    return stem if dot and version.isdigit() else name


def _genbank_rows(data: bytes, shown: str) -> Iterator[tuple]:
    for record in genbank_records(data, shown):
        for feature in record.features:
            if feature.location is None:  # Biopython warns and leaves out what it cannot place
                continue
            for part in feature.location.parts:
                start, end = int(part.start), int(part.end)
                yield (
                    record.id,
                    feature.type,
                    _genbank_name(feature),
                    start,
                    end,
                    _STRANDS.get(part.strand, "."),
                )


def _genbank_name(feature: SeqFeature) -> str:
    return next((feature.qualifiers[key][0] for key in _GENBANK_NAMES if key in feature.qualifiers), "")


def _gff3_rows(data: bytes, shown: str) -> Iterator[tuple]:
    """GFF3 counts from 1 and includes the end: start - 1, end is the same interval here."""
    for number, line in enumerate(lines_of(data), 1):
        line = line.rstrip("\n")
        if line.startswith("##FASTA") or line.startswith(">"):
            return
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 9 or not (fields[3].isascii() and fields[3].isdigit()) or not fields[4].isdigit():
            raise InputError(
                f"{shown}, line {number}: {line[:40]!r} is not a GFF3 feature (nine columns between tabs, start "
                "and end whole numbers); give a GFF3 or GenBank file"
            )
        start, end = int(fields[3]) - 1, int(fields[4])
        if not 0 <= start < end:
            raise InputError(
                f"{shown}, line {number}: start {fields[3]} and end {fields[4]} need 1 <= start <= end"
            )
        strand = fields[6] if fields[6] in ("+", "-") else "."
        yield unquote(fields[0]), fields[2], _gff3_name(fields[8].split(";")), start, end, strand


def _gff3_name(attributes: Iterable[str]) -> str:
    pairs = dict(attribute.strip().partition("=")[::2] for attribute in attributes)
    return next((unquote(pairs[key]) for key in _GFF_NAMES if key in pairs), "")
