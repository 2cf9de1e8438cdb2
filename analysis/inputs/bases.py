"""Bases of the other strand."""

_COMPLEMENT = bytes.maketrans(b"ACGTURYSWKMBDHVN", b"TGCAAYRSWMKVHDBN")


def reverse_complement(data: bytes) -> bytes:
    """The other strand, read in its own direction; ambiguity codes are complemented too."""
    return data.translate(_COMPLEMENT)[::-1]
