"""GenBank flat files -> DNA sequences."""

import warnings

from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqRecord import SeqRecord

from analysis.fasta import NUCLEOTIDES, lines_of, plain_text, to_bases
from analysis.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError


def is_genbank(data: bytes) -> bool:
    """Whether content (decompressed) is a GenBank file, by how it begins, whatever its name."""
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"LOCUS ")


def read_genbank(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """One DNA sequence a record, named by its VERSION; bases in upper case, T for U.

    GenBank writes bases in lower case, so that case is no news here.
    """
    shown = source_name(source, name, "GenBank")
    sequences: dict[str, Sequence] = {}
    for record in genbank_records(read_bytes(source, shown, max_bytes), shown):
        where = f"{shown}: record {record.id!r}"
        try:
            letters = str(record.seq).upper()
        except UndefinedSequenceError:
            raise InputError(f"{where} has no sequence; fetch it with its ORIGIN section") from None
        if not letters:
            raise InputError(f"{where} has no bases; fetch it with its ORIGIN section")
        data, notes = to_bases(letters)
        if data is None:
            wrong = next(c for c in letters if c not in NUCLEOTIDES)
            raise InputError(f"{where}: {wrong!r} is not a nucleotide code (allowed: {NUCLEOTIDES})")
        if record.id in sequences:
            raise InputError(f"{shown}: two records are named {record.id!r}; keep one of them")
        sequences[record.id] = Sequence(record.id, data, notes, "dna")
    return list(sequences.values())


def genbank_records(data: bytes, shown: str) -> list[SeqRecord]:
    """Biopython's records of a GenBank file; at least one, else InputError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)  # about layout; what it cannot read, it raises
        try:
            records = list(SeqIO.parse(lines_of(plain_text(data, shown)), "genbank"))
        except (ValueError, AssertionError, IndexError) as err:
            raise InputError(f"{shown}: cannot be read as GenBank ({err}); check the file") from err
    if not records:
        raise InputError(f"{shown}: holds no GenBank record; one starts with a line 'LOCUS ...'")
    return records
