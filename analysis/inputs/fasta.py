"""FASTA files -> DNA sequences."""

import io

from analysis.inputs.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.inputs.fasta import FastaRecord, fasta_records


def read_fasta(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """One sequence a record, in the order of the file; records without bases are left out with a warning.

    data of each: bases in upper case, T for U, nothing else; so offsets are bases from the record's first.
    A record is named by the first word after '>'; two of one name are refused.
    Raises InputError for whatever is not FASTA with nucleotide codes.
    """
    shown = source_name(source, name, "FASTA")
    records = list(fasta_records(io.BytesIO(read_bytes(source, shown, max_bytes)), shown))
    _refuse_duplicates(records, shown)
    sequences = [Sequence(each.name, each.data, each.warnings, "dna") for each in records if each.data]
    return _with_empty(sequences, [each.name for each in records if not each.data], shown)


def _refuse_duplicates(records: list[FastaRecord], shown: str) -> None:
    first: dict[str, int] = {}
    for record in records:
        if record.name in first:
            raise InputError(
                f"{shown}: two records are named {record.name!r}, on lines {first[record.name]} and "
                f"{record.line}; give every record its own first word after '>'"
            )
        first[record.name] = record.line


def _with_empty(sequences: list[Sequence], empty: list[str], shown: str) -> list[Sequence]:
    """The first sequence carries the warning about records that were left out."""
    if not sequences:
        raise InputError(
            f"{shown}: no record has any bases ({_some(empty)}); put the sequence under its header"
        )
    if empty:
        first = sequences[0]
        news = f"records without bases are left out: {_some(empty)}"
        sequences[0] = Sequence(first.name, first.data, (*first.warnings, news), first.kind)
    return sequences


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more
