"""Which boundaries moved when a text was edited: those in what stayed the same, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

MOST_CHANGED = 4_000
"""Bytes between the common beginning and end that are compared piece by piece; a longer stretch counts as rewritten."""


@dataclass(frozen=True)
class Moves:
    """Boundaries of one stage over the bytes that both texts share, as offsets into the new text.

    added, removed  rising offsets where only the new, or only the old, text is cut
    stayed          how many are cut in both
    """

    added: np.ndarray
    removed: np.ndarray
    stayed: int


def shared_bytes(old: bytes, new: bytes) -> np.ndarray:
    """(len(old),) int64: where each byte of the old text stands in the new one, -1 where it is gone.

    The common beginning and end are matched at once; what lies between by difflib's longest matching blocks.
    """
    n = min(len(old), len(new))
    ahead = _common(np.frombuffer(old[:n], np.uint8), np.frombuffer(new[:n], np.uint8))
    behind = _common(
        np.frombuffer(old[len(old) - n + ahead :], np.uint8)[::-1],
        np.frombuffer(new[len(new) - n + ahead :], np.uint8)[::-1],
    )
    place = np.full(len(old), -1, np.int64)
    place[:ahead] = np.arange(ahead)
    if behind:
        place[-behind:] = np.arange(len(new) - behind, len(new))
    a, b = old[ahead : len(old) - behind], new[ahead : len(new) - behind]
    if a and b and max(len(a), len(b)) <= MOST_CHANGED:
        for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
            at = ahead + block.a
            place[at : at + block.size] = np.arange(ahead + block.b, ahead + block.b + block.size)
    return place


def moves(place: np.ndarray, old: Sequence[int], new: Sequence[int]) -> Moves:
    """What became of boundaries at offsets `old` and `new` of the two texts; place: see shared_bytes."""
    before, after = place[np.asarray(old, np.int64)], np.asarray(new, np.int64)
    before, after = before[before >= 0], after[np.isin(after, place)]
    return Moves(
        added=np.setdiff1d(after, before),
        removed=np.setdiff1d(before, after),
        stayed=len(np.intersect1d(before, after)),
    )


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """How many values two arrays of one length share from their beginning."""
    apart = np.flatnonzero(a != b)
    return int(apart[0]) if len(apart) else len(a)
