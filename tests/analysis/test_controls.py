"""What knows nothing scores about 0; the shuffle keeps what it says it keeps and reaches all it can."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.agreement import compare_segmentations
from analysis.controls import periodic_like, random_like, shuffle, shuffled
from analysis.inputs import Sequence
from analysis.segmentations import cut
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


def test_a_model_scores_zero_on_shuffled_input():
    model = FakeModel("words", cuts=(b" ",))
    mixed = shuffled(TEXTS, 3)
    assert [(s.name, len(s.data)) for s in mixed] == [(s.name, len(s.data)) for s in TEXTS]
    star, kappa, z = scores(cut(TEXTS, model)[0], cut(mixed, model)[0])
    assert star < 0.02 and kappa < 0.02 and z < 3


def test_untrained_models_score_zero_on_average():
    """One of them follows its own random taste in bytes; what they have in common with a model is nothing."""
    short = [Sequence("a", TEXTS[0].data[:6000])]
    (words,) = cut(short, FakeModel("words", cuts=(b" ",)))
    stars = []
    for seed in range(8):
        blank = HNetForCausalLM(tiny_config(1)).init_weights(seed).eval()
        (other,) = cut(short, BoundaryModel(blank, {"name": "untrained"}))
        stars.append(compare_segmentations(words, other, shifts=1)["f1_star"])
    assert abs(np.mean(stars)) < 0.1 and np.std(stars) > 0


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
