"""Every parameter is in exactly one group, with the decay and the learning rate it should have."""

from math import sqrt

import pytest
import torch

from hnet_core.training.optim import lr_multipliers, make_adamw, set_learning_rate
from tests.tiny import tiny_config, tiny_model

NEVER_DECAYED = (
    "bias",
    "norm1.weight",
    "norm2.weight",
    "norm.weight",
    "rmsnorm.weight",
    "A_log",
    "D",
    "pad_dimension",
)


def groups_of(n_stages):
    model = tiny_model(n_stages)
    optimizer = make_adamw(model, range(1, n_stages + 2), weight_decay=0.1, betas=(0.9, 0.95), eps=1e-8)
    return model, optimizer


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_groups(n_stages):
    model, optimizer = groups_of(n_stages)
    found = {name: group for group in optimizer.param_groups for name in group["names"]}
    assert sum(len(group["names"]) for group in optimizer.param_groups) == len(found)
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, group in found.items():
        decayed = not name.endswith(NEVER_DECAYED)
        assert (group["weight_decay"] > 0) == decayed, name
    assert found["embeddings.weight"]["lr_scale"] == found["lm_head.weight"]["lr_scale"] == 1
    innermost = next(
        name for name in found if "layers" in name and name.count("main_network") == n_stages + 1
    )
    assert found[innermost]["lr_scale"] == n_stages + 1
    if n_stages == 2:
        assert found["backbone.routing_module.q_proj_layer.weight"]["stage"] == 0
        assert found["backbone.main_network.routing_module.q_proj_layer.weight"]["stage"] == 1
        assert found["backbone.main_network.pad_dimension"]["stage"] == 1
        assert found["backbone.main_network.main_network.pad_dimension"]["stage"] == 2


def test_learning_rate_reaches_each_stage():
    _, optimizer = groups_of(1)
    set_learning_rate(optimizer, 0.01)
    assert {group["stage"]: group["lr"] for group in optimizer.param_groups} == {0: 0.01, 1: 0.02}


def test_undecayed_parameters_stay_without_gradient():
    model, optimizer = groups_of(1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    set_learning_rate(optimizer, 0.1)
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == name.endswith(NEVER_DECAYED), name


def test_multipliers_follow_the_formula():
    config = tiny_config(2)
    assert config.d_model == (32, 64, 96)
    got = lr_multipliers(config, (3, 2))
    assert got == pytest.approx((sqrt(4.6 * 96 / 32), sqrt(4.6 / 3 * 96 / 64), sqrt(4.6 / 6)))
    assert lr_multipliers(tiny_config(0), ()) == (1.0,)
