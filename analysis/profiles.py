"""Boundary rate base by base around start and stop codons, transcription starts and splice sites."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analysis import schema
from analysis.circular_shifts import against, draw_shifts
from analysis.enrichment import Cuts, finished

WINDOW = 50
"""Bases on either side, unless the caller says otherwise."""

PROFILE_DRAWS = 20
"""Times as many draws as elsewhere: p must be small to stand out among a thousand offsets, and draws are cheap here."""

Sites = dict[tuple[str, str], np.ndarray]
"""(site, strand) -> positions in one sequence, as analysis.features.sites returns them."""


def profile_table(
    cuts: Sequence[Cuts], sites: Sequence[Sites], *, window: int = WINDOW, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """schema.PROFILES: every stage of every model at every kind of site; `sites` has one dict a sequence.

    Shifted around the genome, every offset has the same null: what is counted at these sites moved by a random
    amount, each sequence by its own. A site whose window leaves its sequence counts where it lies inside.
    """
    keys = sorted({key for each in sites for key in each})
    rows = [row for each in cuts for key in keys for row in _profile(each, sites, key, window, draws, seed)]
    return finished(rows, schema.PROFILES)


def _profile(
    cuts: Cuts, sites: Sequence[Sites], key: tuple[str, str], window: int, draws: int, seed: int
) -> Iterator[dict]:
    offsets = np.arange(-window, window + 1)
    step = 1 if key[1] == "+" else -1
    n_sites, counts = np.zeros(len(offsets), np.int64), np.zeros(len(offsets), np.int64)
    null, rng, total = np.zeros(draws, np.int64), np.random.default_rng(seed), 0
    for marks, each in zip(cuts.is_cut, sites, strict=True):
        place = each.get(key, np.zeros(0, np.int64))
        shifts = draw_shifts(len(marks), draws, rng)
        total += len(place)
        for block in np.array_split(place, len(place) // 4096 + 1):
            where = block[:, None] + step * offsets
            inside = (where >= 0) & (where < len(marks))
            n_sites += inside.sum(0)
            counts += (marks[where.clip(0, len(marks) - 1)] & inside).sum(0)
            for first in range(0, draws, 256):
                moved = (block[:, None] + shifts[first : first + 256]) % len(marks)
                null[first : first + 256] += marks[moved].sum(0)
    for i, offset in enumerate(offsets):
        if not n_sites[i]:
            continue
        rate = counts[i] / n_sites[i]
        row = {"model": cuts.model, "stage": cuts.stage, "site": key[0], "strand": key[1], "offset": offset}
        row |= {"n_sites": n_sites[i], "n_boundaries": counts[i], "rate": rate}
        yield row | against(rate, null / total)
