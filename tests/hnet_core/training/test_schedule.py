"""Warm-up, stable, decay."""

from math import sqrt

import pytest

from hnet_core.training.schedule import WarmupStableDecay


def test_shape():
    rate = WarmupStableDecay(warmup=0.1, decay=0.2)
    assert rate(0.05) == pytest.approx(0.5)
    assert rate(0.1) == rate(0.5) == rate(0.8) == 1
    assert rate(0.85) == pytest.approx(1 - sqrt(0.25))
    assert rate(1.0) == pytest.approx(0) and rate(1.2) == 0


def test_parts_may_be_left_out():
    rate = WarmupStableDecay(warmup=0, decay=0)
    assert rate(0.001) == rate(1.0) == 1
