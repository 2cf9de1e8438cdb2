"""The linear map on a CPU, through oneDNN, in float32 or with bfloat16 products.

Torch sends float32 products to MKL, which on processors of other makers than its own runs tall, thin products
(many positions, narrow weights: every projection of a small encoder) at about half the speed of oneDNN.
"""

import torch
from torch import Tensor

MIN_ROWS = 64
"""Below this, oneDNN's cost of a call (some 40 us) outweighs the faster product."""


class Linear(torch.autograd.Function):
    """x (T, D_in), weight (D_out, D_in) -> (T, D_out), all products in float32"""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        dx = _product(dy, weight.T.contiguous()) if ctx.needs_input_grad[0] else None
        # The weight's gradient is a short, wide product, at which MKL is the faster of the two.
        dweight = dy.T @ x if ctx.needs_input_grad[1] else None
        return dx, dweight


class LinearBF16(torch.autograd.Function):
    """As Linear, but factors are rounded to bfloat16 before each product, and products after it, in the dtype of x."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.dtypes = x.dtype, weight.dtype
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        return (x @ weight.T).to(ctx.dtypes[0])

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        dy = dy.bfloat16()
        dx = (dy @ weight).to(ctx.dtypes[0]) if ctx.needs_input_grad[0] else None
        dweight = (dy.T @ x).to(ctx.dtypes[1]) if ctx.needs_input_grad[1] else None
        return dx, dweight


def _product(x: Tensor, weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def linear(x: Tensor, weight: Tensor, precision: str) -> Tensor:
    """As kernels.linear.linear."""
    if precision == "bf16" or x.dtype == torch.bfloat16:
        return LinearBF16.apply(x, weight)
    if len(x) < MIN_ROWS:
        return torch.nn.functional.linear(x, weight)
    return Linear.apply(x, weight)
