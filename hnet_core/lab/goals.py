"""What the boundaries of a bundled model should do, and whether they do it."""

from collections.abc import Mapping, Sequence

import numpy as np

from hnet_core.data.documents import Document
from hnet_core.landmarks.coding import CodingPart

WORD_STARTS, OVER_RATE = 0.6, 2.5
INSIDE_CHARACTER, TOKENS_OVER_RATE, SIGNIFICANT = 0.02, 2.0, 0.01


def goal(domain: str, stages: Sequence[Mapping[str, float]], p_codons: float | None = None) -> dict:
    """The goal of a domain, and how far a model is.

    stages    share of the sites of each kind that have a boundary, by stage, as `evaluate` gives them
    p_codons  DNA: of `codon_phase_p`, over all stages
    returns   goal, in words; reached, in words; met
    """
    if domain == "dna":
        words = f"boundary rates differ by codon position, p < {SIGNIFICANT} with the genes' phases drawn at random"
        reached = "not measured" if p_codons is None else f"p = {p_codons:.3g}"
        return _verdict(words, reached, p_codons is not None and p_codons < SIGNIFICANT)
    if domain == "chinese":
        inside = stages[0].get("inside_character", 1.0)
        words = f"at most {INSIDE_CHARACTER:.0%} of the places inside characters are boundaries"
        return _verdict(words, f"{inside:.1%}", inside <= INSIDE_CHARACTER)
    if domain == "code":
        return _at_starts(stages, "space_or_token_start", "tokens", 0.0, TOKENS_OVER_RATE)
    return _at_starts(stages, "space_or_first_letter", "words", WORD_STARTS, OVER_RATE)


def _at_starts(
    stages: Sequence[Mapping[str, float]], kind: str, what: str, least: float, times: float
) -> dict:
    """Shares of the starts of words or tokens, the space before counted as the start; the best stage is judged."""
    found = [(shares.get(kind, 0.0), shares["all"], stage) for stage, shares in enumerate(stages)]
    met = [share >= least and share >= times * rate for share, rate, _ in found]
    at = met.index(True) if any(met) else max(range(len(found)), key=lambda i: found[i][0] / found[i][1])
    share, rate, stage = found[at]
    part = f"at least {least:.0%} of the starts of {what} and " if least else f"starts of {what} "
    words = f"{part}at least {times:g} times the rate of all bytes are boundaries"
    return _verdict(words, f"{share:.0%} at a rate of {rate:.0%} (stage {stage})", met[at])


def _verdict(words: str, reached: str, met: bool) -> dict:
    return {"goal": words, "reached": reached, "met": met}


def codon_phase_p(
    boundaries: np.ndarray,
    document: Document,
    genes: Sequence[CodingPart],
    n_random: int = 999,
    seed: int = 0,
) -> float:
    """How often boundaries would favour one codon position as much if the phase of each gene were drawn at random.

    boundaries (n,) bool, of the document    genes  of its record; those on the forward strand are used
    The null turns the three positions of every gene by 0, 1 or 2 at random: a gene's own period of three stays, and
    only that all genes agree on its phase is lost. Statistic: length of the rates' sum on the unit circle.
    """
    counts = [_by_position(boundaries, document, gene) for gene in genes if gene.forward]
    tables = np.array([table for table in counts if table[1].all()])
    if not len(tables):
        return 1.0
    turned = np.stack([np.roll(tables, k, axis=2) for k in range(3)])
    shifts = np.random.default_rng(seed).integers(0, 3, (n_random, len(tables)))
    at = np.arange(len(tables))
    null = np.array([_strength(turned[shift, at].sum(axis=0)) for shift in shifts])
    return float((1 + (null >= _strength(tables.sum(axis=0))).sum()) / (1 + n_random))


def _by_position(boundaries: np.ndarray, document: Document, gene: CodingPart) -> np.ndarray:
    """(2, 3): boundaries and bases at codon positions 1 to 3 of the part of a gene that the document holds."""
    low, high = max(gene.start - document.start, 0), min(gene.end - document.start, len(document.data))
    if low >= high:
        return np.zeros((2, 3))
    position = (np.arange(low, high) + document.start - gene.start - gene.phase) % 3
    hits = np.bincount(position, weights=boundaries[low:high], minlength=3)
    return np.stack((hits, np.bincount(position, minlength=3)))


def _strength(table: np.ndarray) -> float:
    return abs((table[0] / table[1] * np.exp(2j * np.pi * np.arange(3) / 3)).sum())
