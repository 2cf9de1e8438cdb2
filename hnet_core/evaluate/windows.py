"""A long document as rows that overlap, and as many of them together as memory allows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """A row to run: the last `scored` of its bytes are new, those before them are context."""

    ids: np.ndarray
    scored: int


def windows(ids: np.ndarray, context: int) -> Iterator[Window]:
    """Rows of at most `context` that move on by half of it; the first scores all but its start marker."""
    done = min(len(ids), context)
    yield Window(ids[:done], done - 1)
    while done < len(ids):
        end = min(done + max(1, context // 2), len(ids))
        yield Window(ids[max(0, end - context) : end], end - done)
        done = end


def packs(windows: Iterable[Window], limit: int) -> Iterator[list[Window]]:
    """Windows that run together: at most `limit` positions, or a single window."""
    pending, size = [], 0
    for window in windows:
        if pending and size + len(window.ids) > limit:
            yield pending
            pending, size = [], 0
        pending.append(window)
        size += len(window.ids)
    if pending:
        yield pending
