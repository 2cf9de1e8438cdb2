"""GFF3, GTF and BED: a feature a line, between tabs. Coordinates leave here 0-based and half-open."""

import csv
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np
import pandas as pd
from pandas.errors import ParserError

from analysis import schema
from analysis.fasta import lines_of
from hnet_core.errors import InputError

_GFF_NAMES = ("Name", "gene", "locus_tag", "ID")
_GTF_NAMES = ("gene_name", "gene_id", "transcript_id")
_GFF_TAGS, _GTF_TAGS = ("locus_tag", "ID"), ("gene_id",)
_STRANDS = ("+", "-", ".", "?")


def line_features(data: bytes, shown: str) -> pd.DataFrame:
    """The rows of schema.FEATURES, in the order of the file; a line that is no feature is refused by number."""
    fields = _fields(data, shown)
    if fields.empty:
        return pd.DataFrame(columns=list(schema.FEATURES))
    return _bed(fields, shown) if _is_whole(fields[[1, 2]]).iloc[0].all() else _gff(fields, shown)


def coding_phases(lengths: Sequence[int], first: int = 0) -> list[int]:
    """The phase of every part of a CDS: bases to skip to the start of the next codon.

    lengths  of the parts in the order of transcription; introns, an origin or a slip may lie between them
    first    phase of the first part
    """
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return ((first - before) % 3).tolist()


def _fields(data: bytes, shown: str) -> pd.DataFrame:
    """Columns 0 to 12 as text; the index is the number of the line. Comments and what follows ##FASTA are gone."""
    first = next((line for line in lines_of(data) if line.strip() and line[0] != "#"), "")
    try:
        table = pd.read_csv(
            lines_of(data),
            sep="\t" if "\t" in first else r"[ \t]+",
            engine="c" if "\t" in first else "python",
            names=list(range(13)),
            dtype=str,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            keep_default_na=False,
        )
    except ParserError as err:
        raise InputError(
            f"{shown}: {str(err).split('error: ')[-1].strip()}: no GFF3, GTF or BED has so many columns"
        ) from err
    table.index += 1
    table = table.fillna("")
    start = table[0].str.lstrip()
    end = np.flatnonzero((start.str.startswith("##FASTA") | start.str.startswith(">")).to_numpy())
    if len(end):
        table, start = table.iloc[: end[0]], start.iloc[: end[0]]
    skip = start.str.startswith("#") | (start == "") | start.str.match(r"(track|browser)\b")
    table = table[~skip]
    table.attrs["between"] = "\t" if "\t" in first else " "
    return table


def _is_whole(columns: pd.DataFrame) -> pd.DataFrame:
    return columns.apply(lambda column: column.str.fullmatch(r"[0-9]{1,15}"))


def _refuse(bad: pd.Series, fields: pd.DataFrame, shown: str, message: str) -> None:
    """InputError for the first line where `bad`; {start}, {end} and so on in the message are its columns."""
    if bad.any():
        line = bad.index[bad.to_numpy()][0]
        row = fields.loc[line]
        text = fields.attrs["between"].join(row).rstrip()[:40]
        raise InputError(
            f"{shown}, line {line}: {message.format(text=repr(text), **{f'c{i}': v for i, v in row.items()})}"
        )


def _gff(fields: pd.DataFrame, shown: str) -> pd.DataFrame:
    """GFF3 and GTF count from 1 and include the end: start - 1, end is the same interval here."""
    bad = ~_is_whole(fields[[3, 4]]).all(axis=1) | (fields[8] == "") | (fields[9] != "")
    _refuse(
        bad,
        fields,
        shown,
        "{text} is not a GFF3 feature (nine columns between tabs, start and end whole numbers); "
        "give a GFF3, GTF, BED or GenBank file",
    )
    start, end = fields[3].astype("int64") - 1, fields[4].astype("int64")
    bad = (start < 0) | (end <= start)
    _refuse(bad, fields, shown, "start {c3} and end {c4} need 1 <= start <= end")
    _refuse(~fields[6].isin(_STRANDS), fields, shown, "strand {c6!r} is none of + - . ?")
    _refuse(~fields[7].isin(["0", "1", "2", "."]), fields, shown, "phase {c7!r} is none of 0 1 2 .")
    about = fields[8]
    is_gtf = about.str.match(r'\s*\w+ "').iloc[0]
    value = _gtf_value if is_gtf else _gff_value
    names = [value(about, key) for key in (_GTF_NAMES if is_gtf else _GFF_NAMES)]
    tags = [value(about, key) for key in (_GTF_TAGS if is_gtf else _GFF_TAGS)]
    parents = ("transcript_id", "gene_id") if is_gtf else ("Parent", "ID")
    table = pd.DataFrame(
        {
            "sequence": fields[0].map(unquote),
            "kind": fields[2],
            "name": _first_of(names),
            "start": start,
            "end": end,
            "strand": fields[6].where(fields[6].isin(["+", "-"]), "."),
            "phase": fields[7].where((fields[2] == "CDS") & (fields[7] != "."), "-1").astype("int8"),
            "parent": _first_of([value(about, key) for key in parents]),
            "circular": False,
            "line": fields.index,
            "tag": _first_of(tags),
        }
    )
    rings = set(table["sequence"][about.str.contains("Is_circular=true", regex=False)])
    table["circular"] = table["sequence"].isin(rings)
    return _with_phases(table)


