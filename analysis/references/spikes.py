"""Surprisal and entropy of a model as reference units: one starts where they are highest."""

import numpy as np

from analysis.meaning.surprisal import surprisals
from analysis.references.units import Cut
from hnet_core.errors import InputError


def spike_units(model: str, kind: str, rate: float | None) -> Cut:
    """A reference segmenter: a unit starts where `kind` (bits or entropy of a Surprisal) is highest.

    rate  share of the bytes at which one starts; default: as often as the model cuts at its outermost stage
    """
    from hnet_core.boundaries import load_boundary_model
    from hnet_core.checkpoint import load_model

    if rate is not None and not 0 < rate < 1:
        raise ValueError
    loaded = load_model(model)
    if rate is None and not loaded.config.n_stages:
        raise InputError(f"{model} has no boundaries to take a rate from; give one: ref:{kind}:{model}:0.2")
    boundaries = load_boundary_model(model) if rate is None else None

    def cut(data: bytes) -> np.ndarray:
        found = surprisals(loaded, [data])[0]
        values = found.entropy if kind == "entropy" else found.bits
        n = round(rate * len(data)) if rate else int(boundaries.boundaries(data)[0].is_boundary.sum())
        return np.sort(np.argsort(-values, kind="stable")[:n])

    return cut
