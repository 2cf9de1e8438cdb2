"""How a p-value is written where people read it; files carry the number itself."""

import math

SMALLEST = 0.0001
"""Below this no more than that is said; a p-value of 0 there is not (analysis.chance.nulls)."""


def is_least(p: float, shifts: int, two_sided: bool = False) -> bool:
    """Whether p is the least that so many shifts can give, however far out the number is: then p is at most that.

    Numbers, or columns of them.
    """
    return (p <= (1 + two_sided) / (1 + shifts) * (1 + 1e-9)) & (p < 1)


def shown(p: float, least: bool = False, missing: str = "–") -> str:
    """A p- or q-value: three digits that count, "< 0.0001", or "≤ 0.000999" where it is the least there can be."""
    if math.isnan(p):
        return missing
    if p < SMALLEST:
        return f"< {SMALLEST:.4f}"
    return f"≤ {p:.3g}" if least else f"{p:.3g}"
