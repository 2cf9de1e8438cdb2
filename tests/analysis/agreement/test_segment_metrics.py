"""Measures of chunkings: by hand, and against scikit-learn, NLTK and segeval."""

import math

import numpy as np
import pytest
import segeval
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.metrics.segmentation import pk, windowdiff
from sklearn.metrics import adjusted_rand_score, mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix

from analysis.agreement.segment_metrics import (
    boundary_similarity,
    chunk_sizes,
    partition_measures,
    window_errors,
)


@st.composite
def two_chunkings(draw):
    """Slots of one or more sequences, some empty, marked twice: a, b, edges."""
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4))
    bits = st.lists(st.booleans(), min_size=sum(sizes), max_size=sum(sizes))
    return *(np.array(draw(bits), bool) for _ in range(2)), np.concatenate([[0], np.cumsum(sizes)])


def labels(chunking, edges):
    """The number of the chunk of every byte."""
    parts = [np.append(True, part) for part in np.split(chunking, edges[1:-1])]
    return np.cumsum(np.concatenate(parts))


def by_sequence(x, y, edges):
    """Both labels of the bytes of each sequence."""
    ends = edges[1:-1] + np.arange(1, len(edges) - 1)
    return zip(np.split(x, ends), np.split(y, ends), strict=True)


def array(text):
    return np.array([c == "1" for c in text])


@given(two_chunkings())
def test_chunk_sizes_are_those_of_the_labels(case):
    a, _, edges = case
    assert chunk_sizes(a, edges).tolist() == np.unique(labels(a, edges), return_counts=True)[1].tolist()


def test_partition_measures_by_hand():
    # 8 bytes: a cuts them 4 + 4, b cuts them 2 + 2 + 4.
    a, b, edges = array("0001000"), array("0101000"), np.array([0, 7])
    measures = partition_measures(a, b, edges)
    # Knowing b, a is known; knowing a, b's half of the first chunk takes a bit for half of the bytes.
    assert measures["vi_split"] == pytest.approx(0) and measures["vi_merge"] == pytest.approx(0.5)
    # Pairs: a 12, b 1 + 1 + 6 = 8, both 8, of 28.
    assert measures["ari"] == pytest.approx((8 - 12 * 8 / 28) / (10 - 12 * 8 / 28))


@settings(deadline=None)
@given(two_chunkings())
def test_partition_measures_equal_those_of_scikit_learn(case):
    a, b, edges = case
    x, y = labels(a, edges), labels(b, edges)
    shared = mutual_info_score(x, y) / math.log(2)
    measures = partition_measures(a, b, edges)
    assert measures["vi_split"] == pytest.approx(mutual_info_score(x, x) / math.log(2) - shared, abs=1e-9)
    assert measures["vi_merge"] == pytest.approx(mutual_info_score(y, y) / math.log(2) - shared, abs=1e-9)
    # Pairs of bytes that neither, a, b, both put together, of each sequence.
    cells = np.array([pair_confusion_matrix(*each).ravel() / 2 for each in by_sequence(x, y, edges)])
    both, in_a, in_b = cells[:, 3], cells[:, [2, 3]].sum(1), cells[:, [1, 3]].sum(1)
    chance, best = (in_a * in_b / np.maximum(cells.sum(1), 1)).sum(), (in_a + in_b).sum() / 2
    assert measures["ari"] == pytest.approx(
        (both.sum() - chance) / (best - chance) if best - chance > 1e-9 else math.nan, nan_ok=True
    )
    # Where both are one chunk, or both single bytes, scikit-learn says 1 and here it is undefined.
    if len(edges) == 2 and not math.isnan(measures["ari"]):
        assert measures["ari"] == pytest.approx(adjusted_rand_score(x, y))


@pytest.mark.parametrize("n", [7, 400, 100_003])
def test_two_that_cut_nowhere_or_everywhere_have_no_rand_index(n):
    for edges in (np.array([0, n]), np.array([0, 3, n])):
        for marks in (np.zeros(n, bool), np.ones(n, bool)):
            assert math.isnan(partition_measures(marks, marks, edges)["ari"])
        one = partition_measures(np.zeros(n, bool), np.arange(n) % 3 == 0, edges)["ari"]
        assert one == pytest.approx(0, abs=1e-9)


def test_window_errors_by_hand():
    b, a = array("0100010001"), array("0100001000")
    # 10 slots, 3 chunks end in b: window round(10 / 6) = 2, 9 windows.
    # b's windows hold 1 1 0 0 1 1 0 0 1, a's 1 1 0 0 0 1 1 0 0: 3 differ.
    assert window_errors(a, b, np.array([0, 10])) == (3 / 9, 3 / 9, 2)
    assert math.isnan(window_errors(a[:0], b[:0], np.array([0, 0]))[0])


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_window_errors_equal_those_of_nltk(pairs):
    a, b = np.array(pairs, bool).T
    reference, other = ("".join("01"[i] for i in x.astype(int)) for x in (b, a))
    got_pk, got_diff, window = window_errors(a, b, np.array([0, len(a)]))
    if b.any() and window == round(len(b) / (2 * b.sum())):
        assert got_pk == pytest.approx(pk(reference, other))  # NLTK chooses the window itself
    assert got_diff == pytest.approx(windowdiff(reference, other, window))


def test_windows_do_not_reach_across_sequences():
    b = array("000100" + "000000")
    a = np.roll(b, 1)
    one, two = (window_errors(a, b, np.array(edges)) for edges in ([0, 12], [0, 6, 12]))
    assert one[2] == two[2] == 6
    assert (one[0], two[0]) == (1 / 7, 0)


def masses(chunking):
    return tuple(chunk_sizes(chunking, np.array([0, len(chunking)])).tolist())


def test_boundary_similarity_by_hand():
    a, b = array("1010001"), array("1001000")
    # One match, one near miss (neighbours, 1 / 2), one missing: 1 - (1 + 1 / 2) / 3.
    assert boundary_similarity(a, b, np.array([0, 7])) == pytest.approx(0.5)
    assert boundary_similarity(a, a, np.array([0, 7])) == 1
    assert math.isnan(boundary_similarity(a[:0], a[:0], np.array([0, 0])))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.integers(1, 6))
def test_boundary_similarity_equals_that_of_segeval(pairs, span):
    a, b = np.array(pairs, bool).T
    if a.any() or b.any():
        want = float(segeval.boundary_similarity(masses(a), masses(b), n_t=span))
        assert boundary_similarity(a, b, np.array([0, len(a)]), span) == pytest.approx(want)


def test_near_misses_do_not_reach_across_sequences():
    a, b = array("001000"), array("000100")
    assert boundary_similarity(a, b, np.array([0, 6])) == 0.5
    assert boundary_similarity(a, b, np.array([0, 3, 6])) == 0
