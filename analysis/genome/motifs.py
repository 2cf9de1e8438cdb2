"""Motifs in IUPAC letters: where they occur, and into how many chunks a model cuts an occurrence."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from analysis.chance.circular_shifts import borders_of, running_sum, sums_of_all
from analysis.chance.nulls import against
from analysis.genome.enrichment import Cuts
from analysis.inputs.bases import reverse_complement
from hnet_core.errors import InputError

DEFAULT_MOTIFS = {"box -10": "TATAAT", "box -35": "TTGACA", "Shine-Dalgarno": "AGGAGG"}
"""Consensus of sigma-70 promoters and of bacterial ribosome binding sites."""

IUPAC = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "U": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}


def motif(text: str) -> tuple[str, str]:
    """NAME=LETTERS or LETTERS -> name and letters in upper case; InputError for what is no motif."""
    name, _, letters = text.rpartition("=")
    letters = letters.strip().upper()
    wrong = [letter for letter in letters if letter not in IUPAC]
    if len(letters) < 2 or wrong:
        given = f"{wrong[0]!r} is no nucleotide code" if wrong else "a motif has two bases or more"
        raise InputError(f"motif {text!r}: {given}; give NAME=LETTERS with letters of {''.join(IUPAC)}")
    return name.strip() or letters, letters


def occurrences(data: bytes, letters: str) -> np.ndarray:
    """Starts of all occurrences in a sequence of upper-case bases, overlapping ones too."""
    pattern = "".join(f"[{IUPAC[letter]}]" for letter in letters)
    return np.array([m.start() for m in re.finditer(f"(?={pattern})".encode(), data)], np.int64)


def motif_rows(
    cuts: Cuts, sequences: Sequence[bytes], motifs: dict[str, str], draws: int, seed: int
) -> Iterator[dict]:
    """Chunks that an occurrence lies in, on average: 1 where none is cut inside; against circular shifts.

    Both strands; the reverse one where the motif is not its own reverse complement.
    """
    borders, total = borders_of([len(each) for each in sequences]), running_sum(cuts.laid)
    for name, letters in motifs.items():
        for strand in "+-":
            read = letters if strand == "+" else reverse_complement(letters.encode()).decode()
            if strand == "-" and read == letters:
                continue
            found = [occurrences(data, read) + at for data, at in zip(sequences, borders, strict=False)]
            start = np.concatenate(found) if found else np.zeros(0, np.int64)
            n = len(start)
            if not n:
                continue
            within = np.column_stack([start + 1, start + len(letters)])
            inner = sums_of_all(total, within, borders, draws, seed)
            tokens = 1 + inner / n
            about = {"model": cuts.model, "stage": cuts.stage, "analysis": "motif", "feature": name}
            about |= {"strand": strand, "measure": "tokens_per_occurrence", "n_bases": n * (len(letters) - 1)}
            yield about | {"n_boundaries": int(inner[0]), "value": tokens[0]} | against(tokens[0], tokens[1:])
