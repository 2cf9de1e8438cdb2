"""Agreement: by hand, against scikit-learn, and the controls that must score 0 or 1."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import circulant
from scipy.stats import percentileofscore, spearmanr, zscore
from sklearn.feature_selection import SelectFdr
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score, precision_score, recall_score

from analysis import schema
from analysis.agreement.pairs import (
    agreement_table,
    compare,
    compare_all,
    compare_segmentations,
    density_curve,
    differences,
    spearman,
)
from analysis.boundaries.extract import analyse
from analysis.boundaries.segmentations import Segmentation, positions
from analysis.inputs.reading import Sequence
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel


def cut(*marks, prob=None, name="x"):
    """A segmentation from one boolean array a sequence, over its bytes from the second on."""
    starts = tuple(np.flatnonzero(m) + 1 for m in marks)
    prob = tuple(np.asarray(m, np.float32) for m in marks) if prob is None else prob
    seen = tuple(np.arange(1, len(m) + 1) for m in marks)
    return Segmentation(name, 0, tuple(len(m) + 1 for m in marks), starts, seen, prob)


def random_marks(rng, n, rate):
    return rng.random(n) < rate


def test_by_hand():
    a, b = cut(np.array([1, 0, 1, 0, 1, 0, 0, 1, 0, 0])), cut(np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0]))
    row = compare_segmentations(a, b, tolerance=1)
    assert list(row) == list(schema.AGREEMENT)
    assert (row["n_positions"], row["n_a"], row["n_b"], row["n_both"]) == (10, 4, 3, 2)
    assert (row["precision"], row["recall"], row["f1"], row["jaccard"]) == (2 / 4, 2 / 3, 4 / 7, 2 / 5)
    assert (row["containment_ab"], row["containment_ba"]) == (2 / 4, 2 / 3)
    assert (row["containment_ab_chance"], row["containment_ba_chance"]) == pytest.approx((0.3, 0.4))
    # Alike in 7 of 10, by chance in 0.4 0.3 + 0.6 0.7 = 0.54.
    assert row["kappa"] == pytest.approx((0.7 - 0.54) / (1 - 0.54))
    chance, best = 2 * 0.4 * 0.3 / 0.7, 2 * 0.3 / 0.7
    assert row["f1_chance"] == pytest.approx(chance) and row["f1_max"] == pytest.approx(best)
    assert row["f1_star"] == pytest.approx((4 / 7 - chance) / (best - chance))
    assert (row["precision_tolerant"], row["recall_tolerant"], row["f1_tolerant"]) == (3 / 4, 1.0, 6 / 7)


def kappa_of_records(x, y):
    """scikit-learn's for one record; of several, the agreement beyond its mean over all shifts of every record."""
    if len(x) == 1:
        return cohen_kappa_score(*x, *y, labels=[False, True]) if len({*x[0], *y[0]}) > 1 else math.nan
    same = np.concatenate(x) == np.concatenate(y)
    shifted = sum((circulant(a) == b[:, None]).mean() * len(a) for a, b in zip(x, y, strict=True)) / len(same)
    return (same.mean() - shifted) / (1 - shifted) if shifted < 1 - 1e-12 else math.nan


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_ratios_equal_those_of_scikit_learn(seed, sizes):
    rng = np.random.default_rng(seed)
    x, y = ([random_marks(rng, n, 0.4) for n in sizes] for _ in range(2))
    row = compare_segmentations(cut(*x), cut(*y), shifts=1)
    a, b = np.concatenate(x), np.concatenate(y)
    assert row["kappa"] == pytest.approx(kappa_of_records(x, y), nan_ok=True)
    if a.any() or b.any():
        assert row["f1"] == pytest.approx(f1_score(b, a))
        assert row["jaccard"] == pytest.approx(jaccard_score(a, b))
    precision, recall = (score(b, a, zero_division=math.nan) for score in (precision_score, recall_score))
    assert [row["precision"], row["recall"]] == pytest.approx([precision, recall], nan_ok=True)
    assert [row["containment_ab"], row["containment_ba"]] == pytest.approx([precision, recall], nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_chance_best_z_and_p_equal_those_of_scikit_learn_and_scipy_over_all_shifts(seed):
    rng = np.random.default_rng(seed)
    a, b = random_marks(rng, 60, 0.3), random_marks(rng, 60, 0.5)
    row = compare_segmentations(cut(a), cut(b))
    turned = circulant(a).T  # a row a shift, the first without
    f1 = np.array([f1_score(b, each) for each in turned])
    best = f1_score(np.sort(b), np.sort(a))  # as many boundaries, the fewer inside the more
    assert [row["f1"], row["f1_chance"], row["f1_max"]] == pytest.approx([f1[0], f1.mean(), best])
    assert row["f1_star"] == pytest.approx((f1[0] - f1.mean()) / (best - f1.mean()))
    assert row["z"] == pytest.approx(zscore(turned @ b.astype(int))[0])
    assert row["p_value"] == pytest.approx(
        1 - percentileofscore(f1.round(12), f1[0].round(12), "strict") / 100
    )


def test_q_values_by_hand_and_by_scikit_learn():
    rng = np.random.default_rng(1)
    truth = random_marks(rng, 400, 0.3)
    noise = [random_marks(rng, 400, 0.3) for _ in range(2)]
    pairs = [(cut(truth), cut(other)) for other in (truth ^ random_marks(rng, 400, 0.35), *noise)]
    table = agreement_table(pairs)
    p, q = np.sort(table["p_value"]), np.sort(table["q_value"])
    assert q == pytest.approx([min(p[2], 1.5 * p[1], 3 * p[0]), min(p[2], 1.5 * p[1]), p[2]])
    for alpha in (0.01, 0.05, 0.5, 0.9):
        chosen = SelectFdr(lambda x, _: (x[0], table["p_value"].to_numpy()), alpha=alpha)
        chosen.fit(np.ones((2, 3)), [0, 1])
        assert chosen.get_support().tolist() == (table["q_value"] <= alpha).tolist()


def test_identical_segmentations_score_one():
    rng = np.random.default_rng(0)
    a = cut(random_marks(rng, 3000, 0.2), random_marks(rng, 500, 0.3))
    row = compare_segmentations(a, a)
    ones = ["f1", "f1_max", "f1_star", "f1_matched", "jaccard", "kappa", "f1_tolerant", "containment_ab"]
    assert [row[column] for column in ones] == pytest.approx([1] * 8)
    assert row["p_value"] == 1 / 1001 and row["z"] > 20


@pytest.mark.parametrize("rates", [(0.2, 0.2), (0.1, 0.4)])
def test_random_segmentations_score_zero_whatever_their_rates(rates):
    rng = np.random.default_rng(0)
    a, b = (cut(random_marks(rng, 200_000, rate)) for rate in rates)
    row = compare_segmentations(a, b)
    assert row["f1"] > 0.15  # the density trap
    assert abs(row["f1_star"]) < 0.02 and abs(row["kappa"]) < 0.02 and abs(row["z"]) < 3
    assert row["f1_tolerant"] == pytest.approx(row["f1_tolerant_chance"], abs=0.01)
    assert 0.001 < row["p_value"] < 0.999


def test_what_has_no_closed_form_is_set_beside_its_level_at_chance():
    rng = np.random.default_rng(0)
    a, b, c = (cut(random_marks(rng, 50_000, 0.2), random_marks(rng, 20_000, 0.3)) for _ in range(3))
    row, other = compare_segmentations(a, b), compare_segmentations(a, c)
    assert row["ari"] > 0.2  # contiguous chunks: not 0 by chance
    for name in ("f1_tolerant", "vi_split", "vi_merge", "ari", "pk", "window_diff", "boundary_similarity"):
        assert row[name] == pytest.approx(row[f"{name}_chance"], rel=0.03), name
        assert other[name] == pytest.approx(row[f"{name}_chance"], rel=0.03), name


def test_a_periodic_chunker_scores_zero():
    rng = np.random.default_rng(0)
    row = compare_segmentations(cut(np.arange(200_000) % 5 == 3), cut(random_marks(rng, 200_000, 0.2)))
    assert abs(row["f1_star"]) < 0.02


UNLIKE = (0.05, 0.6)
"""Rates of two records whose difference must not pass for agreement."""


def unlike_records(seed=0, n=50_000):
    """Two records at the rates UNLIKE and another such pair that knows nothing of it; p says where they cut."""
    rng, sides = np.random.default_rng(seed), []
    for _ in range(2):
        prob = tuple((rng.random(n) + rate - 0.5).clip(0, 1).astype(np.float32) for rate in UNLIKE)
        sides.append(cut(*(p > 0.5 for p in prob), prob=prob))
    return sides


def test_rates_that_differ_between_records_are_no_agreement():
    a, b = unlike_records()
    row = compare_segmentations(a, b)
    assert row["f1"] > 0.5 and row["f1_matched"] > 0.5  # the density trap
    for name in ("f1_star", "kappa", "spearman"):
        assert abs(row[name]) < 0.01, name
    for name in ("f1", "f1_matched", "containment_ab", "containment_ba", "f1_tolerant", "ari", "pk"):
        assert row[name] == pytest.approx(row[f"{name}_chance"], rel=0.02), name
    for name in ("vi_split", "vi_merge", "window_diff", "boundary_similarity"):
        assert row[name] == pytest.approx(row[f"{name}_chance"], rel=0.02), name
    table = density_curve(a, b, [0.05, 0.2, 0.5, 0.8])
    assert table["f1_star"].abs().max() < 0.02


def test_the_same_in_records_that_differ_is_all_there_is():
    a, _ = unlike_records(n=3000)
    row = compare_segmentations(a, a)
    for name in ("f1", "f1_max", "f1_star", "f1_matched", "kappa", "spearman", "containment_ab"):
        assert row[name] == pytest.approx(1), name
    assert density_curve(a, a, [0.1, 0.4])["f1_star"].tolist() == pytest.approx([1, 1])


def test_chance_of_several_records_by_hand():
    # Record 1: a cuts 3 of 4, b 2; record 2: a cuts 1 of 6, b 3. By chance 3 2 / 4 + 1 3 / 6 = 2 are shared.
    a = cut(np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 0, 0, 0], bool))
    b = cut(np.array([1, 1, 0, 0], bool), np.array([1, 1, 1, 0, 0, 0], bool))
    row = compare_segmentations(a, b)
    assert (row["f1"], row["f1_chance"], row["f1_max"]) == pytest.approx((6 / 9, 4 / 9, 6 / 9))
    assert (row["containment_ab_chance"], row["containment_ba_chance"]) == pytest.approx((2 / 4, 2 / 5))
    assert row["kappa"] == pytest.approx(
        (7 - 5) / (10 - 5)
    )  # alike in 7 of 10, by chance in 10 - 4 - 5 + 2 2 = 5
    # Four of a's, and four of b's five, which are alike: 1.6 and 2.4 of them on average.
    chance = (3 * 1.6 / 4 + 1 * 2.4 / 6) / 4
    assert (row["f1_matched"], row["f1_matched_chance"]) == pytest.approx((3 * 0.8 / 4, chance))


