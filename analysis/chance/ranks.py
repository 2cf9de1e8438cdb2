"""Ranks and correlations inside records, where a difference between whole records is no correlation."""

import numpy as np


def centred_ranks(values: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Rank of each value among those of its record, equals sharing theirs, minus the record's mean rank.

    values (n,)   record (n,) rising   returns (n,) float64; 0 everywhere in a record of one value
    """
    order = np.lexsort((values, record))
    sorted_values, sorted_record = values[order], record[order]
    starts = np.ones(len(values), bool)
    starts[1:] = (sorted_values[1:] != sorted_values[:-1]) | (sorted_record[1:] != sorted_record[:-1])
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(values))[: len(first)]
    low, high = (np.searchsorted(record, sorted_record[first], side=side) for side in ("left", "right"))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((first + last - low - high) / 2, last - first)
    return ranks


def correlation(x: np.ndarray, y: np.ndarray, record: np.ndarray) -> float:
    """Correlation inside records, the mean over them by their numbers of values: 0 at chance in each, so in all.

    x, y (n,) centred in each record   record (n,) rising
    Records in which either does not vary say nothing and are left out; NaN where that are all.
    """
    starts = np.flatnonzero(np.diff(record, prepend=record[:1] - 1))
    if not len(starts):
        return float("nan")
    xy, xx, yy = (np.add.reduceat(each, starts) for each in (x * y, x * x, y * y))
    size = np.diff(np.append(starts, len(record)))
    known = (xx > 0) & (yy > 0)
    each = xy[known] / np.sqrt(xx[known] * yy[known])
    return float(each @ size[known] / size[known].sum()) if known.any() else float("nan")
