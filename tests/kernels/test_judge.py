"""The judge of kernels sees errors that are small beside the largest entry."""

from importlib import import_module

import pytest
import torch

from kernels.ssd import reference
from tests.kernels.gradients import SMALL, assert_as_exact_as_eager
from tests.kernels.test_ssd import example


class WithoutSmall(torch.autograd.Function):
    """The identity; its gradient has every entry below SMALL of the largest set to 0."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, dx):
        return dx.masked_fill(dx.abs() < SMALL * dx.abs().max(), 0.0)


@pytest.mark.parametrize("name", ["B", "x"])
def test_a_gradient_without_its_small_entries_is_found(name):
    kernel, inputs = import_module("kernels.ssd.cuda").ssd, example((33,), (2, 16, 32))
    assert_as_exact_as_eager(kernel, reference.ssd, inputs, torch.bfloat16)

    def broken(**given):
        return kernel(**given | {name: WithoutSmall.apply(given[name])})

    with pytest.raises(AssertionError, match=rf"d{name}: error of (all|small) entries"):
        assert_as_exact_as_eager(broken, reference.ssd, inputs, torch.bfloat16)


def test_an_error_of_all_entries_is_found():
    """Each far below the largest, together above what rounding once gives."""
    x = torch.randn(4000, generator=torch.Generator().manual_seed(1))

    def shifted(x):
        return x + 0.022

    assert_as_exact_as_eager(lambda x: x * 1, lambda x: x * 1, {"x": x}, torch.bfloat16)
    with pytest.raises(AssertionError, match=r"error of (all|small) entries"):
        assert_as_exact_as_eager(shifted, lambda x: x * 1, {"x": x}, torch.bfloat16)
