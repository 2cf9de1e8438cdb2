"""The format of a file by its name: one rule for the page, the commands and training."""

from pathlib import Path

PACKED = (".gz", ".xz")
"""Read unpacked; they say nothing of the format."""
FASTA_SUFFIXES = (".fa", ".fasta", ".fna", ".ffn", ".frn", ".fas")
GENBANK_SUFFIXES = (".gb", ".gbk", ".gbff", ".genbank")
JSONL_SUFFIXES = (".jsonl", ".ndjson")


def suffix_of(path: str | Path) -> str:
    """The suffix that tells the format, in small letters, before those of PACKED: 'A.FA.gz' -> '.fa'."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    while suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
