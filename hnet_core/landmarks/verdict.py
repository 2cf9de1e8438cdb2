"""What the shares of sites with a boundary say: what boundaries follow, and how far that has come."""

from collections.abc import Mapping, Sequence

import numpy as np


def followed(domain: str) -> tuple[str, ...]:
    """The sites whose shares tell how the boundaries of a training develop."""
    if domain == "dna":
        return "codon_1", "codon_2", "codon_3"
    more = {"chinese": ("inside_character",), "code": ("space_or_token_start",)}
    return "space_or_first_letter", "inside_word", *more.get(domain, ())


def codon_strength(shares: Mapping[str, float], *, forward: bool) -> float | None:
    """Rayleigh's R of boundaries over the three codon positions of the genes on one strand: 0 where all three are cut
    alike, 1 where one alone is. None: the shares know no such genes, or no position is ever cut.

    shares  of one stage, as evaluate gives them: boundaries over bases of each position, so unequal counts of bases do
            not matter
    """
    name = "codon" if forward else "reverse_codon"
    rates = [shares.get(f"{name}_{k}") for k in (1, 2, 3)]
    if None in rates or not sum(rates):
        return None
    return float(abs(np.dot(rates, np.exp(2j * np.pi * np.arange(3) / 3))) / sum(rates))


def how_far(shares: Mapping[str, float], domain: str) -> str:
    """What boundaries follow: "words", "characters" (Chinese), "codons" (DNA), or "early" while they follow nothing.

    words       at least half of the words start with a boundary, and letters inside words are twice as rarely one
    characters  the first byte of a character is at least twice as likely a boundary as its other bytes
    codons      the likeliest codon position is at least twice as likely a boundary as the rarest
    """
    if domain == "dna":
        codon = [shares.get(f"codon_{k}", 0.0) for k in (1, 2, 3)]
        return "codons" if max(codon) > 0 and max(codon) >= 2 * min(codon) else "early"
    if domain == "chinese":
        start, inside = shares.get("character_start", 0.0), shares.get("inside_character", 0.0)
        return "characters" if start > 0 and start >= 2 * inside else "early"
    at_words = max(shares.get("space_before_word", 0.0), shares.get("first_letter", 0.0))
    return "words" if at_words >= 0.5 and at_words >= 2 * shares.get("inside_word", 0.0) else "early"


def in_words(stages: Sequence[Mapping[str, float]], domain: str) -> tuple[str, str]:
    """How far a model has learned: the first stage that follows something decides, and a plain sentence about it.

    stages  shares of each stage, outermost first      returns how_far's word for it, and the sentence
    """
    found = [how_far(shares, domain) for shares in stages]
    stage = next((s for s, what in enumerate(found) if what != "early"), 0)
    learned, shares = found[stage], stages[stage]
    if domain == "dna":
        percent = " / ".join(f"{100 * shares.get(f'codon_{k}', 0):.0f}" for k in (1, 2, 3))
        seen = (
            f"it starts a chunk at {percent} % of first, second and third codon positions of forward genes."
        )
        like = "codon-like"
    elif domain == "chinese":
        seen = _seen(shares, "character_start", "first bytes of characters", "characters")
        like = "character-like"
    else:
        seen = _seen(shares, "space_before_word", "spaces before words", "words")
        like = "word-like"
    verdict = f"Early, not yet {like}" if learned == "early" else f"Follows {learned}"
    return learned, f"{verdict}: at stage {stage} {seen}"


def _seen(shares: Mapping[str, float], kind: str, places: str, whole: str) -> str:
    at, inside = (f"{100 * shares.get(each, 0):.0f} %" for each in (kind, f"inside_{whole[:-1]}"))
    return f"it starts a chunk at {at} of the {places} and {inside} of the places inside {whole}."
