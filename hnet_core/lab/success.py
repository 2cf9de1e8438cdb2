"""Whether a training found the units of its data: one formula a domain, and how sure a share of successes is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from hnet_core.landmarks.verdict import codon_strength

Shares = Mapping[str, float]
SURE = 1.959964
"""Standard deviations of a two-sided 95 % interval."""


@dataclass(frozen=True)
class Limit:
    """A figure of a stage's shares (evaluate.Evaluation.shares) that must be at least, or at most, `value`."""

    what: str
    key: str
    at_least: bool
    value: float

    def holds(self, shares: Shares) -> bool:
        found = figure(shares, self.key)
        return found is not None and (found >= self.value if self.at_least else found <= self.value)

    def __str__(self) -> str:
        shown = f"{self.value:g}" if self.key.startswith("R_") else f"{self.value:.0%}"
        return f"{self.what} at {'least' if self.at_least else 'most'} {shown}"


def _words(starts: float, rate: float) -> tuple[Limit, ...]:
    return (
        Limit("word starts (or the space before)", "space_or_first_letter", True, starts),
        Limit("rate", "all", False, rate),
        Limit("places inside words", "inside_word", False, 0.05),
    )


ONE_STAGE = {
    "english": _words(0.9, 0.27),
    "chinese": (
        Limit("places inside characters", "inside_character", False, 0.02),
        Limit("first bytes of characters", "character_start", True, 0.95),
    ),
    "code": (
        Limit("token starts (or the space before)", "space_or_token_start", True, 0.75),
        Limit("rate", "all", False, 0.33),
    ),
    "dna": (
        Limit("R of codon positions forward", "R_forward", True, 0.3),
        Limit("R on the reverse strand", "R_reverse", True, 0.3),
    ),
}
"""Domain -> what some stage must do at the end of training."""
INNERMOST = {"english": _words(0.8, 0.2)}
"""Domain -> what the innermost of several stages must do instead."""


def formula(domain: str, n_stages: int) -> tuple[tuple[Limit, ...], bool]:
    """The limits of a domain, and whether the innermost stage alone is judged by them. Text of no language in
    particular is judged as English is."""
    domain = domain if domain in ONE_STAGE else "english"
    innermost = n_stages > 1 and domain in INNERMOST
    return (INNERMOST if innermost else ONE_STAGE)[domain], innermost


def in_words(domain: str, n_stages: int) -> str:
    """The formula as a sentence without its end."""
    limits, innermost = formula(domain, n_stages)
    return f"{'the innermost stage' if innermost else 'some stage'} has {', '.join(map(str, limits))}"


def success(domain: str, stages: Sequence[Shares]) -> bool | None:
    """Whether a training succeeded; stages: shares of each, outermost first. None: a model without a router."""
    if not stages:
        return None
    limits, innermost = formula(domain, len(stages))
    judged = stages[-1:] if innermost else stages
    return any(all(limit.holds(shares) for limit in limits) for shares in judged)


def figure(shares: Shares, key: str) -> float | None:
    """A share, or R of the codon positions (R_forward, R_reverse); None where the data has no such place."""
    if key in ("R_forward", "R_reverse"):
        return codon_strength(shares, forward=key == "R_forward")
    return shares.get(key)


def wilson(n_successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n > 0 trainings (Wilson, 1927)."""
    share, z = n_successes / n, SURE
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
