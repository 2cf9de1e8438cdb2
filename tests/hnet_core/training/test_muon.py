"""Muon against its formula written out, and which weights it moves."""

from math import sqrt

import numpy as np
import pytest
import torch

from hnet_core.training.muon import COEFFICIENTS, MOMENTUM, STEPS, Muon, block_matrices, orthogonal
from hnet_core.training.optim import make_optimizer, set_learning_rate
from hnet_core.training.options import TrainingOptions
from tests.tiny import tiny_config, tiny_model


def by_hand(matrix: np.ndarray) -> np.ndarray:
    """Newton and Schulz with every product written as a sum."""

    def product(a, b):
        return np.array(
            [
                [sum(a[i, k] * b[k, j] for k in range(len(b))) for j in range(b.shape[1])]
                for i in range(len(a))
            ]
        )

    a, b, c = COEFFICIENTS
    x = matrix / sqrt(sum(v * v for v in matrix.flat))
    for _ in range(STEPS):
        square = product(x, x.T)
        x = a * x + product(b * square + c * product(square, square), x)
    return x


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (6, 2), (1, 7)])
def test_newton_and_schulz(shape):
    rng = np.random.default_rng(0)
    matrices = rng.standard_normal((2, *shape))
    got = orthogonal(torch.from_numpy(matrices)).numpy()
    for matrix, found in zip(matrices, got, strict=True):
        want = by_hand(matrix.T).T if shape[0] > shape[1] else by_hand(matrix)
        np.testing.assert_allclose(found, want, atol=1e-5)
        values = np.linalg.svd(found)[1]
        assert values.min() > 0.6 and values.max() < 1.3
        u, _, v = np.linalg.svd(matrix, full_matrices=False)
        assert (found * (u @ v)).sum() / np.linalg.norm(found) / np.linalg.norm(u @ v) > 0.95


def test_nothing_is_moved_without_a_gradient():
    assert torch.equal(orthogonal(torch.zeros(1, 3, 2)), torch.zeros(1, 3, 2))


def test_two_steps_by_hand():
    """A matrix of two maps, of 4 rows and of 2, with 3 columns: momentum, orthogonal maps, scale, decay."""
    rng = np.random.default_rng(1)
    start, *gradients = rng.standard_normal((3, 6, 3))
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = Muon([{"params": [parameter], "rows": [(4, 2)], "lr": 0.02, "weight_decay": 0.5}])
    weights, running = start.copy(), np.zeros((6, 3))
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        running = MOMENTUM * running + (1 - MOMENTUM) * gradient
        ahead = MOMENTUM * running + (1 - MOMENTUM) * gradient
        update = np.concatenate((by_hand(ahead[:4].T).T * sqrt(4 / 3), by_hand(ahead[4:])))
        weights = weights * (1 - 0.02 * 0.5) - 0.02 * update
        np.testing.assert_allclose(parameter.detach().numpy(), weights, atol=1e-6)


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_it_moves_the_matrices_of_blocks_and_adamw_the_rest(n_stages):
    model, config = tiny_model(n_stages), tiny_config(n_stages)
    options = TrainingOptions(
        optimizer="muon", learning_rate=0.002, muon_learning_rate=0.03, target=(4.0,) * n_stages
    )
    optimizer = make_optimizer(model, config, options)
    groups = {name: group for group in optimizer.param_groups for name in group["names"]}
    assert set(groups) == {name for name, _ in model.named_parameters()}
    assert sum(len(group["names"]) for group in optimizer.param_groups) == len(groups)
    by_muon = {name for name, group in groups.items() if "rows" in group}
    kinds = ("mixer.in_proj.weight", "out_proj.weight", "Wqkv.weight", "fc1.weight", "fc2.weight")
    assert by_muon == {name for name in groups if name.endswith(kinds)}
    set_learning_rate(optimizer, 0.002 / 2)
    assert all(groups[name]["lr"] == pytest.approx(0.015) for name in by_muon)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert all(not torch.equal(before[name], p) for name, p in model.named_parameters())
    assert {"momentum"} == {key for name in by_muon for key in optimizer.state[model.get_parameter(name)]}


def test_maps_that_share_a_product_are_its_rows():
    model = tiny_model(1)
    rows = block_matrices(model)
    named = {name: rows[p] for name, p in model.named_parameters() if p in rows}
    assert all(sum(parts) == model.get_parameter(name).shape[0] for name, parts in named.items())
    mamba = model.backbone.encoder.layers[0].mixer
    assert rows[mamba.in_proj.weight] == (mamba.d_inner, mamba.d_inner, 8, 8, mamba.n_heads)
    block = model.backbone.main_network.main_network.layers[0]
    assert rows[block.mixer.Wqkv.weight] == (64, 64, 64) and rows[block.mlp.fc1.weight] == (128, 128)
    assert rows[block.mlp.fc2.weight] == (64,)
