"""Sentences follow from numbers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from analysis.findings.agreement import _differs, _or
from analysis.findings.codons import _strongest
from analysis.findings.features import _sentence

RATES = pd.DataFrame(
    {
        "feature": ["CDS", "CDS", "tRNA", "tRNA"],
        "model": ["a / 0", "b / 0", "a / 0", "b / 0"],
        "ratio": [0.9, 1.1, 1.3, 1.2],
        "q_value": [0.01, 0.02, 0.04, 0.3],
    }
)


def test_features_that_stand_out_are_named_with_their_direction():
    said = _sentence("Ring", RATES)
    assert "in 3 of 4 tests" in said
    assert "CDS (more for 1 of 2, fewer for 1 of 2)" in said and "tRNA (more for 1 of 2)" in said


def test_no_feature_is_named_where_none_stands_out():
    said = _sentence("Ring", RATES.assign(q_value=0.2))
    assert said == "Ring: beyond chance in 0 of 4 tests (a class for a stage of a model)."


CODONS = pd.DataFrame(
    {
        "model": ["a / 0", "b / 0"],
        "strand": ["forward", "reverse"],
        "r": [0.1, 0.3],
        "q_r": [0.01, 0.01],
        "q_chi": [0.01, 0.01],
        "rate_1": [0.1, 0.2],
        "rate_2": [0.2, 0.25],
        "rate_3": [0.3, 0.5],
    }
)


def test_the_model_farthest_in_step_is_named():
    assert _strongest(CODONS) == "Farthest goes b / 0 on reverse genes: 20.0 / 25.0 / 50.0 %."
    assert "a / 0" in _strongest(CODONS.assign(q_r=[0.01, 0.5]))


def test_no_model_is_named_where_none_keeps_step():
    assert _strongest(CODONS.assign(q_chi=0.05)) == "No model is in step with the codons beyond chance."


@pytest.mark.parametrize(
    "change, words",
    [
        ({"seed": 1}, "seed"),
        ({"seed": 1, "data_seed": 1}, "seed, data order"),
        ({"data": ["a", "b"]}, "training data"),
        ({"bytes_seen": 2}, "input seen"),
    ],
)
def test_what_two_models_differ_in_is_named(change, words):
    one = {"seed": 0, "data_seed": 0, "data": ["a"], "bytes_seen": 1}
    pair = SimpleNamespace(model_a="a", model_b="b")
    assert _differs(pair, {"a": one, "b": one | change}) == words


def test_all_differences_are_named_once():
    assert _or(["seed", "seed"]) == "seed"
    assert _or(["seed, data order", "seed"]) == "data order or seed"
    assert _or(["seed", "training data", "data order"]) == "data order, seed or training data"