CHANCES = [name.removesuffix("_chance") for name in schema.AGREEMENT if name.endswith("_chance")]


@pytest.mark.parametrize("measure", CHANCES)
def test_the_level_at_chance_is_not_what_is_observed(measure):
    """Of a segmentation and itself, which chance does not reach."""
    a = cut(
        random_marks(np.random.default_rng(0), 2000, 0.2), random_marks(np.random.default_rng(1), 500, 0.3)
    )
    row = compare_segmentations(a, a)
    best = 0 if measure in ("vi_split", "vi_merge", "pk", "window_diff") else 1
    assert row[measure] == pytest.approx(best)
    # By chance at least a tenth of the way is missing, whatever the measure.
    assert abs(row[f"{measure}_chance"] - best) > 0.1


SIZES = [(9,), (2080,), (1, 30, 7), (20_003, 1, 12)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rate", [0.3, 0, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_a_boundary_at_every_byte_tells_nothing(sizes, rate, turned):
    """No room between chance and best, no spread over shifts: undefined, whatever the other side and the rounding."""
    rng = np.random.default_rng(0)
    every, other = cut(*(np.ones(n, bool) for n in sizes)), cut(*(rng.random(n) < rate for n in sizes))
    row = compare_segmentations(*((other, every) if turned else (every, other)), shifts=20)
    assert math.isnan(row["f1_star"]) and math.isnan(row["z"]) and row["p_value"] == 1
    assert row["kappa"] == 0 or (rate == 1 and math.isnan(row["kappa"]))
    if row["n_a"] * row["n_b"]:
        assert row["f1"] == pytest.approx(row["f1_chance"]) and row["f1"] == pytest.approx(row["f1_max"])


def test_density_is_matched_by_probability():
    prob = np.random.default_rng(0).random(1000).astype(np.float32)
    a, b = cut(prob > 0.8, prob=(prob,)), cut(prob > 0.4, prob=(prob,))
    row = compare_segmentations(a, b)
    assert row["f1"] < 0.6
    assert row["f1_matched"] == 1  # the same ranking, another threshold


def test_matched_density_by_hand():
    a = cut(np.array([1, 0, 1, 0, 1], bool), prob=(np.array([0.9, 0.1, 0.8, 0.2, 0.7], np.float32),))
    b = cut(np.array([1, 1, 0, 0, 0], bool), prob=(np.array([0.95, 0.7, 0.1, 0.1, 0.3], np.float32),))
    # The two likeliest: 0 and 2 of a, 0 and 1 of b.
    assert compare_segmentations(a, b)["f1_matched"] == 1 / 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 50))
