"""Inputs a person brings -> sequences: text and code as the bytes they are, DNA as bases."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from analysis.fasta import BASES, read_fasta
from analysis.genbank import is_genbank, read_genbank
from analysis.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name

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

_DNA_SUFFIXES = {".fa", ".fasta", ".fna", ".ffn", ".frn", ".fas", ".gb", ".gbk", ".gbff", ".genbank"}
_TEXT_SUFFIXES = {".txt", ".md", ".py", ".c", ".h", ".cpp", ".js", ".rs", ".go", ".java", ".html", ".json"}


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
    """Text, FASTA or GenBank, told apart by name and content unless `kind` says which."""
    shown = source_name(source, name, "text" if kind == "text" else "input")
    data = read_bytes(source, shown, max_bytes)
    if kind == "auto":
        kind = guess_kind(data, shown)
    if kind == "text":
        return [Sequence(shown, data, _text_warnings(data))]
    reader = read_genbank if is_genbank(data) else read_fasta
    return reader(data, shown, max_bytes)


def guess_kind(data: bytes, name: str = "") -> Literal["text", "dna"]:
    """By the suffix of the name (a .gz or .xz after it does not count), else by how the content starts."""
    suffixes = [s.lower() for s in Path(name).suffixes if s.lower() not in (".gz", ".xz")]
    if suffixes and suffixes[-1] in _DNA_SUFFIXES:
        return "dna"
    if suffixes and suffixes[-1] in _TEXT_SUFFIXES:
        return "text"
    return "dna" if is_genbank(data) or _starts_like_fasta(data) else "text"


def collect_warnings(sequences: Iterable[Sequence]) -> tuple[str, ...]:
    """Every warning once, in the order met, with the number of sequences when several have it."""
    counts = Counter(warning for sequence in sequences for warning in sequence.warnings)
    return tuple(text if n == 1 else f"{text} (in {n} records)" for text, n in counts.items())


def _starts_like_fasta(data: bytes) -> bool:
    """'>' and then a line of nothing but nucleotide codes, nine in ten of them bases: no quoted mail, no protein."""
    lines = [line.strip().upper() for line in data[:65536].removeprefix(b"\xef\xbb\xbf").splitlines()]
    lines = [line for line in lines if line and not line.startswith(b";")]
    if not lines or not lines[0].startswith(b">"):
        return False
    bases = next((line for line in lines if not line.startswith(b">")), b"").replace(b" ", b"")
    plain = len(bases) - len(bases.translate(None, b"ACGTUN"))
    return bool(bases) and not bases.translate(None, BASES) and plain >= 0.9 * len(bases)


def _text_warnings(data: bytes) -> tuple[str, ...]:
    warnings = []
    if data.startswith(b"\xef\xbb\xbf"):
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
