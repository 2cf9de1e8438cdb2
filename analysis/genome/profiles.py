"""Boundary rate base by base around start and stop codons, transcription starts and splice sites."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analysis import schema
from analysis.chance.circular_shifts import borders_of, owners, shift_blocks
from analysis.chance.nulls import against
from analysis.genome.enrichment import Cuts, finished

WINDOW = 50
"""Bases on either side, unless the caller says otherwise."""

PROFILE_DRAWS = 20
"""Times as many draws as elsewhere: p must be small to stand out among a thousand offsets, and draws are cheap here."""

Sites = dict[tuple[str, str], np.ndarray]
"""(site, strand) -> positions, as genome.features.sites returns them, in sequences that are laid end to end."""


def profile_table(
    cuts: Sequence[Cuts], sites: Sites, *, window: int = WINDOW, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """schema.PROFILES: every stage of every model at every kind of site.

    Shifted around the genome, every offset has the same null: what is counted at these sites moved by a random
    amount, each sequence by its own. A site whose window leaves its sequence counts where it lies inside.
    """
    if not cuts:
        return finished([], schema.PROFILES)
    borders = borders_of([len(each) for each in cuts[0].is_cut])
    sites = {key: np.sort(place) for key, place in sorted(sites.items())}
    nulls = _nulls([each.laid for each in cuts], sites, borders, draws, seed)
    return finished(
        [
            row
            for each, null in zip(cuts, nulls, strict=True)
            for key, place in sites.items()
            for row in _profile(each, key, place, borders, window, null[key])
        ],
        schema.PROFILES,
    )


def _nulls(
    marks: Sequence[np.ndarray], sites: Sites, borders: np.ndarray, draws: int, seed: int
) -> list[dict[tuple[str, str], np.ndarray]]:
    """For each of the marks (length,) bool and each kind of site: (draws,) boundaries at the sites, all moved."""
    out = [{key: np.zeros(draws, np.int64) for key in sites} for _ in marks]
    for first, shifts in shift_blocks(borders, draws, np.random.default_rng(seed)):
        bounds = borders[[first, first + len(shifts)]]
        for key, all_places in sites.items():
            place = all_places[slice(*np.searchsorted(all_places, bounds))]
            for block in np.array_split(place, len(place) // 4096 + 1):
                owner = owners(block, borders)
                end, own = borders[owner + 1][:, None], owner - first
                length = end - borders[owner][:, None]
                for at in range(0, draws if len(block) else 0, 256):
                    moved = block[:, None] + shifts[own, at : at + 256]
                    moved -= length * (moved >= end)
                    for null, each in zip(out, marks, strict=True):
                        null[key][at : at + 256] += each[moved].sum(0)
    return out


def _profile(
    cuts: Cuts, key: tuple[str, str], place: np.ndarray, borders: np.ndarray, window: int, null: np.ndarray
) -> Iterator[dict]:
    offsets = np.arange(-window, window + 1)
    step = 1 if key[1] == "+" else -1
    n_sites, counts = np.zeros(len(offsets), np.int64), np.zeros(len(offsets), np.int64)
    for block in np.array_split(place, len(place) // 4096 + 1):
        owner = owners(block, borders)
        where = block[:, None] + step * offsets
        inside = (where >= borders[owner][:, None]) & (where < borders[owner + 1][:, None])
        n_sites += inside.sum(0)
        counts += (cuts.laid[where.clip(0, len(cuts.laid) - 1)] & inside).sum(0)
    for i, offset in enumerate(offsets):
        if not n_sites[i]:
            continue
        rate = counts[i] / n_sites[i]
        row = {"model": cuts.model, "stage": cuts.stage, "site": key[0], "strand": key[1], "offset": offset}
        row |= {"n_sites": n_sites[i], "n_boundaries": counts[i], "rate": rate}
        yield row | against(rate, null / len(place))
