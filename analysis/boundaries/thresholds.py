"""Thresholds in the place of the trained rule: a chunk starts where its stage's p is above them."""

from collections.abc import Sequence

from analysis.boundaries.extract import BoundaryModel
from hnet_core.errors import InputError

Thresholds = tuple[float | None, ...]
"""One for all stages, or one a stage from the outermost; None is the trained rule. Without any: ()."""


def parse_thresholds(given: str | float | Sequence[float | None] | None) -> Thresholds:
    """What a person gives: 0.4, "0.4", "0.4,,0.7" or (0.4, None, 0.7); InputError for what is no such thing."""
    if given is None:
        return ()
    if isinstance(given, str):
        parts = [part.strip() for part in given.split(",")]
    else:
        parts = list(given) if isinstance(given, list | tuple) else [given]
    try:
        found = tuple(None if part in ("", None) else float(part) for part in parts)
    except (TypeError, ValueError):
        found = ()
    if not found or not all(each is None or 0 < each < 1 for each in found):
        raise InputError(
            f"threshold {given!r} is none: give a number above 0 and below 1, or one a stage such as 0.4,,0.7, where "
            "an empty one is the trained rule"
        )
    return () if set(found) == {None} else found


def check_thresholds(thresholds: Thresholds, models: Sequence[BoundaryModel]) -> None:
    """InputError where there are more of them than any model has stages."""
    stages = max((model.n_stages for model in models), default=0)
    if len(thresholds) > max(stages, 1):
        raise InputError(
            f"there are {len(thresholds)} thresholds, and no model here has more than {stages} stages; give as many"
        )
