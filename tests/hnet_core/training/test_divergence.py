"""A step is judged before it reaches the weights, and the message says which part of the model went wrong."""

import pytest
import torch

from hnet_core.training.divergence import FEWEST, WINDOW, DivergenceGuard
from hnet_core.training.step import StepFigures
from tests.tiny import tiny_model


def figures(cross_entropy: float, *ratios: float) -> StepFigures:
    return StepFigures(cross_entropy, cross_entropy, ratios or (1.0,), (10,), (2,))


@pytest.fixture(scope="module")
def model():
    made = tiny_model(1)
    for parameter in made.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    made.backbone.main_network.main_network.layers[0].mlp.fc1.weight.grad.fill_(1.0)
    return made


def guard(*losses: float, explode: float = 3.0) -> DivergenceGuard:
    made = DivergenceGuard(explode)
    made.recent = list(losses)
    return made


def test_a_loss_above_three_medians_is_an_explosion(model):
    usual = [1.0, 1.2, 1.4] * 10
    assert guard(*usual).check(figures(3.5), 1.0, model) is None
    fault = guard(*usual).check(figures(3.7), 1.0, model)
    assert "3.7 nats, above explode=3 times the median of the last 30 steps (1.2)" in fault
    assert "backbone.main_network.main_network.layers.0.mlp.fc1.weight (stage 1)" in fault
    assert guard(*usual, explode=0).check(figures(100.0), 1.0, model) is None


def test_the_first_steps_are_not_compared(model):
    assert guard(*[1.0] * (FEWEST - 1)).check(figures(50.0), 1.0, model) is None
    assert guard(*[1.0] * FEWEST).check(figures(50.0), 1.0, model)


def test_sound_steps_alone_are_remembered_and_only_the_last_ones(model):
    judge = guard(*[1.0] * WINDOW)
    judge.check(figures(50.0), 1.0, model)
    assert judge.recent == [1.0] * WINDOW
    judge.check(figures(0.5), 1.0, model)
    assert judge.recent == [1.0] * (WINDOW - 1) + [0.5]


def test_what_is_no_number_is_named(model):
    assert "ratio loss of stage 1 is nan" in guard().check(figures(1.0, 1.0, float("nan")), 1.0, model)
    assert "cross entropy is inf" in guard().check(figures(float("inf"), 1.0), 1.0, model)
    assert guard().check(figures(1.0), float("inf"), model) == "the gradient norm is too large for a number"
    weight = model.backbone.encoder.layers[0].mixer.in_proj.weight
    weight.grad[0, 0] = float("nan")
    fault = guard().check(figures(1.0), float("nan"), model)
    assert fault == "the gradient of backbone.encoder.layers.0.mixer.in_proj.weight (stage 0) is not finite"
    weight.grad.fill_(1e-3)
