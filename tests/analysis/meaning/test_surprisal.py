"""Surprisal: the model's own, byte by byte; its relation to boundaries by hand, by scikit-learn, by scipy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import percentileofscore, spearmanr, zscore
from sklearn.metrics import roc_auc_score

from analysis import schema
from analysis.boundaries.segmentations import Segmentation, segmentation_of
from analysis.meaning.surprisal import Surprisal, surprisal_table, surprisals
from analysis.references.spikes import spike_units
from hnet_core.checkpoint import LoadedModel, save_model
from hnet_core.encoding import encode
from hnet_core.evaluate import score
from tests.tiny import random_bytes, tiny_model


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    model = tiny_model(1)
    return LoadedModel(model, model.config, {"row_bytes": 64}, tmp_path_factory.mktemp("m"), "tiny")


def test_bits_are_those_of_the_next_byte(loaded):
    data = random_bytes(40)
    (found,) = surprisals(loaded, [data])
    ids = torch.from_numpy(encode(data).astype(np.int64))
    with torch.inference_mode():
        logits = loaded.model(ids, cu_seqlens=torch.tensor([0, len(ids)])).logits[:-1]
    probs = logits.double().softmax(-1).numpy()
    want = -np.log2(probs[np.arange(40), list(data)])
    assert found.bits == pytest.approx(want, abs=1e-4)
    assert found.entropy == pytest.approx(-(probs * np.log2(probs)).sum(1), abs=1e-4)


def test_windows_sum_to_what_evaluate_scores(loaded):
    data = [random_bytes(500, seed=1), random_bytes(1, seed=2), random_bytes(64, seed=3)]
    seen = []
    for each, found in zip(data, surprisals(loaded, data, lambda *at: seen.append(at)), strict=True):
        nll, _ = score(loaded.model, each, context=64)
        assert found.bits.sum() == pytest.approx(nll / math.log(2), rel=1e-4)
        assert len(found.bits) == len(found.entropy) == len(each)
    assert seen[-1] == (565, 565)


def test_a_model_without_a_start_marker_reads_none(loaded):
    plain = replace(loaded, info=loaded.info | {"bos": False})
    data = [random_bytes(40), random_bytes(1, seed=2), random_bytes(200, seed=3)]
    short, one, long = surprisals(plain, data)
    with torch.inference_mode():
        logits = loaded.model(
            torch.from_numpy(np.array(list(data[0]))), cu_seqlens=torch.tensor([0, 40])
        ).logits
    probs = logits[:-1].double().softmax(-1).numpy()
    want = -np.log2(probs[np.arange(39), list(data[0][1:])])
    assert short.bits == pytest.approx([8, *want], abs=1e-4)
    assert short.entropy == pytest.approx([8, *-(probs * np.log2(probs)).sum(1)], abs=1e-4)
    assert one.bits.tolist() == [8] and len(long.bits) == 200 and (long.bits[1:] != 8).all()


def as_surprisal(values):
    return Surprisal(np.asarray(values, np.float32), np.zeros(len(values), np.float32))


def test_by_hand():
    # Boundaries at 2 and 5; bits of bytes 1 to 5: 1 4 2 3 5. Each boundary beats every other byte.
    cut = segmentation_of("m", [np.array([2, 5])], [6])
    row = surprisal_table([cut], [as_surprisal([9, 1, 4, 2, 3, 5])], lags=[0, 1]).iloc[0]
    assert (row["n_positions"], row["n_boundaries"]) == (5, 2)
    assert (row["bits_at_boundary"], row["bits_elsewhere"], row["auroc"]) == (4.5, 2.0, 1.0)
    # Of the five shifts only none reaches the sum of ranks of 9: p is 2 (1 + 0) / 5.
    assert row["p_value"] == pytest.approx(2 / 5)
    row = surprisal_table([cut], [as_surprisal([9, 5, 2, 4, 3, 1])], lags=[0]).iloc[0]
    assert (row["auroc"], row["p_value"]) == (0.0, pytest.approx(2 / 5))  # two-sided


@pytest.mark.parametrize("lag", [-1, 0, 2])
def test_measures_equal_those_of_scikit_learn_and_scipy(lag):
    rng = np.random.default_rng(lag + 5)
    lengths = [200, 1, 90]
    seen = [np.sort(rng.choice(np.arange(1, n), n // 2, replace=False)) for n in lengths]
    prob = [rng.random(len(at)).astype(np.float32) for at in seen]
    starts = [at[p > 0.6] for at, p in zip(seen, prob, strict=True)]
    cut = Segmentation("m", 1, tuple(lengths), tuple(starts), tuple(seen), tuple(prob))
    bits = [rng.integers(0, 9, n).astype(np.float32) for n in lengths]
    row = surprisal_table([cut], [as_surprisal(b) for b in bits], lags=[lag], shifts=50).iloc[0]
    found = []
    for b, at, p in zip(bits, seen, prob, strict=True):
        inside = (at + lag >= 0) & (at + lag < len(b))
        values, probs = b[at[inside] + lag], p[inside]
        if inside.any():
            pairs = (probs > 0.6).sum() * (probs <= 0.6).sum()
            auroc, rho = roc_auc_score(probs > 0.6, values), spearmanr(probs, values).statistic
            found.append((auroc, pairs, rho, inside.sum()))
    auroc, pairs, rho, n = zip(*found, strict=True)
    assert len(found) == 2  # of a record what is inside it, by the pairs that can be made there
    assert row["auroc"] == pytest.approx(np.average(auroc, weights=pairs))
    assert row["spearman"] == pytest.approx(np.average(rho, weights=n))


def test_records_that_differ_in_rate_and_in_surprisal_are_at_chance():
    rng, lengths = np.random.default_rng(0), [20_000, 20_000]
    bits = [rng.random(n) + level for n, level in zip(lengths, (0, 5), strict=True)]
    prob = [
        (rng.random(n - 1) + rate - 0.5).astype(np.float32)
        for n, rate in zip(lengths, (0.05, 0.6), strict=True)
    ]
    seen = tuple(np.arange(1, n) for n in lengths)
    starts = tuple(at[p > 0.5] for at, p in zip(seen, prob, strict=True))
    cut = Segmentation("m", 0, tuple(lengths), starts, seen, tuple(prob))
    row = surprisal_table([cut], [as_surprisal(b) for b in bits], lags=[0], shifts=200).iloc[0]
    assert row["auroc"] == pytest.approx(0.5, abs=0.01) and abs(row["spearman"]) < 0.02
    assert abs(row["z"]) < 3


def test_z_and_p_equal_those_of_scipy_over_all_shifts():
    rng = np.random.default_rng(3)
    bits, marks = rng.random(51), rng.random(50) < 0.3
    cut = segmentation_of("m", [np.flatnonzero(marks) + 1], [51])
    row = surprisal_table([cut], [as_surprisal(bits)], lags=[0]).iloc[0]
    turned = np.array([roc_auc_score(np.roll(marks, s), bits[1:]) for s in range(50)]).round(12)
    assert row["auroc"] == pytest.approx(turned[0]) and row["z"] == pytest.approx(zscore(turned)[0])
    low, high = percentileofscore(turned, turned[0], "weak"), percentileofscore(turned, turned[0], "strict")
    assert row["p_value"] == pytest.approx(min(1, 2 * min(low, 100 - high) / 100))


def test_unrelated_surprisal_is_at_chance_and_related_is_not():
    rng = np.random.default_rng(1)
    bits = [rng.random(n) for n in (4000, 3000)]
    other = [np.flatnonzero(rng.random(len(b) - 1) < 0.2) + 1 for b in bits]
    same = [np.flatnonzero(b[1:] + 0.3 * rng.random(len(b) - 1) > 0.9) + 1 for b in bits]
    cuts = [segmentation_of(name, at, [4000, 3000]) for name, at in (("other", other), ("same", same))]
    table = surprisal_table(cuts, [as_surprisal(b) for b in bits], lags=[0])
    schema.check(table, schema.SURPRISAL)
    none, much = table.iloc[0], table.iloc[1]
    assert none["auroc"] == pytest.approx(0.5, abs=0.02) and abs(none["z"]) < 3 and none["p_value"] > 0.01
    assert much["auroc"] > 0.9 and much["z"] > 20 and much["p_value"] == pytest.approx(2 / 1001)


def test_nothing_to_compare_is_undefined():
    row = surprisal_table([segmentation_of("m", [np.array([], int)], [3])], [as_surprisal([1, 2, 3])]).iloc[2]
    assert math.isnan(row["auroc"]) and math.isnan(row["p_value"])


def test_spikes_are_the_highest_bytes(loaded, tmp_path):
    save_model(tmp_path / "m", loaded.model, {"name": "m", "row_bytes": 64})
    data = random_bytes(300, seed=4)
    (found,) = surprisals(loaded, [data])
    at = spike_units(str(tmp_path / "m"), "surprisal", 0.1)(data)
    assert len(at) == 30 and set(at) == set(np.argsort(-found.bits)[:30])
    at = spike_units(str(tmp_path / "m"), "entropy", None)(data)
    _, boundaries = score(loaded.model, data, context=1000)
    assert len(at) == boundaries[0].sum() + (not boundaries[0][0])
