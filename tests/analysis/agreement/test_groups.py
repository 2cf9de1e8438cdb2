"""Groups of models: Fleiss' kappa by hand and by NLTK, means and intervals over runs, consensus, order."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from scipy.stats import bootstrap

from analysis import schema
from analysis.agreement.groups import cluster_order, consensus, fleiss_kappa, group_labels, group_table
from analysis.agreement.pairs import compare_pairs, kappa
from analysis.boundaries.segmentations import segmentation_of
from hnet_core.errors import InputError


def cut(name, *marks, stage=0):
    starts = [np.flatnonzero(m) + 1 for m in marks]
    return segmentation_of(name, starts, [len(m) + 1 for m in marks], stage)


def one_record(n):
    """The edges of one record."""
    return np.array([0, n])


def related(rng, truth, noise):
    """The truth with a share of its slots drawn anew."""
    return np.where(rng.random(len(truth)) < noise, rng.random(len(truth)) < truth.mean(), truth)


def test_fleiss_kappa_by_hand():
    raters = [np.array(bits, bool) for bits in ([1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1])]
    # Slots with 3, 0, 1, 1 of 3 cuts: agreement (1 + 1 + 1/3 + 1/3) / 4 = 2/3; rate 5/12, chance 25/144 + 49/144.
    chance = 74 / 144
    assert fleiss_kappa(raters, one_record(4)) == pytest.approx((2 / 3 - chance) / (1 - chance))
    assert math.isnan(fleiss_kappa(raters[:1], one_record(4)))
    assert math.isnan(fleiss_kappa([raters[0][:0]] * 2, one_record(0)))
    # Of two records of two slots: rates 3/6 and 2/6, chance the mean of 1/2 and 5/9.
    chance = (1 / 2 + 5 / 9) / 2
    assert fleiss_kappa(raters, np.array([0, 2, 4])) == pytest.approx((2 / 3 - chance) / (1 - chance))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 4), st.integers(2, 15))
def test_fleiss_kappa_equals_that_of_nltk(seed, raters, n):
    bits = np.random.default_rng(seed).random((raters, n)) < 0.4
    if bits.any() and not bits.all():
        rows = [(f"r{r}", f"s{i}", str(bits[r, i])) for r in range(raters) for i in range(n)]
        assert fleiss_kappa(list(bits), one_record(n)) == pytest.approx(AnnotationTask(data=rows).pi())


def test_rates_that_differ_between_records_are_no_agreement_of_a_group():
    rng, n = np.random.default_rng(0), 20_000
    runs = [cut(f"m{i}", *(rng.random(n) < rate for rate in (0.05, 0.6))) for i in range(4)]
    groups = group_table(
        compare_pairs([[run] for run in runs], shifts=9), runs, {run.name: "all" for run in runs}
    )
    for measure in ("fleiss_kappa", "kappa", "f1_star", "spearman"):
        assert abs(row_of(groups, "all", 0, "all", 0, measure)["mean"]) < 0.01, measure
    fleiss = fleiss_kappa([run.marks for run in runs], runs[0].edges)
    assert row_of(groups, "all", 0, "all", 0, "fleiss_kappa")["mean"] == fleiss


@pytest.mark.parametrize("sizes", [(9,), (2083,), (5, 1, 77)])
def test_all_runs_that_cut_everywhere_or_nowhere_have_no_kappa(sizes):
    edges = np.cumsum([0, *sizes])
    for marks in (np.ones(edges[-1], bool), np.zeros(edges[-1], bool)):
        assert math.isnan(fleiss_kappa([marks] * 3, edges))


def test_groups_come_from_model_json():
    infos = {
        "a": {"domain": "dna", "n_stages": 1, "seed": 3},
        "b": {"domain": "dna", "n_stages": 2},
        "ref:words": {"title": "x"},
    }
    assert group_labels(infos, ["domain", "depth"]) == {
        "a": "domain dna, depth 1",
        "b": "domain dna, depth 2",
        "ref:words": "ref:words",
    }
    assert group_labels(infos, ["seed"])["b"] == "seed ?"
    with pytest.raises(InputError, match="give one or more of domain, depth, seed, data"):
        group_labels(infos, ["colour"])


@pytest.fixture(scope="module")
def three_runs():
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.3
    shallow = [[cut(f"shallow{i}", related(rng, truth, 0.2 + 0.2 * i))] for i in range(3)]
    deep = [
        [cut(f"deep{i}", marks), cut(f"deep{i}", marks & (rng.random(2000) < 0.5), stage=1)]
        for i, marks in enumerate(related(rng, truth, 0.3) for _ in range(2))
    ]
    cuts = [*shallow, *deep]
    groups = {model[0].name: model[0].name.rstrip("012") for model in cuts}
    table = compare_pairs(cuts, shifts=10)
    return table, group_table(table, [c for model in cuts for c in model], groups)


def row_of(groups, a, stage_a, b, stage_b, measure):
    keys = ("group_a", "stage_a", "group_b", "stage_b", "measure")
    wanted = dict(zip(keys, (a, stage_a, b, stage_b, measure), strict=True))
    found = groups[(groups[list(keys)] == pd.Series(wanted)).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


def test_means_inside_a_group_are_over_pairs_of_different_runs(three_runs):
    table, groups = three_runs
    schema.check(groups, schema.GROUPS)
    inside = table["model_a"].str.startswith("shallow") & table["model_b"].str.startswith("shallow")
    row = row_of(groups, "shallow", 0, "shallow", 0, "kappa")
    values = np.sort(table.loc[inside, "kappa"])
    assert (row["n_runs_a"], row["n_pairs"]) == (3, 3)
    assert row["mean"] == pytest.approx(values.mean())
    # A resample holds one pair, or all three: its means reach from the least pair to the greatest.
    assert (row["low"], row["high"]) == pytest.approx((values[0], values[2]))
    fleiss = row_of(groups, "shallow", 0, "shallow", 0, "fleiss_kappa")
    assert fleiss["mean"] == pytest.approx(row["mean"], abs=0.02) and math.isnan(fleiss["low"])


def test_between_groups_sides_keep_their_meaning(three_runs):
    table, groups = three_runs
    between = table["model_a"].str.startswith("shallow") & (table["stage_b"] == 1)
    row = row_of(groups, "shallow", 0, "deep", 1, "containment_ba")
    assert (row["n_runs_a"], row["n_runs_b"], row["n_pairs"]) == (3, 2, 6)
    assert row["mean"] == pytest.approx(table.loc[between, "containment_ba"].mean())
    assert row["low"] < row["mean"] < row["high"]
    other = row_of(groups, "shallow", 0, "deep", 1, "containment_ab")
    assert other["mean"] < row["mean"] - 0.2  # the inner stage cuts at half the places of the outer


def test_the_interval_equals_that_of_scipy():
    """Four runs against three, drawn anew on either side: a percentile bootstrap of the mean over pairs."""
    rng = np.random.default_rng(2)
    truth = rng.random(400) < 0.3
    runs = [cut(f"{'ab'[i > 3]}{i}", related(rng, truth, 0.1 + 0.1 * i)) for i in range(7)]
    table = compare_pairs([[run] for run in runs], shifts=1)
    groups = group_table(table, runs, {run.name: run.name[0] for run in runs}, resamples=20_000)
    row = row_of(groups, "a", 0, "b", 0, "kappa")
    kappa = table.set_index(["model_a", "model_b"])["kappa"]
    grid = np.array([[kappa[a.name, b.name] for b in runs[4:]] for a in runs[:4]])

    def mean(a, b, axis=-1):
        return grid[a[..., :, None], b[..., None, :]].mean((-2, -1))

    found = bootstrap((np.arange(4), np.arange(3)), mean, n_resamples=20_000, method="percentile", rng=rng)
    assert row["mean"] == pytest.approx(grid.mean())
    width = np.ptp(grid)
    assert (row["low"], row["high"]) == pytest.approx(tuple(found.confidence_interval), abs=0.02 * width)


def test_stages_of_one_run_are_no_pair(three_runs):
    table, groups = three_runs
    row = row_of(groups, "deep", 0, "deep", 1, "containment_ba")
    apart = table[(table["model_a"] == "deep0") & (table["model_b"] == "deep1")]
    want = [
        apart.loc[(apart["stage_a"] == 0) & (apart["stage_b"] == 1), "containment_ba"].item(),
        apart.loc[(apart["stage_a"] == 1) & (apart["stage_b"] == 0), "containment_ab"].item(),
    ]
    assert row["n_pairs"] == 2 and row["mean"] == pytest.approx(np.mean(want))
    assert math.isnan(row["low"])  # two runs on both sides: too few


def test_consensus_counts_models_at_every_byte():
    a, b = cut("a", np.array([1, 0, 0], bool), np.array([0, 1], bool)), cut("b", *np.zeros((2, 3), bool))
    b = cut("b", np.array([1, 0, 1], bool), np.array([0, 0], bool))
    rows = [tuple(row) for row in consensus([a, b], ["x", "y"]).itertuples(index=False)]
    assert rows == [("x", 1, 2, 1.0), ("x", 3, 1, 0.5), ("y", 2, 1, 0.5)]


def test_order_puts_alike_beside_alike():
    rng = np.random.default_rng(0)
    one, two = rng.random((2, 3000)) < 0.3
    cuts = [cut(f"{k}{i}", related(rng, t, 0.3)) for i in range(3) for k, t in (("a", one), ("b", two))]
    order = "".join(name[0] for name, _ in cluster_order(cuts))
    assert order in ("aaabbb", "bbbaaa")
    assert cluster_order(cuts[:2]) == [("a0", 0), ("b0", 0)]


def test_the_order_rests_on_the_kappa_of_the_table():
    """What prefers the same places is alike, and not what cuts often in the same record."""
    rng, n = np.random.default_rng(0), 20_000
    liked = {taste: rng.random((2, n)) for taste in "ab"}
    often = {"first": (0.7, 0.05), "second": (0.05, 0.7)}
    cuts = [
        cut(f"{taste} {which}", *(u < rate for u, rate in zip(liked[taste], rates, strict=True)))
        for which, rates in often.items()
        for taste in "ab"
    ]
    found = compare_pairs([[each] for each in cuts], shifts=1).set_index(["model_a", "model_b"])["kappa"]
    by_name = {each.name: each for each in cuts}
    for (a, b), value in found.items():
        assert kappa(by_name[a], by_name[b]) == value
        assert (value > 0.03) == (a[0] == b[0]) and (value > 0.03 or abs(value) < 0.02)
    assert "".join(name[0] for name, _ in cluster_order(cuts)) in ("aabb", "bbaa")