def test_matched_density_equals_that_of_pandas_and_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 7, n).astype(np.float32) / 8 for _ in range(2))
    a, b = (cut(p > 0.5, prob=(p,)) for p in (x, y))

    def shared(k):
        likely = []
        for p in map(pd.Series, (x, y)):
            least = p.nlargest(k).min()
            # Each of the equals at the end is drawn as often as any other of them.
            likely.append((p > least) + (p == least) * (k - (p > least).sum()) / (p == least).sum())
            assert likely[-1].sum() == pytest.approx(k)
        if all(part.isin([0, 1]).all() for part in likely):
            assert (likely[0] @ likely[1]) / k == pytest.approx(f1_score(*likely))
        return (likely[0] @ likely[1]) / k

    k = min((x > 0.5).sum(), (y > 0.5).sum())
    assert compare_segmentations(a, b)["f1_matched"] == pytest.approx(
        shared(k) if k else math.nan, nan_ok=True
    )
    table = density_curve(a, b, [0.2, 0.5])
    assert table["f1"].tolist() == pytest.approx([shared(k) for k in table["k"]])


def test_density_curve_by_hand():
    a = cut(np.zeros(6, bool), prob=(np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3]),))
    b = cut(np.zeros(6, bool), prob=(np.array([0.95, 0.7, 0.1, 0.1, 0.9, 0.1]),))
    table = density_curve(a, b, [1 / 6, 2 / 6, 3 / 6, 1.0])
    # a's order: slots 0 2 4 5 3 1; b's: 0 4 1 and then 2 3 5, which are alike.
    assert table["k"].tolist() == [1, 2, 3, 6]
    assert table["f1"].tolist() == [1, 1 / 2, 2 / 3, 1]
    assert table["f1_star"].tolist()[:3] == pytest.approx(
        [1, (1 / 2 - 1 / 3) / (2 / 3), (2 / 3 - 1 / 2) / (1 / 2)]
    )
    assert math.isnan(table["f1_star"][3])
    assert table["f1_chance"].tolist() == pytest.approx(table["rate"].tolist())
    assert table["f1_max"].tolist() == [1, 1, 1, 1]


