"""FASTA -> records of upper-case bases. What is not DNA is refused with record, line and character."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hnet_core.errors import InputError
from hnet_core.inputs.text import stream_lines

NUCLEOTIDES = "ACGTURYSWKMBDHVN"
"""IUPAC codes for one base; U is read as T."""
BASES = NUCLEOTIDES.encode()

LOWER_CASE = "lower-case bases are read as upper case"
RNA = "U is read as T"
SPACES = "white space and comment lines inside the sequence are left out and not counted"
AMBIGUOUS = "most letters are ambiguity codes; is this a protein?"

_UPPER_DNA = bytes.maketrans(NUCLEOTIDES.lower().encode() + b"Uu", BASES.replace(b"U", b"T") + b"TT")


@dataclass(frozen=True)
class FastaRecord:
    """One record.

    name      the first word after '>', or record_N
    data      bases in upper case, T for U, nothing else: offsets are bases from the record's first; may be empty
    line      of its header, from 1
    warnings  what was changed
    """

    name: str
    data: bytes
    line: int
    warnings: tuple[str, ...]


def fasta_records(stream: BinaryIO, shown: str) -> Iterator[FastaRecord]:
    """Every record of a FASTA file, in its order, one in memory at a time.

    A byte order mark, blank lines, lines that begin with ';', white space and every kind of line end may be there.
    Raises InputError for whatever is not FASTA with nucleotide codes; messages begin with `shown`.
    """
    header, at, n, lines = None, 0, 0, []
    for number, line in enumerate(stream_lines(stream, shown), 1):
        if line.startswith(">"):
            if header is not None:
                yield _record(header, at, n, lines, shown)
            header, at, n, lines = line[1:], number, n + 1, []
        elif header is not None:
            lines.append(line)
        elif line.strip() and not line.startswith(";"):
            raise _no_header(line, number, shown)
    if header is None:
        raise InputError(
            f"{shown}: holds blank lines only; a FASTA record starts with a line such as '>name'"
        )
    yield _record(header, at, n, lines, shown)


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


def _record(header: str, at: int, n: int, lines: list[str], shown: str) -> FastaRecord:
    """Record number n, whose header stands on line `at`."""
    words = header.split(maxsplit=1)
    name = words[0] if words else f"record_{n}"
    pieces, spaced = [], False
    for line in lines:
        parts = line.split()
        if line.startswith(";"):
            spaced = True
        elif parts:
            spaced = spaced or len(parts) > 1 or line[0].isspace()
            pieces += parts
    data, warnings = to_bases("".join(pieces))
    if data is None:
        raise _wrong_letter(lines, at, name, shown)
    warnings += (SPACES,) * spaced + (f"record without a name: {name}",) * (not words)
    return FastaRecord(name, data, at, warnings)


def _no_header(line: str, number: int, shown: str) -> InputError:
    if line.startswith("@"):
        return InputError(f"{shown}, line {number}: '@' starts a FASTQ record; convert the file to FASTA")
    return InputError(
        f"{shown}, line {number}: {line.strip()[:20]!r} comes before any header; "
        "a FASTA record starts with a line such as '>name'"
    )


def _wrong_letter(lines: list[str], at: int, name: str, shown: str) -> InputError:
    """Where the first letter stands that is no nucleotide code."""
    for number, line in enumerate(lines, at + 1):
        if not line.startswith(";"):
            wrong = [c for c in line if not c.isspace() and c.upper() not in NUCLEOTIDES]
            if wrong:
                return InputError(f"{shown}: record {name!r}, line {number}: {_what_to_do(wrong[0])}")
    raise AssertionError(f"record {name!r} holds nucleotide codes only")


def _what_to_do(char: str) -> str:
    if char in "-.*":
        return (
            f"{char!r} is a gap or stop, not a nucleotide code; remove it (an alignment has no bases there)"
        )
    if char.isdigit():
        return f"{char!r} is not a nucleotide code (allowed: {NUCLEOTIDES}); remove the line numbers"
    return f"{char!r} is not a nucleotide code (allowed: {NUCLEOTIDES}). For other sequences choose text"
