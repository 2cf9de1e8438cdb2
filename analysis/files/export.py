"""Tables -> files: CSV, Parquet, and for DNA the tracks of genome browsers. A file appears whole or not at all.

Every file says where it comes from: Parquet in its metadata, BED, bedGraph and GFF3 in a comment, CSV and bigWig, which
have no place for it, in a file of JSON beside them.
"""

import io
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from analysis.files import tracks
from analysis.files.bigwig import BigWigWriter
from analysis.files.provenance import KEY, Provenance, as_text, beside
from hnet_core.errors import InputError

# A spreadsheet runs a cell that starts so (full-width signs count as well); see OWASP, CSV injection.
# A sign alone is a strand and runs nothing.
_STRUCTURAL = set(',"\r\n')
_RUNS = r"^([=@\t\r\n＝＋－＠]|[+\-](?s:.))"


class Writer(Protocol):
    """Takes tables of the same columns, one after the other."""

    def write(self, table: pd.DataFrame) -> None: ...

    def close(self) -> None: ...


@contextmanager
def open_writer(
    path: str | Path, about: Provenance | None = None, lengths: Mapping[str, int] | None = None
) -> Iterator[Writer]:
    """A writer of the format that the suffix names; the file appears when the block ends without an error.

    csv, parquet       any table; text cells of a CSV that a spreadsheet would run get a leading apostrophe
    bed bedgraph gff3  boundary or chunk tables of DNA (columns sequence, stage, prob and byte or start, end)
    bw                 the same, of one model, stage and strand; `lengths` says how long each sequence is
    about              goes into the file or beside it
    Raises InputError before anything is written: unknown suffix, no such folder, a folder in its place.
    """
    path = Path(path)
    check_out(path)
    suffix, part, note = path.suffix.lower(), _part(path), _part(path)
    try:
        with open(part, "xb") as file:
            writer = _writer(suffix, file, about, lengths)
            try:
                yield writer
            finally:
                writer.close()
        if about is not None and suffix in BESIDE:
            note.write_text(as_text(about) + "\n", encoding="utf-8")
            os.replace(note, beside(path))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """A temporary name in the same folder, for a file that is not finished."""
    return path.with_name(f".{secrets.token_hex(8)}.part")


def _writer(
    suffix: str, file: BinaryIO, about: Provenance | None, lengths: Mapping[str, int] | None
) -> "Writer":
    if suffix == ".csv":
        return _CsvWriter(file)
    if suffix == ".parquet":
        return _ParquetWriter(file, about)
    if suffix == ".bw":
        return BigWigWriter(file.name, lengths)
    return tracks.WRITERS[suffix](file, about)


def check_out(path: str | Path) -> None:
    """InputError when no table can be written there, so that long work need not start."""
    path = Path(path)
    if path.suffix.lower() not in OUT_SUFFIXES:
        given = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise InputError(f"{path}: {given} names no format; write to one of {', '.join(OUT_SUFFIXES)}")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: the folder {path.parent} cannot be written to; choose another")


def write_table(
    table: pd.DataFrame,
    path: str | Path,
    about: Provenance | None = None,
    lengths: Mapping[str, int] | None = None,
) -> None:
    """One table in the format that the suffix names; see open_writer."""
    with open_writer(path, about, lengths) as writer:
        writer.write(table)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """One table as CSV: UTF-8, a header line, LF line ends, text in double quotes."""
    _refuse_suffix(path, ".csv")
    write_table(table, path)


def write_parquet(table: pd.DataFrame, path: str | Path) -> None:
    """One table as Parquet; reading it back gives the same columns and types."""
    _refuse_suffix(path, ".parquet")
    write_table(table, path)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The content write_csv would write."""
    file = io.BytesIO()
    writer = _CsvWriter(file)
    writer.write(table)
    writer.close()
    return file.getvalue()


def _refuse_suffix(path: str | Path, suffix: str) -> None:
    if Path(path).suffix.lower() != suffix:
        raise InputError(f"{path}: this writes {suffix} files; give the name that suffix")


def _safe_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text cells that a spreadsheet would run, behind an apostrophe, which makes it show them as they are."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    risky = pc.match_substring_regex(column, _RUNS)
    quote, nothing = pa.scalar("'", column.type), pa.scalar("", column.type)
    return pc.if_else(risky, pc.binary_join_element_wise(quote, column, nothing), column)


class _CsvWriter:
    def __init__(self, file: BinaryIO) -> None:
        self.file, self.inner = file, None

    def write(self, table: pd.DataFrame) -> None:
        # A name repeated in every row takes memory here as it does in the file: so some rows at a time.
        for start in range(0, max(len(table), 1), tracks.ROWS):
            self._write(table.iloc[start : start + tracks.ROWS])

    def _write(self, table: pd.DataFrame) -> None:
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        for i, kind in enumerate(arrow.schema.types):
            if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
                arrow = arrow.set_column(i, arrow.schema.names[i], _safe_text(arrow.column(i)))
        # The header is cells too: a name may be an expression, with commas or a sign in front.
        names = _safe_text(pa.chunked_array([arrow.column_names], pa.string())).to_pylist()
        arrow = arrow.rename_columns(names)
        if self.inner is None:
            # "needed" quotes all names or none
            quoted = "needed" if _STRUCTURAL & set("".join(names)) else "none"
            options = pyarrow.csv.WriteOptions(quoting_header=quoted, batch_size=65536)
            self.inner = pyarrow.csv.CSVWriter(self.file, arrow.schema, write_options=options)
        self.inner.write_table(arrow)

    def close(self) -> None:
        if self.inner is not None:
            self.inner.close()


class _ParquetWriter:
    def __init__(self, file: BinaryIO, about: Provenance | None) -> None:
        self.file, self.inner = file, None
        self.about = {} if about is None else {KEY: as_text(about)}

    def write(self, table: pd.DataFrame) -> None:
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        for i, kind in enumerate(arrow.schema.types):
            # Index width depends on how many names a part has; parts of one file must agree.
            if pa.types.is_dictionary(kind):
                same = pa.dictionary(pa.int32(), kind.value_type)
                arrow = arrow.set_column(i, arrow.schema.names[i], arrow.column(i).cast(same))
        if self.inner is None:
            arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **self.about})
            self.inner = pyarrow.parquet.ParquetWriter(self.file, arrow.schema)
        self.inner.write_table(arrow.cast(self.inner.schema))

    def close(self) -> None:
        if self.inner is not None:
            self.inner.close()


TRACK_SUFFIXES = (*tracks.WRITERS, ".bw")
"""What needs DNA: coordinates are of records, not of texts."""
OUT_SUFFIXES = (".csv", ".parquet", *TRACK_SUFFIXES)
"""What a table can be written as."""
BESIDE = (".csv", ".bw")
"""Formats whose provenance is in a file beside them."""
