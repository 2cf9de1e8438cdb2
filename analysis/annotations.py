"""Features of DNA records (genes, CDS, ...) as 0-based half-open intervals, and how they meet the sequences."""

import re
from collections.abc import Sequence

import pandas as pd
from Bio.SeqFeature import SeqFeature

from analysis import schema, sources
from analysis.fasta import plain_text
from analysis.feature_lines import coding_phases, line_features
from analysis.genbank import genbank_records, is_genbank
from analysis.sources import MAX_BYTES, Source, read_bytes, source_name
from hnet_core.errors import InputError

_STRANDS = {1: "+", -1: "-"}
_GENBANK_NAMES = ("gene", "locus_tag", "product", "label", "note")


def read_features(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> pd.DataFrame:
    """Every feature of a GenBank, GFF3, GTF or BED file (told apart by content), schema.FEATURES.

    A feature in several parts (exons, across the origin) has a row for each part, under one name and parent.
    Rows are sorted by sequence (in the order of the file), start and end.
    Raises InputError for a file that is none of these, or a line that is no feature, with its number.
    """
    shown = source_name(source, name, "annotation")
    data = plain_text(read_bytes(source, shown, max_bytes), shown)
    read = _genbank_features if is_genbank(data) else line_features
    table = read(data, shown)
    order = list(dict.fromkeys(table["sequence"]))
    table["sequence"] = pd.Categorical(table["sequence"], categories=order)
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

    When no feature carries the record's own name, an alias will do: NC_001416 is NC_001416.1, 1 is chr1.
    """
    names = features["sequence"].astype(str)
    mine = names == sequence
    if not mine.any():
        mine = names.map(alias) == alias(sequence)
    mine &= features["end"] > start
    if end is not None:
        mine &= features["start"] < end
    if kinds is not None:
        mine &= features["kind"].isin(list(kinds))
    return features[mine].reset_index(drop=True)


def alias(name: str) -> str:
    """One spelling for the usual names of one sequence: without `chr` and the version; MT for M."""
    name = re.sub(r"\.\d+$", "", name)
    short = re.sub(r"^chr(omosome)?_?(?=.)", "", name, flags=re.IGNORECASE)
    return {"M": "MT", "Mito": "MT"}.get(short, short)


def fit_features(
    features: pd.DataFrame, sequences: Sequence[sources.Sequence], shown: str = "annotation"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The features that lie on the sequences, under the sequences' names, and what was left out.

    A feature that ends beyond a circular sequence goes on at its start; beyond a linear one it is left out.
    Raises InputError when no feature lies on any of the sequences.
    """
    if features.empty:
        raise InputError(f"{shown}: has no features; give the annotation of the input")
    names = [sequence.name for sequence in sequences]
    to_name = _meeting(list(features["sequence"].cat.categories), names)
    if not to_name:
        theirs, ours = _some(features["sequence"].cat.categories), _some(names)
        raise InputError(
            f"{shown}: is of another genome: its sequences are {theirs}, the input's are {ours}; "
            "give the annotation of these sequences"
        )
    found = features["sequence"].astype(str).map(to_name)
    warnings = []
    if found.isna().any():
        lost = features["sequence"][found.isna()].cat.remove_unused_categories().cat.categories
        n = int(found.isna().sum())
        warnings.append(f"{shown}: {n} features lie on sequences that the input lacks: {_some(lost)}")
    bare = [name for name in names if name not in set(to_name.values())]
    if bare:
        warnings.append(f"{shown}: says nothing of {_some(bare)}; left out of what needs an annotation")
    table = features.assign(sequence=pd.Categorical(found, categories=names))[found.notna()]
    length = table["sequence"].map({s.name: len(s.data) for s in sequences}).astype("int64")
    table, wrapped = _around_the_origin(table, length)
    beyond = ((table["end"] > length) & ~wrapped) | (table["start"] >= length)
    if beyond.any():
        first = table[beyond].sort_values("line").iloc[0]
        where = f"first: line {first['line']}, " if first["line"] else "first: "
        warnings.append(
            f"{shown}: {int(beyond.sum())} features reach beyond the end of their sequence and are left out "
            f"({where}{first['kind']} [{first['start']}, {first['end']}) on {first['sequence']})"
        )
    table = _split(table[~beyond], length[~beyond], wrapped[~beyond])
    if table.empty:
        raise InputError(f"{shown}: no feature lies on the input; give the annotation of these sequences")
    table = table.sort_values(["sequence", "start", "end"], kind="stable", ignore_index=True)
    return schema.check(table.astype(schema.FEATURES), schema.FEATURES), tuple(warnings)


def _meeting(theirs: list[str], ours: list[str]) -> dict[str, str]:
    """Annotation's name -> input's name: equal, else by alias where that is not ambiguous."""
    exact = {name: name for name in theirs if name in set(ours)}
    by_alias: dict[str, list[str]] = {}
    for name in ours:
        by_alias.setdefault(alias(name), []).append(name)
    for name in theirs:
        meant = [n for n in by_alias.get(alias(name), []) if n not in exact.values()]
        if name not in exact and len(meant) == 1:
            exact[name] = meant[0]
    return exact


def _around_the_origin(table: pd.DataFrame, length: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Which features of rings pass the origin; those that lie past it whole are put where they are."""
    turns = ((table["start"] >= length) & table["circular"]).astype("int64") * length
    table = table.assign(start=table["start"] - turns, end=table["end"] - turns)
    return table, table["circular"] & (table["end"] > length) & (table["end"] <= 2 * length)


def _split(table: pd.DataFrame, length: pd.Series, wrapped: pd.Series) -> pd.DataFrame:
    """Features over the origin as two parts, each with its own phase."""
    over = table[wrapped]
    if over.empty:
        return table
    ring = length[wrapped]
    before, after = ring - over["start"], over["end"] - ring
    first = over.assign(end=ring)
    second = over.assign(start=0, end=after)
    # The part read second goes on in the codon that the part read first has begun.
    forward, coding = over["strand"] == "+", over["phase"] >= 0
    second["phase"] = second["phase"].mask(coding & forward, (over["phase"] - before) % 3)
    first["phase"] = first["phase"].mask(coding & ~forward, (over["phase"] - after) % 3)
    return pd.concat([table[~wrapped], first, second])


def _genbank_features(data: bytes, shown: str) -> pd.DataFrame:
    rows = []
    for record in genbank_records(data, shown):
        circular = record.annotations.get("topology") == "circular"
        for number, feature in enumerate(record.features):
            if feature.location is None:  # start after end, or no place at all
                named = " ".join(filter(None, (feature.type, _genbank_name(feature))))
                raise InputError(
                    f"{shown}: record {record.id!r}: feature {number + 1}, {named}, has no place that Biopython can "
                    "read; correct its location, START..END counted from 1"
                )
            parts = feature.location.parts  # in the order of transcription
            phases = [-1] * len(parts)
            if feature.type == "CDS":
                skip = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
                phases = coding_phases([len(part) for part in parts], skip)
            for part, phase in zip(parts, phases, strict=True):
                if part.ref is not None:  # lies in another record
                    continue
                where = (int(part.start), int(part.end), _STRANDS.get(part.strand, "."))
                tag = feature.qualifiers.get("locus_tag", [""])[0]
                about = (phase, f"{record.id}:{number}", circular, 0, tag)
                rows.append((record.id, feature.type, _genbank_name(feature), *where, *about))
    return pd.DataFrame(rows, columns=list(schema.FEATURES))


def _genbank_name(feature: SeqFeature) -> str:
    return next((feature.qualifiers[key][0] for key in _GENBANK_NAMES if key in feature.qualifiers), "")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, list(names)[:3])) + more
