"""FASTA -> DNA sequences. What is not DNA is refused with record, line and character."""

import io
from collections.abc import Iterator

from Bio.SeqIO.FastaIO import SimpleFastaParser

from analysis.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError

NUCLEOTIDES = "ACGTURYSWKMBDHVN"
"""IUPAC codes for one base; U is read as T."""
BASES = NUCLEOTIDES.encode()

LOWER_CASE = "lower-case bases are read as upper case"
RNA = "U is read as T"
SPACES = "white space and comment lines inside the sequence are left out and not counted"
AMBIGUOUS = "most letters are ambiguity codes; is this a protein?"

_UPPER_DNA = bytes.maketrans(NUCLEOTIDES.lower().encode() + b"Uu", BASES.replace(b"U", b"T") + b"TT")


def read_fasta(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """One sequence a record, in the order of the file; records without bases are left out with a warning.

    data of each: bases in upper case, T for U, nothing else; so offsets are bases from the record's first.
    A record is named by the first word after '>'; two of one name are refused.
    Raises InputError for whatever is not FASTA with nucleotide codes.
    """
    shown = source_name(source, name, "FASTA")
    text = plain_text(read_bytes(source, shown, max_bytes), shown)
    _check_start(text, shown)
    records, spaced = [], set()
    for title, letters in SimpleFastaParser(_tidy_lines(text, spaced)):
        index = len(records)
        words = title.split(maxsplit=1)
        records.append((words[0] if words else f"record_{index + 1}", letters, bool(words)))
    _refuse_duplicates([record for record, _, _ in records], text, shown)
    sequences, empty = [], []
    for index, (record, letters, named) in enumerate(records):
        if not letters:
            empty.append(index)
            continue
        data, warnings = to_bases(letters)
        if data is None:
            raise _wrong_letter(text, index, record, shown)
        warnings += (SPACES,) * (index in spaced) + (f"record without a name: {record}",) * (not named)
        sequences.append(Sequence(record, data, warnings, "dna"))
    return _with_empty(sequences, [records[i][0] for i in empty], shown)


def plain_text(data: bytes, shown: str) -> bytes:
    """The data without a byte order mark; InputError when it is no text in an ASCII-like encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{shown}: this is UTF-16 text; save it as UTF-8")
    if b"\x00" in data[:65536]:
        raise InputError(f"{shown}: this is binary data, not sequences; give a FASTA or GenBank file")
    return data.removeprefix(b"\xef\xbb\xbf")


def lines_of(text: bytes) -> io.TextIOWrapper:
    """Lines as editors count them: ended by LF, CRLF or CR alone. What is not UTF-8 shows as \\xNN."""
    return io.TextIOWrapper(io.BytesIO(text), "utf-8", errors="backslashreplace", newline=None)


def to_bases(letters: str) -> tuple[bytes | None, tuple[str, ...]]:
    """Bases in upper case with T for U, and what was changed; None when a letter is no nucleotide code."""
    raw = letters.encode("ascii", "replace")  # '?' is no nucleotide code either
    upper = raw.upper()
    if upper.translate(None, BASES):
        return None, ()
    warnings = (LOWER_CASE,) * (raw != upper) + (RNA,) * (b"U" in upper)
    if 2 * len(upper.translate(None, b"ACGTUN")) > len(upper):
        warnings += (AMBIGUOUS,)
    return raw.translate(_UPPER_DNA), warnings


def _tidy_lines(text: bytes, spaced: set[int]) -> Iterator[str]:
    """Lines without tabs and ';' comments; adds the numbers of records that had such inside to `spaced`."""
    record = -1
    for line in lines_of(text):
        if line.startswith(">"):
            record += 1
        elif line.startswith(";"):
            spaced.add(record)
            continue
        elif " " in line.rstrip() or "\t" in line:
            spaced.add(record)
            line = line.replace("\t", "") or "\n"
        yield line


def _check_start(text: bytes, shown: str) -> None:
    """The first line that is neither blank nor a ';' comment must be a header."""
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip() or line.startswith(";"):
            continue
        if line.startswith(">"):
            return
        if line.startswith("@"):
            raise InputError(f"{shown}, line {number}: '@' starts a FASTQ record; convert the file to FASTA")
        raise InputError(
            f"{shown}, line {number}: {line.strip()[:20]!r} comes before any header; "
            "a FASTA record starts with a line such as '>name'"
        )
    raise InputError(f"{shown}: holds blank lines only; a FASTA record starts with a line such as '>name'")


def _refuse_duplicates(names: list[str], text: bytes, shown: str) -> None:
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            headers = [n for n, line in enumerate(lines_of(text), 1) if line.startswith(">")]
            raise InputError(
                f"{shown}: two records are named {name!r}, on lines {headers[first[name]]} and "
                f"{headers[index]}; give every record its own first word after '>'"
            )
        first[name] = index


def _wrong_letter(text: bytes, index: int, record: str, shown: str) -> InputError:
    """Where the first letter of record number `index` stands that is no nucleotide code."""
    current = -1
    for number, line in enumerate(lines_of(text), 1):
        if line.startswith(">"):
            current += 1
        elif current == index and not line.startswith(";"):
            wrong = [c for c in line if not c.isspace() and c.upper() not in NUCLEOTIDES]
            if wrong:
                where = f"{shown}: record {record!r}, line {number}"
                return InputError(f"{where}: {_what_to_do(wrong[0])}")
    raise AssertionError(f"record {record!r} holds nucleotide codes only")


def _what_to_do(char: str) -> str:
    if char in "-.*":
        return (
            f"{char!r} is a gap or stop, not a nucleotide code; remove it (an alignment has no bases there)"
        )
    if char.isdigit():
        return f"{char!r} is not a nucleotide code (allowed: {NUCLEOTIDES}); remove the line numbers"
    return f"{char!r} is not a nucleotide code (allowed: {NUCLEOTIDES}). For other sequences choose text"


def _with_empty(sequences: list[Sequence], empty: list[str], shown: str) -> list[Sequence]:
    """The first sequence carries the news about records that are not there."""
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
