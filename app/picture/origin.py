"""Where a file of the page comes from."""

from string import ascii_uppercase
from typing import Any

from analysis.boundaries.extract import Analysis
from analysis.files.provenance import Provenance, provenance


def where_from(command: str, *analyses: Analysis, **options: Any) -> Provenance:
    """Where a file of these analyses of one input comes from."""
    names = [each.model.name for each in analyses]
    if len(set(names)) < len(names):  # saved runs of one model
        names = [f"{letter}: {name}" for letter, name in zip(ascii_uppercase, names, strict=False)]
    models = {key: each.model for key, each in zip(names, analyses, strict=True)}
    return provenance(command, analyses[0].sequences, models, options)
