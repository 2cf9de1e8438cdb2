"""Inputs a person brings -> sequences: text and code as the bytes they are, DNA as bases."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from analysis.inputs.fasta import read_fasta
from analysis.inputs.genbank import is_genbank, read_genbank
from analysis.inputs.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.inputs.fasta import BASES
from hnet_core.suffixes import FASTA_SUFFIXES, GENBANK_SUFFIXES, suffix_of

__all__ = [
    "MAX_BYTES",
    "Sequence",
    "collect_warnings",
    "guess_kind",
    "read_fasta",
    "read_genbank",
    "read_input",
    "read_text",
]

_BOM = b"\xef\xbb\xbf"
_SEEN = 65536
"""Bytes of a file that are looked at."""
_DNA_SUFFIXES = {*FASTA_SUFFIXES, *GENBANK_SUFFIXES}
_TEXT_SUFFIXES = {".txt", ".md", ".py", ".c", ".h", ".cpp", ".js", ".rs", ".go", ".java", ".html", ".json"}
_NOT_READ = {
    "EMBL": re.compile(rb"ID   \S[^\r\n]* BP\.\s"),
    "UniProt": re.compile(rb"ID   \S[^\r\n]* AA\.\s"),
    "FASTQ": re.compile(rb"@\S[^\r\n]*\r?\n[ACGTUNacgtun]+\r?\n\+[^\r\n]*\r?\n[!-~]+(\r?\n|$)"),
    "SAM": re.compile(rb"@(HD|SQ)\t(VN|SN|SO|GO|LN):"),
    "BAM": re.compile(rb"BAM\x01"),
    "2bit": re.compile(rb"\x43\x27\x41\x1a|\x1a\x41\x27\x43"),
    "a tar archive": re.compile(rb"(?s).{257}ustar"),
}
"""Formats of sequences that are not read -> how such a file begins."""


def read_text(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """One sequence that holds the bytes as they are: text, code, anything at all.

    What is unusual (not UTF-8, a byte order mark) is said in its warnings and analysed as it stands.
    """
    shown = source_name(source, name, "text")
    data = read_bytes(source, shown, max_bytes)
    return [Sequence(shown, data, _text_warnings(data))]


def read_input(
    source: Source,
    kind: Literal["auto", "text", "dna"] = "auto",
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> list[Sequence]:
    """Text, FASTA or GenBank, told apart by content and name unless `kind` says which.

    Raises InputError for sequences in a format that is not read, unless they are to be a text.
    """
    shown = source_name(source, name, "text" if kind == "text" else "input")
    data = read_bytes(source, shown, max_bytes)
    if kind == "text":
        return [Sequence(shown, data, _text_warnings(data))]
    if form := unread_format(data):
        raise InputError(
            f"{shown}: this is {form}, which is not read; convert it to FASTA or GenBank, or choose text (--type "
            "text) to read the file as it is"
        )
    if kind == "auto" and guess_kind(data, shown) == "text":
        return [Sequence(shown, data, _text_warnings(data))]
    reader = read_genbank if is_genbank(data) else read_fasta
    return reader(data, shown, max_bytes)


def unread_format(data: bytes) -> str:
    """The format of sequences that content is in, where it is one that is not read; else ""."""
    start = data[:_SEEN].removeprefix(_BOM)
    return next((form for form, begins in _NOT_READ.items() if begins.match(start)), "")


def guess_kind(data: bytes, name: str = "") -> Literal["text", "dna"]:
    """By the content where that is certain, else by the suffix of the name, else text.

    Certain are GenBank, and FASTA of nucleotides: of a file named as text every line is looked at, of others the first
    record's first line.
    """
    suffix = suffix_of(name)
    if suffix in _DNA_SUFFIXES or is_genbank(data):
        return "dna"
    return "dna" if _starts_like_fasta(data, every_line=suffix in _TEXT_SUFFIXES) else "text"


def collect_warnings(sequences: Iterable[Sequence]) -> tuple[str, ...]:
    """Every warning once, in the order met, with the number of sequences when several have it."""
    counts = Counter(warning for sequence in sequences for warning in sequence.warnings)
    return tuple(text if n == 1 else f"{text} (in {n} records)" for text, n in counts.items())


def _starts_like_fasta(data: bytes, every_line: bool) -> bool:
    """'>' and then lines of nothing but nucleotide codes, nine in ten of them bases: no quoted mail, no protein."""
    lines = [line.strip().upper() for line in data[:_SEEN].removeprefix(_BOM).splitlines()]
    lines = [line for line in lines if line and not line.startswith(b";")]
    if not lines or not lines[0].startswith(b">"):
        return False
    letters = [line for line in lines if not line.startswith(b">")]
    bases = b"".join(letters if every_line else letters[:1]).translate(None, b" \t")
    plain = len(bases) - len(bases.translate(None, b"ACGTUN"))
    return bool(bases) and not bases.translate(None, BASES) and plain >= 0.9 * len(bases)


def _text_warnings(data: bytes) -> tuple[str, ...]:
    warnings = []
    if data.startswith(_BOM):
        warnings.append("starts with a byte order mark; its 3 bytes are analysed as part of the text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as err:
        hint = " (it looks like UTF-16; save it as UTF-8)" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        warnings.append(
            f"is not UTF-8{hint}: byte 0x{data[err.start]:02x} at offset {err.start}; analysed as bytes"
        )
        if 254 in data or 255 in data:
            warnings.append("holds bytes 254 or 255, which mean begin and end of text to the model")
    return tuple(warnings)
