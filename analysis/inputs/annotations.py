"""Features of DNA records (genes, CDS, ...) as 0-based half-open intervals, and how they meet the sequences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import schema
from analysis.inputs import sources
from analysis.inputs.genbank import genbank_features, is_genbank
from analysis.inputs.sources import MAX_BYTES, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.inputs.annotation_lines import line_features
from hnet_core.inputs.features import Feature
from hnet_core.inputs.names import meeting, of_another_genome, some
from hnet_core.inputs.text import plain_text

NOTES = "notes"
"""Key of the table's attrs: what is to be said about the file that it comes from."""


def read_features(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> pd.DataFrame:
    """Every feature of a GenBank, GFF3, GTF or BED file (told apart by content), schema.FEATURES.

    A feature in several parts (exons, across the origin) has a row for each part, under one name and group.
    Rows are sorted by sequence (in the order of the file), start and end. fit_features says what was odd in the file.
    Raises InputError for a file that is none of these, or a line that is no feature, with its number.
    """
    shown = source_name(source, name, "annotation")
    data = plain_text(read_bytes(source, shown, max_bytes), shown)
    read = genbank_features if is_genbank(data) else line_features
    features, notes = read(data, shown)
    table = _table(features)
    table.attrs[NOTES] = notes
    return table


def _table(features: Sequence[Feature]) -> pd.DataFrame:
    table = pd.DataFrame({name: [getattr(each, name) for each in features] for name in schema.FEATURES})
    order = list(dict.fromkeys(table["sequence"]))
    table["sequence"] = pd.Categorical(table["sequence"], categories=order)
    return _in_order(table)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
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

    features  as fit_features returns them, under the names of the records
    """
    mine = (features["sequence"] == sequence) & (features["end"] > start)
    if end is not None:
        mine &= features["start"] < end
    if kinds is not None:
        mine &= features["kind"].isin(list(kinds))
    return features[mine].reset_index(drop=True)


def fit_features(
    features: pd.DataFrame, sequences: Sequence[sources.Sequence], shown: str = "annotation"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The features that lie on the sequences, under the sequences' names, and warnings about those left out.

    features  as read_features returns them; those without a length, or that end beyond their sequence, are left out
    Raises InputError when no feature lies on any of the sequences.
    """
    warnings = list(features.attrs.get(NOTES, ()))
    if features.empty:
        raise InputError(
            "; ".join([*warnings, f"{shown}: has no features; give the annotation of the input"])
        )
    table, lost = _under_our_names(features, [sequence.name for sequence in sequences], shown)
    warnings += lost
    length = table["sequence"].map({s.name: len(s.data) for s in sequences}).astype("int64")
    empty, beyond = table["start"] >= table["end"], table["end"] > length
    if empty.any():
        warnings.append(f"{shown}: {_left_out(table[empty], 'have no length')}")
    if beyond.any():
        warnings.append(f"{shown}: {_left_out(table[beyond], 'reach beyond the end of their sequence')}")
    pseudo = int((table["pseudo"] & (table["kind"] == "CDS")).sum())
    if pseudo:
        warnings.append(
            f"{shown}: {pseudo} CDS parts are of pseudogenes: they count as pseudogene and have no codon positions"
        )
    cut = set(table["group"][beyond])
    table = table[~beyond & ~empty]
    if table.empty:
        raise InputError(f"{shown}: no feature lies on the input; give the annotation of these sequences")
    # Of what has lost a part here neither end is known for sure.
    is_cut = table["group"].isin(cut)
    table = table.assign(open_start=table["open_start"] | is_cut, open_end=table["open_end"] | is_cut)
    return _in_order(table), tuple(warnings)


def together(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """The features of several annotations, under the names of all sequences; what is one gene in each stays apart."""
    apart = []
    for number, table in enumerate(tables):
        if len(tables) > 1:
            ids = {
                name: table[name].str.replace(r"([^,]+)", rf"{number}/\1", regex=True)
                for name in ("parent", "group")
            }
            table = table.assign(**ids)
        apart.append(table.assign(sequence=pd.Categorical(table["sequence"], categories=names)))
    return _in_order(pd.concat(apart, ignore_index=True))


def _under_our_names(
    features: pd.DataFrame, ours: Sequence[str], shown: str
) -> tuple[pd.DataFrame, list[str]]:
    """The features that lie on the input's sequences, under its names, and warnings about names that do not match."""
    theirs = list(features["sequence"].cat.categories)
    to_name = meeting(theirs, ours)
    if not to_name:
        raise InputError(of_another_genome(shown, theirs, ours))
    found, warnings = features["sequence"].astype(str).map(to_name), []
    if found.isna().any():
        lost = features["sequence"][found.isna()].cat.remove_unused_categories().cat.categories
        n = int(found.isna().sum())
        warnings.append(f"{shown}: {n} features lie on sequences that the input lacks: {some(lost)}")
    met = set(to_name.values())
    bare = [name for name in ours if name not in met]
    if bare:
        warnings.append(f"{shown}: says nothing of {some(bare)}; left out of what needs an annotation")
    table = features.assign(sequence=pd.Categorical(found, categories=ours))[found.notna()]
    return table, warnings


def _left_out(rows: pd.DataFrame, why: str) -> str:
    first = rows.sort_values("line").iloc[0]
    where = f"line {first['line']}, " if first["line"] else ""
    return (
        f"{len(rows)} features {why} and are left out "
        f"(first: {where}{first['kind']} [{first['start']}, {first['end']}) on {first['sequence']})"
    )


def laid_end_to_end(features: pd.DataFrame, names: Sequence[str], lengths: Sequence[int]) -> pd.DataFrame:
    """The features of these sequences laid end to end: offsets count from the first one's first base."""
    place = {name: i for i, name in enumerate(names)}
    order = features["sequence"].astype(str).map(place)
    features, order = features[order.notna()], order[order.notna()].astype("int64").to_numpy()
    offset = np.concatenate([[0], np.cumsum(lengths)])[order]
    return features.assign(start=features["start"] + offset, end=features["end"] + offset)