def _gff_value(about: pd.Series, key: str) -> pd.Series:
    found = about.str.extract(rf"(?:^|;)\s*{key}=([^;]*)", expand=False).fillna("").str.strip()
    return found.map(unquote) if key != "Parent" else found


def _gtf_value(about: pd.Series, key: str) -> pd.Series:
    return about.str.extract(rf'(?:^|;)\s*{key} "([^"]*)"', expand=False).fillna("")


def _first_of(columns: Sequence[pd.Series]) -> pd.Series:
    """The first that is not empty, row by row."""
    found = columns[0]
    for column in columns[1:]:
        found = found.where(found != "", column)
    return found


def _with_phases(table: pd.DataFrame) -> pd.DataFrame:
    """CDS parts without a phase get it from the parts before them, in the order of transcription."""
    missing = (table["kind"] == "CDS") & (table["phase"] < 0) & (table["strand"] != ".")
    for (_, _, strand, _), parts in table[missing].groupby(
        ["sequence", "parent", "strand", "name"], sort=False
    ):
        parts = parts.sort_values("start", ascending=strand == "+")
        phases = coding_phases((parts["end"] - parts["start"]).tolist())
        table.loc[parts.index, "phase"] = np.array(phases, np.int8)
    return table


def _bed(fields: pd.DataFrame, shown: str) -> pd.DataFrame:
    """BED is 0-based and half-open as it stands. A line of 12 columns is a transcript: mRNA, exons and CDS parts."""
    _refuse(
        ~_is_whole(fields[[1, 2]]).all(axis=1),
        fields,
        shown,
        "{text} is not a BED line (sequence, start, end)",
    )
    start, end = fields[1].astype("int64"), fields[2].astype("int64")
    _refuse(end <= start, fields, shown, "start {c1} and end {c2} need 0 <= start < end")
    _refuse(~fields[5].isin([*_STRANDS, ""]), fields, shown, "strand {c5!r} is none of + - .")
    table = pd.DataFrame(
        {
            "sequence": fields[0],
            "kind": np.where(fields[11] != "", "mRNA", "region"),
            "name": fields[3],
            "start": start,
            "end": end,
            "strand": fields[5].where(fields[5].isin(["+", "-"]), "."),
            "phase": np.int8(-1),
            "parent": fields[3],
            "circular": False,
            "line": fields.index,
            "tag": "",
        }
    )
    blocks = [part for line, row in fields[fields[11] != ""].iterrows() for part in _blocks(line, row, shown)]
    if not blocks:
        return table
    return _with_phases(pd.concat([table, pd.DataFrame(blocks, columns=list(table))], ignore_index=True))


def _blocks(line: int, row: pd.Series, shown: str) -> list[tuple]:
    """Exons of a BED12 line, and what of them lies between thickStart and thickEnd: CDS."""
    try:
        thick = int(row[6]), int(row[7])
        sizes, offsets = ([int(n) for n in row[c].strip(",").split(",")] for c in (10, 11))
        starts = [int(row[1]) + offset for offset in offsets]
        exons = [(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    except ValueError as err:
        raise InputError(
            f"{shown}, line {line}: thickStart, thickEnd, blockSizes and blockStarts must be whole numbers, as "
            "many sizes as starts; correct the BED line"
        ) from err
    coding = [(max(a, thick[0]), min(b, thick[1])) for a, b in exons]
    strand = row[5] if row[5] in ("+", "-") else "."
    parts = [("exon", a, b) for a, b in exons] + [("CDS", a, b) for a, b in coding if a < b]
    return [
        (row[0], kind, row[3], a, b, strand, -1, f"{row[3]}@{line}", False, line, "") for kind, a, b in parts
    ]
