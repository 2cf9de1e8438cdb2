"""Bytes that two versions of a text share, and the boundaries that moved between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.meaning.edits import MOST_CHANGED, moves, shared_bytes


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_bytes_that_are_shared_are_equal_and_in_order(head, a, b, tail):
    old, new = head + a + tail, head + b + tail
    place = shared_bytes(old, new)
    kept = np.flatnonzero(place >= 0)
    assert [old[i] for i in kept] == [new[i] for i in place[kept]]
    assert (np.diff(place[kept]) > 0).all()
    assert len(kept) >= len(head) + len(tail)


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        (b"abc", b"abc", [0, 1, 2]),
        (b"", b"abc", []),
        (b"abc", b"", [-1, -1, -1]),
        (b"one two", b"one big two", [0, 1, 2, 3, 8, 9, 10]),
        (b"aXbYc", b"aZbYc", [0, -1, 2, 3, 4]),
    ],
)
def test_known_edits(old, new, want):
    assert shared_bytes(old, new).tolist() == want


def test_a_long_rewrite_keeps_both_ends_only():
    old, new = (b"head" + middle * MOST_CHANGED + b"tail" for middle in (b"ab", b"ba"))
    place = shared_bytes(old, new)
    assert (place >= 0).sum() == 8 and place[-1] == len(new) - 1


def test_moves_count_only_what_both_texts_hold():
    place = shared_bytes(b"one two", b"one big two")
    found = moves(place, [0, 4, 6], [0, 2, 4, 8])
    assert (found.added.tolist(), found.removed.tolist(), found.stayed) == ([2], [10], 2)
