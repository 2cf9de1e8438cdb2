"""What knows nothing scores about 0; the shuffle keeps what it says it keeps and reaches all it can."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from analysis.agreement.controls import beyond_pairs, periodic_like, random_like, shuffle, shuffled
from analysis.agreement.pairs import compare_segmentations
from analysis.boundaries.segmentations import cut, segmentation_of
from analysis.inputs.reading import Sequence
from hnet_core.boundaries import BoundaryModel
from hnet_core.errors import InputError
from hnet_core.model import HNetForCausalLM
from tests.analysis.fake_model import FakeModel
from tests.tiny import random_bytes, tiny_config

TEXTS = [Sequence("a", random_bytes(20_000, seed=1)), Sequence("b", random_bytes(5_000, seed=2))]


def scores(a, b):
    row = compare_segmentations(a, b)
    return abs(row["f1_star"]), abs(row["kappa"]), abs(row["z"])


@pytest.mark.parametrize("control", [random_like, periodic_like])
def test_random_and_periodic_boundaries_score_zero(control):
    (words,) = cut(TEXTS, FakeModel("words", cuts=(b" ",)))
    other = control(words)
    assert [len(at) for at in other.starts] == [len(at) for at in words.starts]
    star, kappa, z = scores(words, other)
    assert star < 0.02 and kappa < 0.02 and z < 3


def test_evenly_spaced_boundaries_by_hand():
    """In the middle of equal parts of the slots: none is nearer to the beginning than to the end."""
    four = segmentation_of("x", [np.array([1, 2, 3, 4]), np.array([5])], [41, 12])
    assert [at.tolist() for at in periodic_like(four).starts] == [[6, 16, 26, 36], [6]]


def test_a_model_scores_zero_on_shuffled_input():
    model = FakeModel("words", cuts=(b" ",))
    mixed = shuffled(TEXTS, 3)
    assert [(s.name, len(s.data)) for s in mixed] == [(s.name, len(s.data)) for s in TEXTS]
    star, kappa, z = scores(cut(TEXTS, model)[0], cut(mixed, model)[0])
    assert star < 0.02 and kappa < 0.02 and z < 3


def test_beyond_pairs_by_hand():
    # Bytes ABABABA: a place behind A has B in front of it. Six places: AB BA AB BA AB BA.
    text = [Sequence("t", b"ABABABA")]
    a = segmentation_of("a", [np.array([1, 3, 5])], [7])  # at every AB
    b = segmentation_of("b", [np.array([1, 2, 3])], [7])  # at two of three AB, at one of three BA
    # Shared 2; by pairs of bytes 3 2 / 3 + 0 1 / 3 = 2; by rates 3 3 / 6; best 3.
    assert compare_segmentations(a, b)["f1_star"] == pytest.approx((2 - 1.5) / (3 - 1.5))
    assert beyond_pairs(a, b, text) == 0
    c = segmentation_of("c", [np.array([1, 4])], [7])
    assert beyond_pairs(c, b, text) == pytest.approx((1 - (1 * 2 / 3 + 1 * 1 / 3)) / (2 - 1))
    assert beyond_pairs(b, b, text) == pytest.approx((3 - (4 / 3 + 1 / 3)) / (3 - 1.5))
    nothing = segmentation_of("n", [np.array([], int)], [7])
    assert np.isnan(beyond_pairs(a, nothing, text))


def test_chance_given_pairs_is_the_mean_over_rearrangements():
    rng = np.random.default_rng(4)
    data = [rng.choice(list(b"ACG"), n).astype(np.uint8) for n in (40, 1, 25)]
    texts = [Sequence(str(i), each.tobytes()) for i, each in enumerate(data)]
    sizes = [len(each) for each in data]
    a, b = (
        segmentation_of("x", [np.flatnonzero(rng.random(n - 1) < 0.4) + 1 for n in sizes], sizes)
        for _ in "ab"
    )
    values = [each.astype(int) for each in data]
    pairs = np.concatenate([i * 2**16 + d[:-1] * 256 + d[1:] for i, d in enumerate(values)])  # of each record
    shared = []
    for _ in range(4000):
        moved = a.marks.copy()
        for pair in np.unique(pairs):
            moved[pairs == pair] = rng.permutation(moved[pairs == pair])
        shared.append(f1_score(b.marks, moved))
    row = compare_segmentations(a, b)
    want = (row["f1"] - np.mean(shared)) / (row["f1_max"] - row["f1_chance"])
    assert beyond_pairs(a, b, texts) == pytest.approx(want, abs=0.01)


def test_untrained_models_agree_by_pairs_of_letters_and_by_nothing_else():
    """They compare neighbours, so of DNA they see the last two letters; what they are compared with sees one."""
    rng = np.random.default_rng(5)
    genome = [Sequence("a", rng.choice(list(b"ACGT"), 6000).astype(np.uint8).tobytes())]
    (behind_a,) = cut(genome, FakeModel("behind A", cuts=(b"A",)))
    stars, left = [], []
    for seed in range(6):
        blank = HNetForCausalLM(tiny_config(1)).init_weights(seed).eval()
        (other,) = cut(genome, BoundaryModel(blank, {"name": "untrained"}))
        stars.append(compare_segmentations(behind_a, other, shifts=1)["f1_star"])
        left.append(beyond_pairs(behind_a, other, genome))
    assert np.max(np.abs(stars)) > 0.1  # one of them says nothing
    assert np.max(np.abs(left)) < 0.03


def test_records_that_differ_in_rate_agree_by_nothing_beyond_pairs():
    rng, n = np.random.default_rng(3), 8000
    texts = [Sequence(name, rng.choice(list(b"ACGT"), n).astype(np.uint8).tobytes()) for name in "ab"]
    a, b = (
        segmentation_of("x", [np.flatnonzero(rng.random(n - 1) < rate) + 1 for rate in (0.05, 0.6)], [n, n])
        for _ in "ab"
    )
    assert abs(beyond_pairs(a, b, texts)) < 0.02 and abs(compare_segmentations(a, b)["f1_star"]) < 0.02


def test_models_that_agree_by_more_than_pairs_show_it():
    rng = np.random.default_rng(6)
    genome = [Sequence("a", rng.choice(list(b"ACGT"), 20_000).astype(np.uint8).tobytes())]
    truth = rng.random(19_999) < 0.3
    a, b = (
        segmentation_of("x", [np.flatnonzero(truth ^ (rng.random(19_999) < 0.1)) + 1], [20_000]) for _ in "ab"
    )
    star = compare_segmentations(a, b)["f1_star"]
    assert star > 0.5 and beyond_pairs(a, b, genome) == pytest.approx(star, abs=0.01)


def words_of(data, k):
    return Counter(data[i : i + k] for i in range(len(data) - k + 1))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(b"ACGT"), max_size=60).map(bytes), st.integers(1, 4), st.integers(0, 9))
def test_shuffles_keep_the_counts_of_words(data, k, seed):
    out = shuffle(data, k, np.random.default_rng(seed))
    assert len(out) == len(data) and words_of(out, k) == words_of(data, k)
    if k > 1:
        assert out[: k - 1] == data[: k - 1] and out[len(out) - k + 1 :] == data[len(data) - k + 1 :]


@pytest.mark.parametrize("data", [b"ABACABDA", b"AABABBA"])
def test_every_shuffle_is_equally_likely(data):
    possible = {p for p in map(bytes, set(permutations(data))) if words_of(p, 2) == words_of(data, 2)}
    rng = np.random.default_rng(0)
    seen = Counter(shuffle(data, 2, rng) for _ in range(100 * len(possible)))
    assert set(seen) == possible and len(possible) > 3
    chi_square = sum((n - 100) ** 2 / 100 for n in seen.values())
    assert chi_square < len(possible) + 4 * np.sqrt(2 * len(possible))


def test_wrong_words_are_refused():
    with pytest.raises(InputError, match="words of 9 bytes"):
        shuffle(b"ACGT", 9, np.random.default_rng(0))