def test_equals_are_drawn_at_random_by_either_side():
    """Rules know no order among their places: the first of them must not pass for those that both prefer."""
    rng = np.random.default_rng(0)
    a, b = (cut(random_marks(rng, 40_000, 0.1), random_marks(rng, 20_000, 0.1)) for _ in range(2))
    table = density_curve(a, b, [0.02, 0.05, 0.3, 0.6, 0.9])
    assert table["f1"].tolist() == pytest.approx(table["f1_chance"].tolist(), rel=0.05)
    assert table["f1_chance"].tolist() == pytest.approx(table["rate"].tolist(), rel=0.01)


def test_at_their_own_density_the_curve_says_what_the_row_says():
    rng, n = np.random.default_rng(3), 400
    sides = []
    for _ in range(2):
        prob = tuple(rng.random(n).astype(np.float32) * scale for scale in (1, np.float32(0.6)))
        likeliest = np.sort(np.concatenate(prob))[-200]
        sides.append(cut(*(p >= likeliest for p in prob), prob=prob))
    row, point = compare_segmentations(*sides), density_curve(*sides, [0.25]).iloc[0]
    assert point["k"] == row["n_a"] == row["n_b"] == 200
    for name in ("f1", "f1_chance", "f1_max", "f1_star"):
        assert point[name] == pytest.approx(row[name]), name
    assert row["f1_matched"] == row["f1"] and row["f1_matched_chance"] == pytest.approx(row["f1_chance"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sizes", [(0,), (0, 0)])
def test_records_of_one_byte_have_no_density(sizes):
    nothing = cut(*(np.zeros(n, bool) for n in sizes))
    table = density_curve(nothing, nothing, [0.1, 1.0])
    assert table["k"].tolist() == [0, 0]
    assert table[["rate", "f1", "f1_chance", "f1_max", "f1_star"]].isna().all(axis=None)


def test_spearman_by_hand():
    # Ranks 1 2 3 4 5 against 2 1 3 5 4: 1 - 6 (1 + 1 + 0 + 1 + 1) / (5 (25 - 1)) = 0.8.
    x, y = np.array([1, 2, 3, 4, 5], np.float32) / 8, np.array([2, 1, 3, 5, 4], np.float32) / 8
    assert spearman(cut(x > 1, prob=(x,)), cut(y > 1, prob=(y,))) == pytest.approx(0.8)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 60), min_size=1, max_size=3), st.booleans())
