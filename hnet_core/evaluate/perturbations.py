"""Five ways to disturb the characters of a text, for the robustness of a model (arXiv 2507.07955, section 3.2, after
arXiv 2412.09871, section 6.1)."""

from collections.abc import Callable

import numpy as np

DROPPED = 0.1
REPEATED = 0.2
MOST_REPEATS = 4


def perturb(data: bytes, kind: str, seed: int, index: int = 0) -> bytes:
    """Document `index` of a data set, disturbed. The same arguments give the same bytes.

    kind  a key of PERTURBATIONS. Characters are those of UTF-8; bytes that are none count as characters.
    """
    rng = np.random.default_rng([seed, index])
    text = data.decode("utf-8", "surrogateescape")
    return PERTURBATIONS[kind](text, rng).encode("utf-8", "surrogateescape")


def antspeak(text: str, rng: np.random.Generator) -> str:
    """Capitals with a space between all characters: L I K E  T H I S."""
    return " ".join(text.upper())


def drop(text: str, rng: np.random.Generator) -> str:
    """Each character is left out with probability DROPPED."""
    kept = rng.random(len(text)) >= DROPPED
    return "".join(c for c, stays in zip(text, kept, strict=True) if stays)


def random_case(text: str, rng: np.random.Generator) -> str:
    """Each character in capital or small form, with equal chance."""
    capital = rng.random(len(text)) < 0.5
    return "".join(c.upper() if up else c.lower() for c, up in zip(text, capital, strict=True))


def repeat(text: str, rng: np.random.Generator) -> str:
    """Each character with probability REPEATED follows itself 1 to MOST_REPEATS more times."""
    chosen, times = rng.random(len(text)) < REPEATED, rng.integers(1, MOST_REPEATS + 1, len(text))
    return "".join(c * (1 + int(n)) for c, n in zip(text, np.where(chosen, times, 0), strict=True))


def uppercase(text: str, rng: np.random.Generator) -> str:
    """Capitals."""
    return text.upper()


PERTURBATIONS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "antspeak": antspeak,
    "drop": drop,
    "random_case": random_case,
    "repeat": repeat,
    "uppercase": uppercase,
}
