"""Bases without a header line, as people paste them."""

import re

from hnet_core.inputs.fasta import BASES

LEAST = 20
"""Letters from which on a text of nothing but nucleotide codes is taken for DNA without being asked."""
PLAIN = 0.9
"""Share of them that must be A, C, G, T, U or N: words in capitals have other letters."""
NAME = "pasted"
_PLACES = re.compile(rb"^[ \t]*\d+(?=[ \t])", re.MULTILINE)
"""Numbers of bases before the lines, as GenBank prints them."""


def as_fasta(data: bytes, asked: bool = False) -> bytes:
    """Bare bases as FASTA of one record called NAME; anything else as it is.

    asked  the person says that it is DNA, so that a few letters are enough
    """
    bases = b"".join(_PLACES.sub(b"", data).split()).upper()
    if bases.translate(None, BASES) or len(bases) < (1 if asked else LEAST):
        return data
    if not asked and len(bases) - len(bases.translate(None, b"ACGTUN")) < PLAIN * len(bases):
        return data
    return b">" + NAME.encode() + b"\n" + _PLACES.sub(b"", data)