def test_spearman_equals_that_of_scipy(seed, sizes, all_seen):
    """Of several records the mean of theirs, by the positions that both stages see."""
    rng = np.random.default_rng(seed)
    probs = [[rng.integers(0, 5, n).astype(np.float32) for n in sizes] for _ in range(2)]
    seen = [[np.flatnonzero((rng.random(n) < 0.8) | all_seen) + 1 for n in sizes] for _ in range(2)]
    a, b = (
        Segmentation(
            "x",
            0,
            tuple(n + 1 for n in sizes),
            tuple(each[:0] for each in at),
            tuple(at),
            tuple(p[each - 1] for p, each in zip(prob, at, strict=True)),
        )
        for at, prob in zip(seen, probs, strict=True)
    )
    found = []
    for x, y, in_a, in_b in zip(*probs, *seen, strict=True):
        common = np.intersect1d(in_a, in_b) - 1
        if len(common) > 1 and np.ptp(x[common]) and np.ptp(y[common]):
            found.append((len(common), spearmanr(x[common], y[common]).statistic))
    want = np.average([rho for _, rho in found], weights=[n for n, _ in found]) if found else math.nan
    assert spearman(a, b) == pytest.approx(want, nan_ok=True)


def test_rates_that_differ_are_pointed_out():
    rng = np.random.default_rng(0)
    dense, sparse = (cut(random_marks(rng, 1000, rate)) for rate in (0.4, 0.2))
    assert compare_segmentations(dense, sparse)["rates_differ"]
    assert not compare_segmentations(dense, dense)["rates_differ"]


