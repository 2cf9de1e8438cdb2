"""GFF3, GTF, GFF2 and BED: a feature a line, between tabs. Coordinates leave here 0-based and half-open."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from hnet_core.errors import InputError
from hnet_core.inputs.attributes import (
    attributes,
    identity_of,
    is_pseudo,
    is_ring,
    is_trans_spliced,
    missing_ends,
    name_of,
    number_of,
    parents_of,
    protein_of,
    tag_of,
)
from hnet_core.inputs.coding import arranged
from hnet_core.inputs.features import Feature
from hnet_core.inputs.text import lines_of

_STRANDS = ("+", "-", ".", "?")
_TRACK = re.compile(r"(track|browser)\b")
_BLOCKS = re.compile(r"\d+(,\d+)*,?")
_FORMATS = "give a GFF3, GTF, BED or GenBank file"


def line_features(data: bytes, shown: str) -> tuple[list[Feature], tuple[str, ...]]:
    """The features of a file, in its order, and what is to be said about them.

    data  the file without compression      shown  what messages call it
    A line that is no feature is refused by number.
    """
    lines = list(_lines(data))
    if not lines:
        return [], ()
    if _is_bed(_columns(lines[0][1])):
        features = [part for line in lines for part in _bed(*line, shown)]
        return arranged(features, {}, shown)
    rings: dict[str, int] = {}
    features = [_gff(*line, rings, shown) for line in lines]
    return arranged(features, rings, shown)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of what may be a feature: no comment, no track line, nothing behind ##FASTA."""
    for number, line in enumerate(lines_of(data), 1):
        text = line.strip()
        if text.startswith(("##FASTA", ">")):
            return
        if not text or text[0] == "#" or _TRACK.match(text):
            continue
        yield number, line.rstrip("\n")


def _columns(line: str) -> list[str]:
    """A line's columns, between its tabs; where it has none between blanks, the ninth of GFF as a whole."""
    if "\t" in line:
        return line.rstrip("\t ").split("\t")
    columns = line.split()
    return columns if _is_bed(columns) else line.split(None, 8)


def _is_bed(columns: list[str]) -> bool:
    return len(columns) > 2 and _is_whole(*columns[1:3])


def _is_whole(*columns: str) -> bool:
    return all(each.isascii() and each.isdigit() and len(each) <= 15 for each in columns)


def _number(text: str) -> int:
    """ValueError for what is no whole number, or none that a genome has."""
    if not _is_whole(text.strip()):
        raise ValueError
    return int(text)


def _wrong(shown: str, number: int, message: str) -> InputError:
    return InputError(f"{shown}, line {number}: {message}")


def _text(line: str) -> str:
    return repr(line.rstrip()[:40])


def _gff_columns(number: int, line: str, shown: str) -> list[str]:
    """The eight or nine columns of a feature, checked."""
    columns = _columns(line)
    if len(columns) not in (8, 9) or not _is_whole(*columns[3:5]):
        raise _wrong(
            shown,
            number,
            f"{_text(line)} is not a GFF3 feature (nine columns between tabs, start and end whole numbers); "
            + _FORMATS,
        )
    first, end, _, strand, phase = columns[3:8]
    if not 1 <= int(first) <= int(end):
        raise _wrong(shown, number, f"start {first} and end {end} need 1 <= start <= end")
    if strand not in _STRANDS:
        raise _wrong(shown, number, f"strand {strand!r} is none of + - . ?")
    if phase not in ("0", "1", "2", "."):
        raise _wrong(shown, number, f"phase {phase!r} is none of 0 1 2 .")
    return columns


def _gff(number: int, line: str, rings: dict[str, int], shown: str) -> Feature:
    """GFF counts from 1 and includes the end: start - 1, end is the same interval here. Adds to `rings`."""
    sequence, source, kind, first, end, _, strand, phase, *rest = _gff_columns(number, line, shown)
    text = rest[0] if rest else ""
    dialect, about = attributes(text)
    sequence = unquote(sequence)
    if is_ring(about):
        rings[sequence] = max(rings.get(sequence, 0), int(end))
    open_start, open_end, partial = missing_ends(text, about, strand)
    return Feature(
        sequence,
        kind,
        name_of(dialect, about),
        int(first) - 1,
        int(end),
        strand if strand in "+-" else ".",
        int(phase) if kind == "CDS" and phase != "." else -1,
        ",".join(parents_of(dialect, about)),
        open_start=open_start,
        open_end=open_end,
        pseudo=is_pseudo(kind, about),
        line=number,
        tag=tag_of(dialect, about),
        identity=identity_of(kind, dialect, about),
        protein=protein_of(about),
        number=number_of(about),
        source=(source, dialect),
        partial=partial,
        trans_spliced=is_trans_spliced(about),
    )


def _bed(number: int, line: str, shown: str) -> list[Feature]:
    """BED is 0-based and half-open as it stands. A line of 12 columns is a transcript: mRNA, exons and CDS parts.

    What stands behind the columns that BED has is not read.
    """
    columns = _columns(line)
    if not _is_bed(columns):
        message = f"{_text(line)} is not a BED line (sequence, start, end); {_FORMATS}"
        raise _wrong(shown, number, message)
    start, end = int(columns[1]), int(columns[2])
    if end < start:
        message = f"start {start} and end {end} need 0 <= start <= end in BED; {_FORMATS}"
        raise _wrong(shown, number, message)
    strand = columns[5] if len(columns) > 5 else "."
    if strand not in (*_STRANDS, ""):
        raise _wrong(shown, number, f"strand {strand!r} is none of + - . in BED; {_FORMATS}")
    name = columns[3] if len(columns) > 3 else ""
    strand = strand if strand in ("+", "-") else "."
    whole = Feature(columns[0], "region", name, start, end, strand, parent=name, line=number)
    if len(columns) == 12 or (len(columns) > 12 and all(map(_BLOCKS.fullmatch, columns[9:12]))):
        whole.kind, whole.parent = "mRNA", f"{name}@{number}"
        return [whole, *_blocks(whole, columns, shown)]
    return [whole]


def _blocks(whole: Feature, columns: list[str], shown: str) -> Iterator[Feature]:
    """Exons of a BED12 line, and what of them lies between thickStart and thickEnd: CDS."""
    try:
        thick = _number(columns[6]), _number(columns[7])
        sizes, offsets = ([_number(n) for n in columns[c].strip(",").split(",")] for c in (10, 11))
        exons = [(whole.start + at, whole.start + at + n) for at, n in zip(offsets, sizes, strict=True)]
    except ValueError as err:
        raise _wrong(
            shown,
            whole.line,
            "thickStart, thickEnd, blockSizes and blockStarts must be whole numbers, as many sizes as starts; "
            "correct the BED line",
        ) from err
    # The 14th and 15th column of bigGenePred: whether the coding sequence is whole at its low and its high end.
    ends = columns[13:15] if {*columns[13:15]} <= {"none", "unk", "incmpl", "cmpl"} else []
    low, high = ends[:1] == ["incmpl"], ends[1:] == ["incmpl"]
    open_start, open_end = (high, low) if whole.strand == "-" else (low, high)
    about = {"strand": whole.strand, "parent": whole.parent, "line": whole.line}
    open_ends = {"open_start": open_start, "open_end": open_end}
    for start, end in exons:
        yield Feature(whole.sequence, "exon", whole.name, start, end, **about)
    for start, end in ((max(a, thick[0]), min(b, thick[1])) for a, b in exons):
        if start < end:
            yield Feature(whole.sequence, "CDS", whole.name, start, end, **about, **open_ends)