@pytest.mark.parametrize("marks", [np.zeros(5, bool), np.zeros(0, bool)])
def test_without_boundaries_ratios_are_undefined_not_wrong(marks):
    row = compare_segmentations(cut(marks), cut(marks))
    assert math.isnan(row["f1"]) and math.isnan(row["f1_star"]) and row["p_value"] == 1


TEXT = Sequence("t", b"The cat sat. The dog ran, and so on. " * 8)
WORDS = FakeModel("words", cuts=(b" ", b"."))
COMMAS = FakeModel("commas", cuts=(b" ,",))


def test_stages_of_two_analyses():
    a, b = analyse([TEXT], WORDS), analyse([TEXT], COMMAS)
    cuts = positions(a, 1)
    assert cuts.starts[0].tolist() == [
        at + 1 for at in range(len(TEXT.data) - 1) if TEXT.data[at - 1 : at + 1] == b". "
    ]
    assert 0 not in cuts.seen[0] and cuts.lengths == (len(TEXT.data),)
    row = compare(a, b, stage_a=0)
    assert row["containment_ab"] == 1 and row["containment_ba"] < 1  # COMMAS cuts behind the comma too
    with pytest.raises(InputError, match="no stage 2; it has stages 0 to 1"):
        compare(a, b, stage_a=2)


def test_every_pair_of_models_and_stages():
    analyses = [analyse([TEXT, Sequence("u", b"a b c.d")], model) for model in (WORDS, COMMAS, FakeModel())]
    table = compare_all(analyses)
    pairs = table[["model_a", "stage_a", "model_b", "stage_b"]].itertuples(index=False)
    assert [tuple(pair) for pair in pairs] == [
        ("words", 0, "commas", 0),
        ("words", 1, "commas", 0),
        ("words", 0, "fake", 0),
        ("words", 0, "fake", 1),
        ("words", 1, "fake", 0),
        ("words", 1, "fake", 1),
        ("commas", 0, "fake", 0),
        ("commas", 0, "fake", 1),
    ]
    with pytest.raises(InputError, match="at least two"):
        compare_all(analyses[:1])


def test_differences_list_every_boundary_of_either():
    a, b = analyse([Sequence("t", b"a b,c d")], WORDS), analyse([Sequence("t", b"a b,c d")], COMMAS)
    rows = [tuple(row) for row in differences(a, b).itertuples(index=False)]
    assert rows == [("t", 2, True, True), ("t", 4, False, True), ("t", 6, True, True)]


def test_different_inputs_are_refused():
    a, b = analyse([TEXT], WORDS), analyse([Sequence("t", TEXT.data[:-1])], COMMAS)
    for function in (compare, differences, lambda x, y: compare_all([x, y])):
        with pytest.raises(InputError, match="different sequences"):
            function(a, b)
    with pytest.raises(InputError, match="tolerance=-1"):
        compare(a, a, tolerance=-1)


def test_a_million_positions_take_a_few_sorts():
    rng, n = np.random.default_rng(0), 1_000_003
    a, b = (cut(random_marks(rng, n, 0.2)) for _ in range(2))
    values, started = rng.random((3, n)), time.process_time()
    np.sort(values, axis=1)
    sorts = time.process_time() - started
    compare_segmentations(a, b, tolerance=2)
    assert time.process_time() - started - sorts < 10 * sorts
